// A permit costs no memory: what it holds was made with the plan.
#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "policy/decide.h"
#include "tests/support/allocation_count.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

TEST(Decide, AllocatesNothingForAPermit) {
  std::vector<MouVersion> versions;
  versions.push_back(SignedForTest(ExampleMou()));
  const auto mous = MouSet::Create(std::move(versions));
  Request request;
  request.kind = PrincipalKind::kSystem;
  request.organization = "river-unified";
  request.purpose = "hiring_pipeline";
  request.record_type = "Candidate";
  request.operation = v1::OPERATION_READ;
  request.time = absl::FromCivil(absl::CivilHour(2027, 3, 1, 12), absl::UTCTimeZone());
  for (const bool named : {true, false}) {
    if (named) {
      request.mou = "stem-pipeline";
    } else {
      request.mou.reset();
    }
    // The first makes the day's plan.
    if (!std::holds_alternative<Permit>(Decide(*mous, request))) std::abort();
    const size_t before = testing::AllocationCount();
    for (int i = 0; i < 100; ++i) {
      if (!std::holds_alternative<Permit>(Decide(*mous, request))) std::abort();
    }
    EXPECT_EQ(testing::AllocationCount(), before) << named;
    EXPECT_GT(before, 0u);
  }
}

}  // namespace
}  // namespace sluice::policy
