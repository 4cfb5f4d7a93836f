#include "server/error.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace sluice::server {
namespace {

template <typename Detail>
Detail DetailOf(const google::rpc::Status& status) {
  Detail detail;
  for (const auto& any : status.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&detail);
  }
  return detail;
}

TEST(Outward, TellsNothingOfAStatusThatWasNotMadeForTheOutside) {
  const absl::Status inner =
      absl::NotFoundError("SELECT bytes FROM record WHERE key = 'Ada Lovelace'");
  const google::rpc::Status outward = Outward(inner, "0123");
  EXPECT_EQ(outward.code(), static_cast<int>(absl::StatusCode::kInternal));
  EXPECT_EQ(outward.SerializeAsString().find("Ada"), std::string::npos);
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(outward).reason(), "INTERNAL");
  EXPECT_EQ(DetailOf<google::rpc::RequestInfo>(outward).request_id(), "0123");
}

TEST(Outward, SaysOfAStoreThatCantBeReachedThatMuchAndNoMore) {
  const absl::Status inner = absl::UnavailableError("host=db.example.org user=sluice");
  const google::rpc::Status outward = Outward(inner, "0123");
  EXPECT_EQ(outward.code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_EQ(outward.SerializeAsString().find("db.example.org"), std::string::npos);
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(outward).reason(), "STORE_UNAVAILABLE");
  EXPECT_EQ(ReasonOf(inner), "STORE_UNAVAILABLE");
}

TEST(Outward, CarriesTheDenialsCodeAndItsNearestGrants) {
  v1::Decision decision;
  decision.set_code(v1::DENIAL_CODE_OUTSIDE_PERIOD);
  decision.set_explanation("OUTSIDE_PERIOD");
  auto* nearest = decision.add_nearest_grants();
  nearest->set_grant("expected-completers");
  auto* failed = nearest->add_failed();
  failed->set_code(v1::DENIAL_CODE_OUTSIDE_PERIOD);
  failed->set_description("period, expired on 2028-07-01");
  const google::rpc::Status outward = Outward(Denied(decision), "id");
  EXPECT_EQ(outward.code(), static_cast<int>(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(outward).reason(), "OUTSIDE_PERIOD");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(outward).domain(), "sluice");
  const auto failure = DetailOf<google::rpc::PreconditionFailure>(outward);
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).subject(), "expected-completers");
  EXPECT_EQ(failure.violations(0).description(), "period, expired on 2028-07-01");
}

TEST(Outward, NamesWhoHasNotSigned) {
  v1::Decision decision;
  decision.set_code(v1::DENIAL_CODE_NOT_SIGNED);
  decision.add_unsigned_parties("river-unified");
  const auto failure = DetailOf<google::rpc::PreconditionFailure>(Outward(Denied(decision), "id"));
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).type(), "SIGNATURE");
  EXPECT_EQ(failure.violations(0).subject(), "river-unified");
}

TEST(Outward, SaysThatAJoinIsTooLargeAndWhatToDo) {
  const google::rpc::Status outward = Outward(JoinTooLarge("so many ids"), "id");
  EXPECT_EQ(outward.code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(outward).reason(), "JOIN_TOO_LARGE");
  EXPECT_EQ(outward.message(),
            "so many ids; nothing was changed: publish or delete fewer identities at a time");
}

TEST(Outward, NamesTheFieldThatIsWrong) {
  const google::rpc::Status outward = Outward(Invalid("filter", "at 3: no such field"), "id");
  const auto bad = DetailOf<google::rpc::BadRequest>(outward);
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "filter");
  EXPECT_EQ(bad.field_violations(0).description(), "at 3: no such field");
}

TEST(Outward, PutsTheReasonFirst) {
  std::vector<absl::Status> kept;  // each at another address, on which Abseil's order depends
  kept.reserve(32);
  for (int i = 0; i < 32; ++i) {
    kept.push_back(Invalid("f", "d"));
    const google::rpc::Status outward = Outward(kept.back(), "id");
    ASSERT_EQ(outward.details_size(), 3);
    EXPECT_TRUE(outward.details(0).Is<google::rpc::ErrorInfo>());
    EXPECT_TRUE(outward.details(1).Is<google::rpc::BadRequest>());
  }
}

TEST(Outward, TellsAsMuchOfADocumentsFindingsAsTrailersHold) {
  std::vector<policy::Finding> findings;
  for (int i = 0; i < 1000; ++i) {
    policy::Finding finding;
    finding.id = "P001";
    // No cut is in the middle of a character.
    finding.message = absl::StrCat(std::string(static_cast<size_t>(i % 4), 'x'));
    for (int j = 0; j < 500; ++j) finding.message += "\u00e9";
    findings.push_back(std::move(finding));
  }
  findings.front().severity = policy::Severity::kWarning;
  const google::rpc::Status outward = Outward(MouNotAccepted(findings), "id");
  EXPECT_LT(outward.ByteSizeLong(), 4096u);
  EXPECT_TRUE(absl::EndsWith(outward.message(), " (and 998 more: sluice mou check)"));
  const auto bad = DetailOf<google::rpc::BadRequest>(outward);
  ASSERT_EQ(bad.field_violations_size(), 8);
  std::string parsed;
  EXPECT_TRUE(outward.SerializeToString(&parsed)) << "not UTF-8";
  for (const auto& violation : bad.field_violations()) {
    EXPECT_TRUE(absl::EndsWith(violation.description(), "\u00e9"));
  }
}

TEST(Outward, SaysWhenASpentQuotaMayBeTriedAgain) {
  const google::rpc::Status outward =
      Outward(Exhausted("calls_per_second", absl::Milliseconds(1500)), "id");
  EXPECT_EQ(outward.code(), static_cast<int>(absl::StatusCode::kResourceExhausted));
  const auto retry = DetailOf<google::rpc::RetryInfo>(outward);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(Outward, NamesTheQuotaThatIsSpentAndNoTimeToWaitWhereWaitingDoesNotHelp) {
  const google::rpc::Status outward = Outward(Exhausted("rows_owned", std::nullopt), "id");
  const auto failure = DetailOf<google::rpc::QuotaFailure>(outward);
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).subject(), "rows_owned");
  EXPECT_EQ(failure.violations(0).description(), outward.message());
  EXPECT_FALSE(DetailOf<google::rpc::RetryInfo>(outward).has_retry_delay());
}

TEST(Outward, SaysThatAnOwnersKeysAreCountedOneAtATimeAndWhenToAskAgain) {
  const google::rpc::Status outward = Outward(KeyCountUnderWay(), "id");
  EXPECT_EQ(outward.code(), static_cast<int>(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(outward).reason(), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(outward).violations(0).subject(), "key_counts");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(outward).retry_delay().seconds(), 5);
}

TEST(Outward, GivesEachKindOfErrorItsCodeAndReason) {
  const struct {
    absl::Status status;
    absl::StatusCode code;
    const char* reason;
  } cases[] = {
      {Unauthenticated("s"), absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED"},
      {Invalid("f", "d"), absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT"},
      {NotFound("row"), absl::StatusCode::kNotFound, "NOT_FOUND"},
      {RequestIdReused(), absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"},
      {AlreadyExists("organization"), absl::StatusCode::kAlreadyExists, "ALREADY_EXISTS"},
      {EtagMismatch(), absl::StatusCode::kAborted, "ETAG_MISMATCH"},
      {SubjectChanged(), absl::StatusCode::kAborted, "SUBJECT_CHANGED"},
      {SubjectHasRecords(), absl::StatusCode::kFailedPrecondition, "SUBJECT_HAS_RECORDS"},
      {StandsInConfiguration("x"), absl::StatusCode::kFailedPrecondition,
       "ORGANIZATION_IN_CONFIGURATION"},
      {TooManyOrganizations(1), absl::StatusCode::kFailedPrecondition, "TOO_MANY_ORGANIZATIONS"},
      {TooManyKeyVersions("x", 4, 1000), absl::StatusCode::kFailedPrecondition,
       "TOO_MANY_KEY_VERSIONS"},
      {AuditUnavailable(), absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE"},
      {StateUnavailable(), absl::StatusCode::kUnavailable, "STATE_UNAVAILABLE"},
      {StoreUnavailable(), absl::StatusCode::kUnavailable, "STORE_UNAVAILABLE"},
      {ClockBehind(), absl::StatusCode::kUnavailable, "CLOCK_BEHIND"},
      {TermsChanged(), absl::StatusCode::kAborted, "TERMS_CHANGED"},
      {NotAsSealed(), absl::StatusCode::kDataLoss, "NOT_AS_SEALED"},
      {Cancelled(), absl::StatusCode::kCancelled, "CANCELLED"},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(MayLeave(c.status)) << c.reason;
    EXPECT_EQ(Outward(c.status, "id").code(), static_cast<int>(c.code)) << c.reason;
    EXPECT_EQ(ReasonOf(c.status), c.reason);
  }
}

TEST(Outward, GivesEveryDenialCodeItsName) {
  for (int code = v1::DenialCode_MIN + 1; code <= v1::DenialCode_MAX; ++code) {
    v1::Decision decision;
    decision.set_code(static_cast<v1::DenialCode>(code));
    EXPECT_EQ("DENIAL_CODE_" + ReasonOf(Denied(decision)),
              v1::DenialCode_Name(static_cast<v1::DenialCode>(code)));
  }
}

}  // namespace
}  // namespace sluice::server
