#include "client/publisher.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class PublisherTest : public testing::Test {
 protected:
  Publisher Make(int batch_size) {
    RetryPolicy policy;
    policy.max_attempts = 3;
    return Publisher(&gateway_, {"organizations/u", "Candidate", "run", batch_size, validate_only_},
                     policy, {[](absl::Duration) {}, [] { return 0.5; }},
                     [this](const BatchAnswer& answer) { answers_.push_back(answer); });
  }
  absl::StatusOr<PublishSummary> Publish(int records, int batch_size) {
    Publisher publisher = Make(batch_size);
    for (int i = 0; i < records; ++i) {
      const absl::Status added = publisher.Add(absl::StrCat("record ", i));
      if (!added.ok()) return added;
    }
    return publisher.Finish();
  }

  FakeGateway gateway_;
  bool validate_only_ = false;
  std::vector<BatchAnswer> answers_;
};

TEST_F(PublisherTest, SendsEveryRecordOnceInOrder) {
  const auto summary = Publish(25, 10);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->records, 25);
  EXPECT_EQ(summary->batches, 3);
  EXPECT_EQ(summary->position, 3);
  EXPECT_EQ(gateway_.written, (std::vector<std::string>{"run-0", "run-10", "run-20"}));
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_EQ(answers_[2].first_index, 20);
  EXPECT_EQ(answers_[2].records, 5);
}

TEST_F(PublisherTest, NeverHasMoreThanSixteenUnanswered) {
  ASSERT_TRUE(Publish(100, 1).ok());
  EXPECT_EQ(gateway_.most_unanswered, 16u);
}

TEST_F(PublisherTest, SendsWhatIsUnansweredAgainUnderTheSameIds) {
  gateway_.breaks = {3};
  gateway_.answers_before_break = false;
  const auto summary = Publish(5, 1);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->records, 5);
  EXPECT_EQ(gateway_.committed.size(), 5u);
  EXPECT_EQ(gateway_.written, (std::vector<std::string>{"run-0", "run-1", "run-2", "run-0", "run-1",
                                                        "run-2", "run-3", "run-4"}));
  EXPECT_EQ(answers_.size(), 5u);
}

TEST_F(PublisherTest, TakesTheAnswersThatStillCame) {
  gateway_.breaks = {3};
  const auto summary = Publish(5, 1);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(gateway_.written,
            (std::vector<std::string>{"run-0", "run-1", "run-2", "run-3", "run-4"}));
}

TEST_F(PublisherTest, GivesUpAfterItsAttemptsWithoutProgress) {
  gateway_.breaks = {0, 0, 0, 0};
  EXPECT_TRUE(absl::IsUnavailable(Publish(5, 1).status()));
  EXPECT_EQ(gateway_.breaks.size(), 1u);
}

TEST_F(PublisherTest, NamesABadRecordByItsIndexInTheWhole) {
  gateway_.judge = [](const v1::PublishRecordsRequest& request,
                      v1::PublishRecordsResponse& response) {
    if (request.request_id() != "run-10") return;
    response.set_state(v1::PUBLISH_STATE_REFUSED);
    response.clear_new_count();
    v1::BadRecord& bad = *response.add_bad_records();
    bad.set_index(3);
    bad.set_field("birth_date");
    bad.set_reason("INVALID_VALUE");
  };
  const auto summary = Publish(25, 10);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->records, 15);
  EXPECT_EQ(summary->refused_batches, 1);
  EXPECT_EQ(summary->refused_records, 10);
  ASSERT_EQ(answers_[1].refused.size(), 1u);
  EXPECT_EQ(answers_[1].refused[0].index, 13);
  EXPECT_EQ(answers_[1].refused[0].field, "birth_date");
}

TEST_F(PublisherTest, AsksWhatWouldChangeWithoutRequestIds) {
  validate_only_ = true;
  const auto summary = Publish(25, 10);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(gateway_.written, (std::vector<std::string>{"", "", ""}));
  EXPECT_TRUE(gateway_.committed.empty());
  EXPECT_EQ(summary->added, 25);
  EXPECT_EQ(summary->position, 0);
}

TEST_F(PublisherTest, AGatewayThatDoesTheOtherThanItWasAskedIsRefused) {
  gateway_.judge = [](const v1::PublishRecordsRequest& request,
                      v1::PublishRecordsResponse& response) {
    response.set_state(request.validate_only() ? v1::PUBLISH_STATE_COMMITTED
                                               : v1::PUBLISH_STATE_VALIDATED);
  };
  EXPECT_TRUE(absl::IsDataLoss(Publish(1, 1).status()));
  validate_only_ = true;
  EXPECT_TRUE(absl::IsDataLoss(Publish(1, 1).status()));
}

TEST_F(PublisherTest, ABatchRefusedForAnotherReasonEndsThePublishWithIt) {
  gateway_.judge = [](const v1::PublishRecordsRequest& request,
                      v1::PublishRecordsResponse& response) {
    if (request.request_id() != "run-10") return;
    response.set_state(v1::PUBLISH_STATE_REFUSED);
    response.mutable_error()->set_code(static_cast<int>(absl::StatusCode::kAlreadyExists));
    response.mutable_error()->set_message("this request_id stands for other content");
  };
  const auto summary = Publish(25, 10);
  EXPECT_TRUE(absl::IsAlreadyExists(summary.status()));
  EXPECT_TRUE(absl::StrContains(summary.status().message(), "records 10 to 19"));
}

TEST_F(PublisherTest, AnAnswerToAnotherBatchIsRefused) {
  gateway_.judge = [](const v1::PublishRecordsRequest&, v1::PublishRecordsResponse& response) {
    response.set_request_id("other");
  };
  EXPECT_TRUE(absl::IsDataLoss(Publish(1, 1).status()));
}

TEST_F(PublisherTest, AnAnswerThatSaysNothingIsRefused) {
  gateway_.judge = [](const v1::PublishRecordsRequest&, v1::PublishRecordsResponse& response) {
    response.set_state(v1::PUBLISH_STATE_UNSPECIFIED);
  };
  EXPECT_TRUE(absl::IsDataLoss(Publish(1, 1).status()));
}

TEST_F(PublisherTest, PublishesNothingWithoutOpeningAStream) {
  const auto summary = Publish(0, 1);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->batches, 0);
  EXPECT_TRUE(gateway_.written.empty());
}

TEST_F(PublisherTest, SplitsBatchesAtFourMebibytes) {
  Publisher publisher = Make(1000);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(publisher.Add(std::string(1 << 20, 'x')).ok());
  EXPECT_EQ(publisher.Finish()->batches, 3);
}

}  // namespace
}  // namespace sluice::client
