// Who has opted out is in no release, no row and no preview; releases under way end before their
// next batch; and who may say so.
#include "server/opt_outs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class OptOutsTest : public ExchangeFixture {
 protected:
  void SetUp() override {
    ExchangeFixture::SetUp();
    opt_outs_ = std::make_unique<OptOuts>(
        OptOuts::Parts{policy::CatalogForTest(), admission_.get(), log_.get(), &store()});
  }
  static Caller Admin(const std::string& organization = "state-university") {
    return IdentityForTest::Make(policy::PrincipalKind::kAdmin, organization, "pat");
  }
  template <typename Request>
  static Request Of(const std::vector<std::string>& ids, const std::string& purpose = "") {
    Request request;
    request.set_parent("organizations/state-university");
    for (const std::string& id : ids) {
      v1::SubjectId& subject = *request.add_subjects();
      subject.set_id_space("candidate");
      subject.set_id(id);
    }
    if constexpr (!std::is_same_v<Request, v1::CheckOptOutsRequest>) {
      if (!purpose.empty()) request.set_purpose(purpose);
    }
    return request;
  }
  absl::StatusOr<v1::OptOutResponse> OptOut(const v1::OptOutRequest& request,
                                            const Caller& caller = Admin()) {
    RequestId id = NewRequestId().value();
    return opt_outs_->OptOut(caller, id, request);
  }
  absl::StatusOr<v1::OptOutResponse> OptOut(const std::vector<std::string>& ids,
                                            const std::string& purpose = "") {
    return OptOut(Of<v1::OptOutRequest>(ids, purpose));
  }
  absl::StatusOr<v1::OptInResponse> OptIn(const std::vector<std::string>& ids,
                                          const std::string& purpose = "") {
    RequestId id = NewRequestId().value();
    return opt_outs_->OptIn(Admin(), id, Of<v1::OptInRequest>(ids, purpose));
  }
  // How many rows a whole read gives.
  size_t CountReleased() {
    KeptMessages sent;
    const absl::Status status = Read(Recipient(), Request(), sent);
    EXPECT_TRUE(status.ok()) << status;
    return sent.Rows().size();
  }
  absl::Status Get(const std::string& row_id) {
    v1::GetRecordRequest request;
    request.set_purpose("hiring_pipeline");
    request.set_record_type("Candidate");
    request.set_row_id(row_id);
    RequestId id = NewRequestId().value();
    return exchange_->Get(Recipient(), id, request).status();
  }
  template <typename Request>
  static Request AsRecipient() {
    Request request;
    request.set_parent("organizations/state-university");
    request.set_recipient("organizations/river-unified");
    request.set_purpose("hiring_pipeline");
    request.set_record_type("Candidate");
    return request;
  }

  std::unique_ptr<OptOuts> opt_outs_;
};

TEST_F(OptOutsTest, KeepAPersonOutOfReadsAndRowsAndPreviews) {
  Publish(CoveredUpTo(3));
  KeptMessages before;
  ASSERT_TRUE(Read(Recipient(), Request(), before).ok());
  ASSERT_THAT(before.Rows(), SizeIs(3));

  const auto done = OptOut({"S1001"});
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->changed_count(), 1);
  KeptMessages after;
  ASSERT_TRUE(Read(Recipient(), Request(), after).ok());
  std::set<std::string> left;
  for (const auto& [row_id, record] : after.Rows()) left.insert(row_id);
  EXPECT_THAT(left, SizeIs(2));
  for (const auto& [row_id, record] : before.Rows()) {
    EXPECT_EQ(Get(row_id).ok(), left.contains(row_id)) << row_id;
    EXPECT_EQ(absl::IsNotFound(Get(row_id)), !left.contains(row_id)) << row_id;
  }

  RequestId id = NewRequestId().value();
  const auto preview = owner_view_->Preview(Admin(), id, AsRecipient<v1::PreviewGrantRequest>());
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_THAT(preview->rows(), SizeIs(2));
  EXPECT_EQ(preview->considered_count(), 3);
  auto explain = AsRecipient<v1::ExplainRowRequest>();
  v1::Candidate key;
  key.set_candidate_id("S1001");
  explain.set_key(key.SerializeAsString());
  id = NewRequestId().value();
  const auto explained = owner_view_->Explain(Admin(), id, explain);
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_EQ(explained->row().verdict(), v1::ROW_VERDICT_OPTED_OUT);

  ASSERT_TRUE(OptIn({"S1001"}).ok());
  EXPECT_EQ(CountReleased(), 3);
}

TEST_F(OptOutsTest, AreOfTheirPurposeAlone) {
  Publish(CoveredUpTo(3));
  ASSERT_TRUE(OptOut({"S1000"}, "research").ok());
  EXPECT_EQ(CountReleased(), 3);
  ASSERT_TRUE(OptOut({"S1000"}, "hiring_pipeline").ok());
  EXPECT_EQ(CountReleased(), 2);
  // What was not said is not taken back.
  EXPECT_EQ(OptIn({"S1000"})->changed_count(), 0);
  EXPECT_EQ(CountReleased(), 2);
  RequestId id = NewRequestId().value();
  const auto found =
      opt_outs_->Check(Admin(), id, Of<v1::CheckOptOutsRequest>({"S1000", "S1001", "never-seen"}));
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->statuses(), SizeIs(3));
  EXPECT_THAT(found->statuses(0).purposes(), ElementsAre("hiring_pipeline", "research"));
  EXPECT_FALSE(found->statuses(0).all_purposes());
  EXPECT_THAT(found->statuses(1).purposes(), IsEmpty());
}

TEST_F(OptOutsTest, EndAReleaseUnderWayBeforeItsNextBatchAndItGoesOnWithoutThePerson) {
  constexpr int kRows = 3 * Answer::kBatchRows;
  constexpr int kOptedOut = 20;
  Publish(CoveredUpTo(kRows));
  KeptMessages sent;
  bool opted_out = false;
  sent.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (opted_out || !message.has_batch()) return;
    // All of it was read, and is in the log as disclosed.
    std::vector<std::string> all;
    for (int i = 0; i < kOptedOut; ++i) all.push_back(Covered(i).candidate_id());
    opted_out = OptOut(all).ok();
  };
  const absl::Status status = Read(Recipient(), Request(), sent);
  ASSERT_TRUE(opted_out);
  EXPECT_EQ(ReasonOf(status), "RECORDS_RETRACTED");
  EXPECT_THAT(sent.Rows(), SizeIs(Answer::kBatchRows));

  v1::ReadRecordsRequest rest = Request();
  rest.set_page_token(sent.LastToken());
  KeptMessages more;
  ASSERT_TRUE(Read(Recipient(), rest, more).ok());
  std::set<std::string> released;
  for (const auto& [row_id, record] : sent.Rows()) released.insert(row_id);
  for (const auto& [row_id, record] : more.Rows()) {
    EXPECT_TRUE(released.insert(row_id).second) << "twice";
  }
  // All who have not opted out came, and of those who have only who was on his way already.
  EXPECT_GE(released.size(), static_cast<size_t>(kRows - kOptedOut));
  EXPECT_EQ(CountReleased(), static_cast<size_t>(kRows - kOptedOut));
}

TEST_F(OptOutsTest, StandInTheLogWithoutTheId) {
  Publish(CoveredUpTo(3));
  const auto done = OptOut({"S1000", "S1001"}, "research");
  ASSERT_TRUE(done.ok()) << done.status();
  const std::vector<std::string> entries = Entries("admin");
  ASSERT_FALSE(entries.empty());
  EXPECT_THAT(entries.back(), AllOf(HasSubstr(R"("action":"OPT_OUT","owner":"state-university",)"
                                              R"("purpose":"research","subjects":2)"),
                                    Not(HasSubstr("S1000"))));
  EXPECT_EQ(OptOut({"S1000"}, "research")->index(), -1) << "it was so before";
  EXPECT_THAT(Entries("admin"), SizeIs(entries.size()));
}

TEST_F(OptOutsTest, AreTheOwnersAdministratorsToSay) {
  Publish(CoveredUpTo(1));
  const auto request = Of<v1::OptOutRequest>({"S1000"});
  EXPECT_FALSE(OptOut(request, Admin("river-unified")).ok());
  EXPECT_FALSE(OptOut(request, Owner()).ok()) << "a system";
  EXPECT_EQ(CountReleased(), 1);
}

TEST_F(OptOutsTest, WhatNamesNobodyIsRefusedAndChangesNothing) {
  Publish(CoveredUpTo(1));
  EXPECT_TRUE(absl::IsInvalidArgument(OptOut(std::vector<std::string>()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OptOut({"S1000", ""}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OptOut({"S1000"}, "Research!").status()));
  auto request = Of<v1::OptOutRequest>({"S1000"});
  request.mutable_subjects(0)->set_id_space("no-such-space");
  EXPECT_TRUE(absl::IsInvalidArgument(OptOut(request).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      OptOut(std::vector<std::string>(OptOuts::kMaxSubjects + 1, "S1000")).status()));
  request = Of<v1::OptOutRequest>({"S1000"});
  request.set_purpose("");
  EXPECT_TRUE(absl::IsInvalidArgument(OptOut(request).status())) << "all, or none?";
  EXPECT_EQ(CountReleased(), 1);
}

}  // namespace
}  // namespace sluice::server
