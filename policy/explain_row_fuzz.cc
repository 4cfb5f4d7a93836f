// libFuzzer: any bytes as a record, under a plan that the first two bytes choose; what is explained
// as released the projector releases, and nothing else.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/explain_row.h"
#include "policy/projector.h"
#include "policy/projector_cases.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  if (size < 2) return 0;
  ProjectorCases cases(static_cast<uint64_t>(data[0]) << 8 | data[1]);
  const std::shared_ptr<const Plan> plan = cases.NextPlan();
  const std::string record(reinterpret_cast<const char*>(data) + 2, size - 2);
  const sluice::v1::RowExplanation row =
      ExplainRow(*plan, "owner", record, /*show_values=*/data[0] % 2 == 0);
  // Of what can't be read nothing is promised but that it is not called released.
  sluice::testing::Probe probe;
  if (!probe.ParseFromString(record) || probe.SerializeAsString() != record) {
    if (row.verdict() != sluice::v1::ROW_VERDICT_MALFORMED) std::abort();
    return 0;
  }
  const std::vector<SubjectId> subjects = cases.NextSubjects(ProjectorCases::CountSubjects(probe));
  std::string released;
  const auto projector = Projector::Create(plan, "owner", {}, ProjectorCases::Pseudonyms()).value();
  const bool leaves =
      projector->Project(record, subjects, &released) == Projector::Outcome::kReleased;
  if (leaves != (row.verdict() == sluice::v1::ROW_VERDICT_RELEASED)) std::abort();
  return 0;
}
