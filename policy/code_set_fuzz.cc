// libFuzzer: a code set's file. What it lists it knows, and each of its maps maps it.
#include <cstdint>
#include <cstdlib>

#include "policy/code_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<CodeSet> set = CodeSet::Parse("x", text);
  if (!set.ok()) return 0;
  for (const std::string& code : set->codes()) {
    if (!set->Contains(code) || set->Resolve(CodeSet::ShortName(code)).empty()) std::abort();
    for (const std::string& name : set->coarser_sets()) {
      if (!set->Coarser(name)->to.contains(code)) std::abort();
    }
    for (const std::string& name : set->hierarchies()) {
      for (uint32_t level = 1; level <= set->levels(name); ++level) {
        if (!set->Level(name, level)->to.contains(code)) std::abort();
      }
    }
  }
  return 0;
}
