// A publish stream as its publisher meets it: answers in order, refusals that are of one batch
// alone, and one decision for many batches.
#include "server/publish_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "server/error.h"
#include "tests/support/rpc_fixture.h"

namespace sluice::server {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class PublishStreams : public RpcFixture {
 protected:
  // Each refusal has an entry of its own.
  PublishStreams() { denial_window_ = absl::ZeroDuration(); }

  static std::string RequestIdOf(const v1::PublishRecordsResponse& answer) {
    return DetailOf<google::rpc::RequestInfo>(answer.error()).request_id();
  }
  static std::string ReasonOf(const v1::PublishRecordsResponse& answer) {
    return DetailOf<google::rpc::ErrorInfo>(answer.error()).reason();
  }
  bool InTheLog(const std::string& request_id, absl::string_view what) {
    for (const std::string& entry : Entries("decision")) {
      if (absl::StrContains(entry, request_id) && absl::StrContains(entry, what)) return true;
    }
    return false;
  }
};

TEST_F(PublishStreams, RefuseABatchBeyondTheQuotaUnderAnIdOfItsOwnAndGoOnInOrder) {
  const v1::PublishRecordsRequest small = BatchOf("small-1", 0, 1);
  v1::PublishRecordsRequest again = BatchOf("small-1", 1, 2);  // the id of another content
  const v1::PublishRecordsRequest large = BatchOf("large-1", 100, 200);
  v1::PublishRecordsRequest large_too = large;
  large_too.set_request_id("large-2");
  limits_.bytes_published_per_day = static_cast<int64_t>(large.ByteSizeLong()) - 1;
  quotas_.SetLimits(limits_);

  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  for (const auto& batch :
       {small, large, BatchOf("small-2", 2, 3), large_too, again, BatchOf("small-3", 3, 4)}) {
    ASSERT_TRUE(call->Write(batch));
  }
  call->WritesDone();
  std::vector<v1::PublishRecordsResponse> answers;
  v1::PublishRecordsResponse answer;
  while (call->Read(&answer)) answers.push_back(answer);
  EXPECT_TRUE(call->Finish().ok());

  ASSERT_THAT(answers, SizeIs(6));
  const char* order[] = {"small-1", "large-1", "small-2", "large-2", "small-1", "small-3"};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(answers[i].request_id(), order[i]);
  for (size_t i : {0, 2, 5}) EXPECT_EQ(answers[i].state(), v1::PUBLISH_STATE_COMMITTED) << i;
  std::set<std::string> ids;
  for (size_t i : {1, 3}) {
    EXPECT_EQ(answers[i].state(), v1::PUBLISH_STATE_REFUSED);
    EXPECT_EQ(ReasonOf(answers[i]), "RESOURCE_EXHAUSTED");
    EXPECT_TRUE(InTheLog(RequestIdOf(answers[i]), "RESOURCE_EXHAUSTED")) << i;
    ids.insert(RequestIdOf(answers[i]));
  }
  EXPECT_THAT(ids, SizeIs(2)) << "each refusal has its own id";
  // What is told of a later batch is told under the stream's own decision.
  EXPECT_EQ(ReasonOf(answers[4]), "REQUEST_ID_REUSED");
  EXPECT_TRUE(InTheLog(RequestIdOf(answers[4]), "\"result\":\"PERMIT\""));
}

TEST_F(PublishStreams, SayWhatABatchWouldChangeAndPublishNothing) {
  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  ASSERT_EQ(Ask(*call, BatchOf("first", 0, 2)).state(), v1::PUBLISH_STATE_COMMITTED);
  v1::PublishRecordsRequest asked = BatchOf("", 1, 5);
  asked.set_validate_only(true);
  for (int round = 0; round < 2; ++round) {
    const v1::PublishRecordsResponse answer = Ask(*call, asked);
    EXPECT_EQ(answer.state(), v1::PUBLISH_STATE_VALIDATED);
    EXPECT_EQ(answer.request_id(), "");
    EXPECT_EQ(answer.position(), 0);
    EXPECT_EQ(answer.new_count(), 3);
    EXPECT_EQ(answer.changed_count(), 0);
    EXPECT_EQ(answer.unchanged_count(), 1);
  }
  asked.add_records("");  // without its key
  const v1::PublishRecordsResponse bad = Ask(*call, asked);
  EXPECT_EQ(bad.state(), v1::PUBLISH_STATE_REFUSED);
  ASSERT_EQ(bad.bad_records_size(), 1);
  EXPECT_EQ(bad.bad_records(0).index(), 4);
  asked.mutable_records()->RemoveLast();
  asked.set_request_id("named");  // which would promise to be remembered
  EXPECT_EQ(Ask(*call, asked).state(), v1::PUBLISH_STATE_REFUSED);
  // Neither is a batch without a name published because nothing was said of the other.
  asked.clear_request_id();
  limits_.bytes_published_per_day = 1;
  quotas_.SetLimits(limits_);
  EXPECT_EQ(ReasonOf(Ask(*call, asked)), "RESOURCE_EXHAUSTED") << "to be told costs as much";
  asked.clear_validate_only();
  EXPECT_EQ(ReasonOf(Ask(*call, asked)), "RESOURCE_EXHAUSTED");
  limits_.bytes_published_per_day = 1 << 20;
  quotas_.SetLimits(limits_);
  EXPECT_EQ(Ask(*call, asked).error().code(), static_cast<int>(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Ask(*call, BatchOf("second", 1, 5)).new_count(), 3);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
  EXPECT_THAT(Entries("decision"), SizeIs(testing::Ge(1u)));
}

TEST_F(PublishStreams, AskOnceForEachRecordTypeHoweverTypesTakeTurns) {
  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(Ask(*call, BatchOf(absl::StrCat("candidates-", round), round, round + 1)).state(),
              v1::PUBLISH_STATE_COMMITTED);
    v1::PublishRecordsRequest other = BatchOf(absl::StrCat("others-", round), 0, 0);
    other.set_record_type("Employment");
    other.add_records("");  // without its key: refused, which asks all the same
    EXPECT_EQ(Ask(*call, other).state(), v1::PUBLISH_STATE_REFUSED);
  }
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
  const auto decisions = Entries("decision");
  ASSERT_THAT(decisions, SizeIs(2));
  EXPECT_THAT(decisions[0], HasSubstr("\"record\":\"Candidate\""));
  EXPECT_THAT(decisions[1], HasSubstr("\"record\":\"Employment\""));
}

TEST_F(PublishStreams, AskAnewForAnotherParentAndEndWhereItIsForged) {
  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  EXPECT_EQ(Ask(*call, BatchOf("mine", 0, 1)).state(), v1::PUBLISH_STATE_COMMITTED);
  v1::PublishRecordsRequest forged = BatchOf("theirs", 1, 2);
  forged.set_parent("organizations/lake-college");
  ASSERT_TRUE(call->Write(forged));
  v1::PublishRecordsResponse answer;
  EXPECT_FALSE(call->Read(&answer));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(Details(call->Finish())).reason(),
            "PRINCIPAL_NOT_PERMITTED");
}

TEST_F(PublishStreams, RefuseABatchThatWouldGiveTheOwnerTooManyRowsAndGoOn) {
  limits_.rows_owned = 3;
  quotas_.SetLimits(limits_);
  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  EXPECT_EQ(Ask(*call, BatchOf("two", 0, 2)).new_count(), 2);
  const auto refused = Ask(*call, BatchOf("two-more", 2, 4));
  EXPECT_EQ(refused.state(), v1::PUBLISH_STATE_REFUSED);
  EXPECT_EQ(ReasonOf(refused), "RESOURCE_EXHAUSTED");
  EXPECT_TRUE(InTheLog(RequestIdOf(refused), "RESOURCE_EXHAUSTED"));
  const auto failure = DetailOf<google::rpc::QuotaFailure>(refused.error());
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).subject(), "rows_owned");
  EXPECT_EQ(Ask(*call, BatchOf("one-more", 2, 3)).new_count(), 1);
  // A reload counts from the next batch on.
  limits_.rows_owned = 4;
  quotas_.SetLimits(limits_);
  EXPECT_EQ(Ask(*call, BatchOf("the-fourth", 3, 4)).new_count(), 1);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(PublishStreams, AreNotReadFurtherWithoutRoomAndAllComeToTheirEnd) {
  publish_budget_.SetMost(1);
  const auto one_context = AsOwner(), other_context = AsOwner();
  const auto one = owner_->PublishRecords(one_context.get());
  const auto other = owner_->PublishRecords(other_context.get());
  EXPECT_EQ(Ask(*one, BatchOf("one-1", 0, 1)).new_count(), 1);
  EXPECT_EQ(Ask(*other, BatchOf("other-1", 10, 11)).new_count(), 1);

  store_.Hold();
  for (const auto& batch : {BatchOf("one-2", 1, 2), BatchOf("one-3", 2, 3)}) {
    ASSERT_TRUE(one->Write(batch));
  }
  ASSERT_TRUE(other->Write(BatchOf("other-2", 11, 12)));
  ASSERT_TRUE(Comes([&] { return publish_budget_.waiting() == 2; }));
  // Each has the batch that it may always have; the third stays where it is.
  EXPECT_EQ(store_.held_works(), 2);
  EXPECT_EQ(publish_budget_.outstanding(),
            static_cast<int64_t>(BatchOf("one-2", 1, 2).ByteSizeLong() +
                                 BatchOf("other-2", 11, 12).ByteSizeLong()));
  store_.Release();

  v1::PublishRecordsResponse answer;
  for (const char* id : {"one-2", "one-3"}) {
    ASSERT_TRUE(one->Read(&answer));
    EXPECT_EQ(answer.request_id(), id);
    EXPECT_EQ(answer.state(), v1::PUBLISH_STATE_COMMITTED);
  }
  ASSERT_TRUE(other->Read(&answer));
  EXPECT_EQ(answer.request_id(), "other-2");
  for (auto* call : {one.get(), other.get()}) {
    call->WritesDone();
    EXPECT_TRUE(call->Finish().ok());
  }
  EXPECT_EQ(publish_budget_.outstanding(), 0);
}

TEST_F(PublishStreams, AreReadAheadWhileThereIsRoom) {
  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  Ask(*call, BatchOf("first", 0, 1));
  store_.Hold();
  constexpr int kAhead = static_cast<int>(PublishStream::kUnanswered);
  for (int i = 0; i < kAhead; ++i) {
    ASSERT_TRUE(call->Write(BatchOf(absl::StrCat("ahead-", i), i, i + 1)));
  }
  EXPECT_TRUE(Comes([&] { return store_.held_works() == kAhead; }));
  store_.Release();
  v1::PublishRecordsResponse answer;
  for (int i = 0; i < kAhead; ++i) ASSERT_TRUE(call->Read(&answer)) << i;
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(PublishStreams, TakeNothingInWhileTheLogIsHalted) {
  const auto context = AsOwner();
  const auto call = owner_->PublishRecords(context.get());
  const auto first = Ask(*call, BatchOf("before", 0, 1));
  ASSERT_EQ(first.state(), v1::PUBLISH_STATE_COMMITTED);

  std::filesystem::rename(tiles_, tiles_ + ".away");
  log_->Tick();
  ASSERT_FALSE(log_->Health().ok());
  const auto refused = Ask(*call, BatchOf("halted", 1, 2));
  EXPECT_EQ(refused.state(), v1::PUBLISH_STATE_REFUSED);
  EXPECT_EQ(refused.error().code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ReasonOf(refused), "AUDIT_UNAVAILABLE");

  const auto other_context = AsOwner();
  const auto other = owner_->PublishRecords(other_context.get());
  ASSERT_TRUE(other->Write(BatchOf("halted-2", 1, 2)));
  v1::PublishRecordsResponse answer;
  EXPECT_FALSE(other->Read(&answer));
  EXPECT_EQ(other->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);

  const auto delete_context = AsOwner();
  v1::DeleteRecordsRequest deletion;
  deletion.set_parent("organizations/state-university");
  deletion.set_record_type("Candidate");
  deletion.set_request_id("delete");
  deletion.add_keys(Covered(0).SerializeAsString());
  v1::DeleteRecordsResponse deleted;
  EXPECT_EQ(owner_->DeleteRecords(delete_context.get(), deletion, &deleted).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(store_.LastPublishOf("state-university", "Candidate")->position, first.position())
      << "nothing was stored";

  // And from then on the same stream goes on.
  std::filesystem::rename(tiles_ + ".away", tiles_);
  log_->Tick();
  ASSERT_TRUE(log_->Health().ok()) << log_->Health();
  EXPECT_EQ(Ask(*call, BatchOf("after", 1, 2)).new_count(), 1);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

}  // namespace
}  // namespace sluice::server
