#include "client/own_record_reader.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

using Messages = std::vector<v1::ReadOwnRecordsResponse>;

class OwnRecordReaderTest : public testing::Test {
 protected:
  // Batches of two records each, numbered from `begin`, and a trailer if it is whole.
  static Messages Stream(int begin, int end, bool whole) {
    Messages messages(1);
    messages[0].mutable_header()->set_log_index(9);
    for (int i = begin; i < end; ++i) {
      v1::OwnRecordBatch& batch = *messages.emplace_back().mutable_batch();
      batch.add_records(absl::StrCat(i, "a"));
      batch.add_records(absl::StrCat(i, "b"));
      batch.set_next_page_token(absl::StrCat("after ", i));
    }
    if (whole) messages.emplace_back().mutable_trailer()->set_record_count(2 * (end - begin));
    return messages;
  }
  absl::StatusOr<std::string> ReadAll() {
    RetryPolicy policy;
    policy.max_attempts = 3;
    OwnRecordReader reader(&gateway_, {}, policy, {[](absl::Duration) {}, [] { return 0.5; }});
    std::string all;
    while (true) {
      const auto batch = reader.Next();
      if (!batch.ok()) return batch.status();
      if (!batch->has_value()) return all;
      for (const std::string& record : (*batch)->records()) absl::StrAppend(&all, record, " ");
    }
  }

  FakeGateway gateway_;
};

TEST_F(OwnRecordReaderTest, GivesAllRecordsToTheTrailer) {
  gateway_.own_streams = {Stream(0, 2, true)};
  EXPECT_EQ(*ReadAll(), "0a 0b 1a 1b ");
}

TEST_F(OwnRecordReaderTest, ResumesAfterTheLastBatchThatCameWhole) {
  gateway_.own_streams = {Stream(0, 2, false), Stream(2, 3, true)};
  EXPECT_EQ(*ReadAll(), "0a 0b 1a 1b 2a 2b ");
  ASSERT_EQ(gateway_.own_reads.size(), 2u);
  EXPECT_EQ(gateway_.own_reads[0].page_token(), "");
  EXPECT_EQ(gateway_.own_reads[1].page_token(), "after 1");
}

TEST_F(OwnRecordReaderTest, GivesOneRecordByItsKeyOnce) {
  Messages broken = Stream(0, 1, false);
  broken.back().mutable_batch()->clear_next_page_token();
  gateway_.own_streams = {broken, Stream(0, 1, true)};
  EXPECT_EQ(*ReadAll(), "0a 0b ");
  EXPECT_EQ(gateway_.own_reads.size(), 1u);
}

TEST_F(OwnRecordReaderTest, NeverTakesAnInterruptedStreamForTheEnd) {
  gateway_.own_streams = {Stream(0, 2, false)};
  EXPECT_TRUE(absl::IsUnavailable(ReadAll().status()));
  EXPECT_EQ(gateway_.own_reads.size(), 3u) << "two more attempts after the last batch";
}

TEST_F(OwnRecordReaderTest, GivesUpOnAStreamThatNeverGetsBeyondItsHeader) {
  for (int i = 0; i < 9; ++i) gateway_.own_streams.push_back(Stream(0, 0, false));
  EXPECT_TRUE(absl::IsUnavailable(ReadAll().status()));
  EXPECT_EQ(gateway_.own_reads.size(), 3u);
}

TEST_F(OwnRecordReaderTest, RefusesATrailerThatCountsOtherwise) {
  gateway_.own_streams = {Stream(0, 2, true)};
  gateway_.own_streams[0].back().mutable_trailer()->set_record_count(5);
  EXPECT_TRUE(absl::IsDataLoss(ReadAll().status()));
}

TEST_F(OwnRecordReaderTest, EndsAsTheCallEnds) {
  gateway_.own_streams = {Stream(0, 1, true)};
  gateway_.unary_error = absl::InternalError("after all");
  EXPECT_TRUE(absl::IsInternal(ReadAll().status()));
}

}  // namespace
}  // namespace sluice::client
