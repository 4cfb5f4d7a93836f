// libFuzzer: a filter, a NUL, and bytes to match it against.
#include <cstdint>
#include <string>

#include "policy/filter.h"
#include "policy/projector_cases.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  static const auto* const released = [] {
    auto* const all = new std::vector<PlanField>;
    for (const Field* const leaf : ProjectorCases::ProbeType().leaves()) {
      all->push_back({leaf, FieldRule::Pass()});
    }
    return all;
  }();
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t nul = input.find('\0');
  const auto filter = Filter::Parse(input.substr(0, nul), ProjectorCases::ProbeType(), *released);
  if (filter.ok() && nul != std::string::npos) (*filter)->Matches(input.substr(nul + 1));
  return 0;
}
