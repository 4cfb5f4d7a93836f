# Writes OUTPUT, a C++ source whose FUNCTION holds the bytes of the FILES (a comma between them).
string(REPLACE "," ";" files "${FILES}")
set(source "#include \"policy/embedded.h\"\n\nnamespace sluice::policy {\n\n")
string(APPEND source "const std::vector<EmbeddedFile>& ${FUNCTION}() {\n")
string(APPEND source "  static const auto* const files = new std::vector<EmbeddedFile>{\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text HEX)
  string(LENGTH "${text}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "(..)" "\\\\x\\1" text "${text}")
  # One literal a line of at most 32 bytes: short enough for every compiler.
  string(REGEX REPLACE "((\\\\x..)(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?)"
                       "\"\\1\"\n" text "${text}")
  string(APPEND source "      {\"${name}\", absl::string_view(${text}, ${length})},\n")
endforeach()
string(APPEND source "  };\n  return *files;\n}\n\n}  // namespace sluice::policy\n")
file(WRITE "${OUTPUT}" "${source}")
