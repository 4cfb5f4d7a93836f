// libFuzzer: any bytes as a record, under a plan that the first two bytes choose; the projector and
// its twin agree.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/projector.h"
#include "policy/projector_cases.h"
#include "policy/projector_twin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  if (size < 3) return 0;
  ProjectorCases cases(static_cast<uint64_t>(data[0]) << 8 | data[1]);
  const std::shared_ptr<const Plan> plan = cases.NextPlan();
  const std::vector<SubjectId> subjects = cases.NextSubjects(data[2] % 4);
  const std::string record(reinterpret_cast<const char*>(data) + 3, size - 3);
  static const auto* const pseudonyms = new Pseudonymizer(ProjectorCases::Pseudonyms());
  static const auto* const prototype = new sluice::testing::Probe;
  std::string got, expected;
  const auto projector = Projector::Create(plan, "owner", {}, ProjectorCases::Pseudonyms()).value();
  const Projector::Outcome outcome = projector->Project(record, subjects, &got);
  ProjectorTwin twin(*plan, "owner", {}, *pseudonyms, *prototype);
  if (outcome != twin.Project(record, subjects, &expected) || got != expected) std::abort();
  return 0;
}
