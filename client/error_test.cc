#include "client/error.h"

#include <string>

#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

TEST(ErrorOf, ReadsADenialWithItsNearestGrants) {
  const ErrorDetail detail = ErrorOf(DenialForTest());
  EXPECT_EQ(detail.reason, "PURPOSE_NOT_GRANTED");
  EXPECT_EQ(detail.decision_id, "00112233445566778899aabbccddeeff");
  ASSERT_EQ(detail.nearest.size(), 1u);
  EXPECT_EQ(detail.nearest[0].grant, "expected-completers");
  ASSERT_EQ(detail.nearest[0].failed.size(), 2u);
  EXPECT_EQ(detail.nearest[0].failed[1].description, "period, expired");
  EXPECT_TRUE(IsDenial(DenialForTest()));
}

TEST(ErrorOf, ReadsPartiesFieldsAndDelay) {
  google::rpc::Status wire;
  google::rpc::PreconditionFailure failure;
  auto* party = failure.add_violations();
  party->set_type("SIGNATURE");
  party->set_subject("river-unified");
  wire.add_details()->PackFrom(failure);
  google::rpc::BadRequest bad;
  auto* field = bad.add_field_violations();
  field->set_field("filter");
  field->set_description("is not granted");
  wire.add_details()->PackFrom(bad);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  wire.add_details()->PackFrom(retry);
  const ErrorDetail detail =
      ErrorOf(MakeStatus(absl::StatusCode::kFailedPrecondition, "", wire.SerializeAsString()));
  EXPECT_EQ(detail.unsigned_parties, std::vector<std::string>{"river-unified"});
  EXPECT_TRUE(detail.nearest.empty());
  ASSERT_EQ(detail.fields.size(), 1u);
  EXPECT_EQ(detail.fields[0].field, "filter");
  EXPECT_EQ(detail.retry_delay, absl::Milliseconds(500));
}

TEST(ErrorOf, IgnoresAnotherDomainsReason) {
  google::rpc::Status wire;
  google::rpc::ErrorInfo info;
  info.set_domain("proxy.example");
  info.set_reason("PURPOSE_NOT_GRANTED");
  wire.add_details()->PackFrom(info);
  EXPECT_EQ(ErrorOf(MakeStatus(absl::StatusCode::kInternal, "", wire.SerializeAsString())).reason,
            "");
}

TEST(ErrorOf, LeavesOutDetailsThatDoNotParse) {
  const absl::Status status = MakeStatus(absl::StatusCode::kInternal, "broken", "\xFF\xFF\xFF");
  EXPECT_EQ(status.message(), "broken");
  EXPECT_EQ(ErrorOf(status).reason, "");
}

TEST(ErrorOf, SurvivesEveryByteOfTheDetailsChanged) {
  const std::string good =
      std::string(*DenialForTest().GetPayload("type.googleapis.com/google.rpc.Status"));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x5A);
    const absl::Status status = MakeStatus(absl::StatusCode::kPermissionDenied, "no", bad);
    ErrorOf(status);
    EXPECT_TRUE(absl::IsPermissionDenied(status));
  }
}

TEST(WithMessage, KeepsTheDetails) {
  const absl::Status changed = WithMessage(DenialForTest(), "another sentence");
  EXPECT_EQ(changed.message(), "another sentence");
  EXPECT_EQ(ErrorOf(changed).reason, "PURPOSE_NOT_GRANTED");
}

}  // namespace
}  // namespace sluice::client
