// Whatever the bytes are, the strict reader ends, and gives a tree or a reason.
#include <cstdint>
#include <cstdlib>

#include "policy/strict_yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const sluice::policy::YamlRead read = sluice::policy::ReadStrictYaml("f.yaml", bytes);
  if (!read.root.has_value() && read.findings.empty()) std::abort();
  return 0;
}
