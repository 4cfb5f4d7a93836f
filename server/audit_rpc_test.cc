#include "server/audit_rpc.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "tests/support/rpc_fixture.h"

namespace sluice::server {
namespace {

// Takes the word for a person, too: "river-unified/auditor/pat", "/operator/root".
class PersonsForTest : public IdentityForTest {
 public:
  absl::StatusOr<Caller> Verify(absl::string_view text, absl::Time now) const override {
    const std::vector<std::string> names = absl::StrSplit(text, '/');
    if (names.size() != 3) return IdentityForTest::Verify(text, now);
    const bool is_operator = names[1] == "operator";
    return Make(is_operator ? policy::PrincipalKind::kOperator : policy::PrincipalKind::kAuditor,
                names[0], names[2]);
  }
};

class AuditRpcTest : public RpcFixture {
 protected:
  AuditRpcTest() { identity_ = std::make_shared<PersonsForTest>(); }
  void SetUp() override {
    RpcFixture::SetUp();
    auditor_ = v1::AuditService::NewStub(Connect());
    operator_ = v1::AuditService::NewStub(Connect());
  }
  void TearDown() override {
    RpcFixture::TearDown();
    server_.reset();  // before what it serves
  }
  grpc::Service* FurtherService() override {
    audit_rpc_ = std::make_unique<AuditRpc>(
        AuditRpc::Parts{CallParts{admission_.get(), &quotas_, clock_.get(), &metrics_}, log_.get(),
                        &store_, nullptr, nullptr});
    return audit_rpc_->served();
  }

  grpc::Status ListAsAuditor(const v1::ListEntriesRequest& request,
                             v1::ListEntriesResponse& response) {
    return auditor_->ListEntries(As("river-unified/auditor/pat").get(), request, &response);
  }
  v1::ListEntriesResponse AsAuditor(const v1::ListEntriesRequest& request) {
    v1::ListEntriesResponse response;
    const grpc::Status status = ListAsAuditor(request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::ListEntriesResponse AsOperator(const v1::ListEntriesRequest& request) {
    v1::ListEntriesResponse response;
    const grpc::Status status =
        operator_->ListEntries(As("/operator/root").get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  uint64_t Append(Entry entry) { return log_->Append(std::move(entry)).value(); }

  std::unique_ptr<AuditRpc> audit_rpc_;
  // Each for one caller.
  std::unique_ptr<v1::AuditService::Stub> auditor_;
  std::unique_ptr<v1::AuditService::Stub> operator_;
};

TEST_F(AuditRpcTest, AFilterChoosesAmongWhatTheCallerMaySeeAndShowsNoMore) {
  Append(PermitEntry(1));
  const uint64_t denial = Append(DenialEntry(2));
  DecisionEntry of_others = DenialEntry(3);
  of_others.caller.principal.organization = "hill-county";
  of_others.parties = {"state-university", "hill-county"};
  const uint64_t others = Append(of_others);
  v1::ListEntriesRequest denials;
  denials.mutable_filter()->set_result(v1::ENTRY_RESULT_DENIAL);
  const v1::ListEntriesResponse seen = AsAuditor(denials);
  ASSERT_EQ(seen.entries_size(), 1);
  EXPECT_EQ(seen.entries(0).index(), static_cast<int64_t>(denial));
  // Not even by its name.
  denials.mutable_filter()->set_organization("hill-county");
  EXPECT_EQ(AsAuditor(denials).entries_size(), 0);
  const v1::ListEntriesResponse all = AsOperator(denials);
  ASSERT_EQ(all.entries_size(), 1);
  EXPECT_EQ(all.entries(0).index(), static_cast<int64_t>(others));
}

TEST_F(AuditRpcTest, APageThatShowsNothingLeadsOn) {
  for (int n = 0; n < 5; ++n) Append(PermitEntry(static_cast<uint64_t>(n)));
  v1::ListEntriesRequest request;
  request.mutable_filter()->set_mou("another");
  const v1::ListEntriesResponse page = AsAuditor(request);
  EXPECT_EQ(page.entries_size(), 0);
  EXPECT_EQ(page.unread_indexes_size(), 0);
  EXPECT_EQ(page.next_index(), page.log_size());
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(AuditRpcTest, RefusesAWrongFilterByTheNameOfItsField) {
  Append(PermitEntry(1));
  const uint64_t size = log_->size();
  v1::ListEntriesRequest request;
  request.mutable_filter()->set_principal("/org/river-unified/admin/pat");
  v1::ListEntriesResponse response;
  const grpc::Status status = ListAsAuditor(request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto bad = DetailOf<google::rpc::BadRequest>(Details(status));
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "filter.principal");
  // Nothing was read, so nothing is said to have been.
  EXPECT_EQ(log_->size(), size);
}

TEST_F(AuditRpcTest, AnEntryThatCantBeReadNeitherPassesNorVanishes) {
  Append(PermitEntry(1));
  const uint64_t damaged = Append(PermitEntry(2));
  const uint64_t last = Append(PermitEntry(3));
  store_.MutableLogRow(damaged).body.back() = ']';
  v1::ListEntriesRequest request;
  request.mutable_filter()->set_mou("stem-pipeline");
  request.set_start_index(static_cast<int64_t>(damaged));
  for (const v1::ListEntriesResponse& page : {AsAuditor(request), AsOperator(request)}) {
    ASSERT_EQ(page.entries_size(), 1);
    EXPECT_EQ(page.entries(0).index(), static_cast<int64_t>(last));
    ASSERT_EQ(page.unread_indexes_size(), 1);
    EXPECT_EQ(page.unread_indexes(0), static_cast<int64_t>(damaged));
  }
  // Without a filter the operator has its bytes; to others they may be a stranger's.
  request.clear_filter();
  const v1::ListEntriesResponse bytes = AsOperator(request);
  EXPECT_EQ(bytes.unread_indexes_size(), 0);
  ASSERT_GT(bytes.entries_size(), 1);
  EXPECT_EQ(bytes.entries(0).index(), static_cast<int64_t>(damaged));
  const v1::ListEntriesResponse others = AsAuditor(request);
  ASSERT_EQ(others.unread_indexes_size(), 1);
  EXPECT_EQ(others.entries(0).index(), static_cast<int64_t>(last));
}

TEST_F(AuditRpcTest, EachPageThatWasReadIsAnEntryThatSaysWhatOfTheLogWasLookedAt) {
  Append(PermitEntry(1));
  Append(PermitEntry(2));
  v1::ListEntriesRequest request;
  request.set_start_index(1);
  request.mutable_filter()->set_mou("another");  // what it shows does not count
  const uint64_t before = log_->size();
  AsAuditor(request);
  ASSERT_EQ(log_->size(), before + 1);
  request.clear_filter();
  request.set_type("read");
  const v1::ListEntriesResponse reads = AsAuditor(request);
  ASSERT_EQ(reads.entries_size(), 1);
  const std::string& body = reads.entries(0).body();
  EXPECT_TRUE(absl::StrContains(body, "\"auditor\":\"")) << body;
  EXPECT_FALSE(absl::StrContains(body, "pat")) << body;
  EXPECT_TRUE(absl::StrContains(body, absl::StrCat("\"operation\":\"ListEntries\",\"begin\":1,"
                                                   "\"end\":",
                                                   before)))
      << body;
}

}  // namespace
}  // namespace sluice::server
