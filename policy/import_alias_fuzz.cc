// libFuzzer: a file of import aliases.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/import_alias.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto aliases = ImportAliases::Parse({{"x", text}}, *catalog);
  // Each element line is one alias: none was swallowed, none names two fields.
  if (!aliases.ok()) return 0;
  size_t lines = 0;
  for (size_t at = 0; (at = text.find("element\t", at)) != std::string::npos; ++at) {
    if (at == 0 || text[at - 1] == '\n') ++lines;
  }
  if ((*aliases)->size() != lines) std::abort();
  return 0;
}
