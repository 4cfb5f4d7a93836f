#include "policy/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::HasSubstr;

absl::Time Noon(int year, int month, int day) {
  return absl::FromCivil(absl::CivilHour(year, month, day, 12), absl::UTCTimeZone());
}

Request ReadRequest() {
  Request request;
  request.kind = PrincipalKind::kSystem;
  request.organization = "river-unified";
  request.mou = "stem-pipeline";
  request.purpose = "hiring_pipeline";
  request.record_type = "Candidate";
  request.operation = v1::OPERATION_READ;
  request.time = Noon(2027, 3, 1);
  return request;
}

Decision DecideExample(const Request& request) {
  return Decide(*MouSet::Create({SignedForTest(ExampleMou())}), request);
}

const Denial* DenialOf(const Decision& decision) { return std::get_if<Denial>(&decision); }

TEST(Decide, PermitsWhatTheExampleGrants) {
  const Decision decision = DecideExample(ReadRequest());
  const Permit* permit = std::get_if<Permit>(&decision);
  ASSERT_NE(permit, nullptr) << std::get<Denial>(decision).explanation;
  ASSERT_EQ(permit->plan().grants.size(), 1);
  EXPECT_EQ(permit->plan().grants[0].name, "expected-completers");
  EXPECT_EQ(permit->plan().grants[0].line, 14);
  EXPECT_EQ(permit->plan().grants[0].fields.size(), 5);
  EXPECT_EQ(permit->plan().recipient, "river-unified");
  EXPECT_EQ(permit->purpose(), "hiring_pipeline");
}

TEST(Decide, PermitsWithoutANamedMouIfOneFits) {
  Request request = ReadRequest();
  request.mou.reset();
  EXPECT_EQ(DenialOf(DecideExample(request)), nullptr);
}

TEST(Decide, DeniesAfterTheMouExpires) {
  Request request = ReadRequest();
  request.time = Noon(2028, 7, 1);
  const Decision decision = DecideExample(request);
  ASSERT_NE(DenialOf(decision), nullptr);
  EXPECT_EQ(DenialOf(decision)->code, v1::DENIAL_CODE_OUTSIDE_PERIOD);
  EXPECT_EQ(DenialOf(decision)->explanation, "expired on 2028-07-01");
}

}  // namespace
}  // namespace sluice::policy
