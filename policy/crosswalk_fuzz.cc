// libFuzzer: a crosswalk's file. Applied twice it says what it says once.
#include <cstdint>
#include <cstdlib>

#include "policy/crosswalk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  static const auto* const sets = new std::shared_ptr<const CodeSets>(CodeSets::BuiltIn().value());
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<Crosswalk> crosswalk = Crosswalk::Parse("x", text, **sets);
  if (!crosswalk.ok()) return 0;
  for (const std::string& code : (*sets)->Find(crosswalk->code_set())->codes()) {
    const std::string* const to = crosswalk->Find(code);
    if (to != nullptr && crosswalk->Find(*to) != nullptr) std::abort();
  }
  return 0;
}
