# Writes OUTPUT, a C++ source that holds the bytes of the FILES (a comma between them).
string(REPLACE "," ";" files "${FILES}")
set(source "#include \"client/import/mappings/embedded.h\"\n\nnamespace sluice::client {\n\n")
string(APPEND source "const std::vector<EmbeddedMapping>& EmbeddedMappings() {\n")
string(APPEND source "  static const auto* const files = new std::vector<EmbeddedMapping>{\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text HEX)
  string(LENGTH "${text}" length)
  math(EXPR length "${length} / 2")
  # Eight bytes a literal: short enough for every compiler.
  string(REGEX REPLACE "(..)" "\\\\x\\1" text "${text}")
  string(REGEX REPLACE "((\\\\x..)(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?)"
                       "\"\\1\"\n" text "${text}")
  string(APPEND source "      {\"${name}\", absl::string_view(${text}, ${length})},\n")
endforeach()
string(APPEND source "  };\n  return *files;\n}\n\n}  // namespace sluice::client\n")
file(WRITE "${OUTPUT}" "${source}")
