// The projector and its twin give the same answers. The count comes from SLUICE_FUZZ_RECORDS, the
// seed from SLUICE_FUZZ_SEED.
#include "policy/projector_twin.h"

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "policy/projector_cases.h"

namespace sluice::policy {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t value = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &value)) ADD_FAILURE() << name;
  return value;
}

TEST(ProjectorTwin, AgreesWithTheProjectorOnRandomPlansAndRecords) {
  const uint64_t records = FromEnvironment("SLUICE_FUZZ_RECORDS", 200000);
  const uint64_t seed = FromEnvironment("SLUICE_FUZZ_SEED", 20260701);
  std::cout << "seed " << seed << ", " << records << " records\n";
  ProjectorCases cases(seed);
  const Pseudonymizer pseudonyms = ProjectorCases::Pseudonyms();
  const testing::Probe prototype;
  std::array<uint64_t, 3> outcomes = {};
  constexpr uint64_t kRecordsAPlan = 50;
  for (uint64_t i = 0; i < records;) {
    const std::shared_ptr<const Plan> plan = cases.NextPlan();
    const std::vector<std::string> mask = cases.NextMask(*plan);
    const auto projector =
        Projector::Create(plan, "owner", mask, ProjectorCases::Pseudonyms()).value();
    ProjectorTwin twin(*plan, "owner", mask, pseudonyms, prototype);
    for (uint64_t j = 0; j < kRecordsAPlan && i < records; ++j, ++i) {
      const testing::Probe probe = cases.NextProbe();
      std::string bytes = probe.SerializeAsString();
      if (cases.Chance(30)) bytes = cases.Mutated(std::move(bytes));
      const size_t subjects = ProjectorCases::CountSubjects(probe);
      const std::vector<SubjectId> ids =
          cases.NextSubjects(cases.Chance(98) ? subjects : subjects + 1);
      std::string got = "before", expected = "before";
      const Projector::Outcome outcome = projector->Project(bytes, ids, &got);
      const Projector::Outcome twin_outcome = twin.Project(bytes, ids, &expected);
      ASSERT_EQ(static_cast<int>(outcome), static_cast<int>(twin_outcome))
          << "record " << i << ": " << absl::BytesToHexString(bytes);
      ASSERT_EQ(absl::BytesToHexString(got), absl::BytesToHexString(expected))
          << "record " << i << ": " << absl::BytesToHexString(bytes);
      ++outcomes[static_cast<size_t>(outcome)];
    }
  }
  std::cout << outcomes[0] << " released, " << outcomes[1] << " out of scope, " << outcomes[2]
            << " withheld\n";
  // Each way out was taken often enough to mean something.
  for (const uint64_t n : outcomes) EXPECT_GT(n, records / 20);
}

}  // namespace
}  // namespace sluice::policy
