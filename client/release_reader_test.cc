#include "client/release_reader.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::client {
namespace {

std::vector<v1::Row> Rows(size_t count) {
  std::vector<v1::Row> rows(count);
  for (size_t i = 0; i < count; ++i) {
    v1::Candidate candidate;
    candidate.set_expected_completion_year(static_cast<int>(2027 + i));
    rows[i].set_row_id(absl::StrCat("row-", i));
    rows[i].set_record(candidate.SerializeAsString());
  }
  return rows;
}

class ReleaseReaderTest : public testing::Test {
 protected:
  // A stream that breaks after so many batches.
  static ScriptForTest Broken(ScriptForTest script, size_t batches) {
    script.messages.resize(1 + batches);
    script.end = absl::UnavailableError("Socket closed");
    return script;
  }
  ReleaseReader Reader(int attempts = 3) {
    RetryPolicy policy;
    policy.max_attempts = attempts;
    v1::ReadRecordsRequest request;
    request.set_purpose("hiring_pipeline");
    request.set_record_type("Candidate");
    return ReleaseReader(&gateway_, request, policy,
                         {[this](absl::Duration) { ++sleeps_; }, [] { return 0.5; }});
  }
  // Reads to the end; the ids of the rows that came.
  absl::StatusOr<std::vector<std::string>> ReadAll(ReleaseReader& reader) {
    if (const auto header = reader.ReadHeader(); !header.ok()) return header.status();
    std::vector<std::string> ids;
    while (true) {
      const auto batch = reader.ReadBatch();
      if (!batch.ok()) return batch.status();
      if (!batch->has_value()) return ids;
      ids.insert(ids.end(), (*batch)->row_ids().begin(), (*batch)->row_ids().end());
    }
  }
  // Why reading one script fails.
  std::string WhyLost(ScriptForTest script) {
    gateway_.scripts.push_back(std::move(script));
    ReleaseReader reader = Reader();
    const auto ids = ReadAll(reader);
    EXPECT_TRUE(absl::IsDataLoss(ids.status())) << ids.status();
    return std::string(ids.status().message());
  }

  FakeGateway gateway_;
  int sleeps_ = 0;
};

TEST_F(ReleaseReaderTest, GivesEveryRowTyped) {
  gateway_.scripts.push_back(ReleaseForTest(Rows(5), 2));
  ReleaseReader reader = Reader();
  ASSERT_EQ(reader.ReadHeader()->mou(), "stem-pipeline");
  RowReader<v1::Candidate> rows(&reader);
  int year = 2027;
  while (true) {
    const auto row = rows.Next();
    ASSERT_TRUE(row.ok()) << row.status();
    if (!row->has_value()) break;
    EXPECT_EQ((*row)->record.expected_completion_year(), year);
    EXPECT_EQ((*row)->row_id, absl::StrCat("row-", year - 2027));
    ++year;
  }
  EXPECT_EQ(year, 2032);
  EXPECT_EQ(reader.summary().rows, 5);
  EXPECT_EQ(reader.summary().trailer.log_index(), 42);
}

TEST_F(ReleaseReaderTest, ReadsAnEmptyRelease) {
  gateway_.scripts.push_back(ReleaseForTest({}, 2));
  ReleaseReader reader = Reader();
  EXPECT_TRUE(ReadAll(reader)->empty());
}

TEST_F(ReleaseReaderTest, ResumesAfterTheLastBatchAndLosesOrDoublesNoRow) {
  const std::vector<v1::Row> rows = Rows(10);
  gateway_.scripts.push_back(Broken(ReleaseForTest(rows, 2), 2));
  gateway_.scripts.push_back(Broken(ReleaseForTest(rows, 2, 4), 1));
  gateway_.scripts.push_back(ReleaseForTest(rows, 2, 6));
  ReleaseReader reader = Reader();
  const auto ids = ReadAll(reader);
  ASSERT_TRUE(ids.ok()) << ids.status();
  ASSERT_EQ(ids->size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ((*ids)[i], rows[i].row_id());
  ASSERT_EQ(gateway_.reads.size(), 3u);
  EXPECT_EQ(gateway_.reads[0].page_token(), "");
  EXPECT_EQ(gateway_.reads[1].page_token(), "4");
  EXPECT_EQ(gateway_.reads[2].page_token(), "6");
  EXPECT_EQ(gateway_.reads[2].purpose(), "hiring_pipeline");
  EXPECT_EQ(reader.summary().resumptions, 2);
  EXPECT_EQ(reader.summary().rows, 10);
  EXPECT_EQ(reader.summary().rows_in_last_stream, 4);
  EXPECT_EQ(sleeps_, 2);
}

TEST_F(ReleaseReaderTest, GivesUpAfterItsAttemptsWithoutProgress) {
  for (int i = 0; i < 5; ++i) gateway_.scripts.push_back({{}, absl::UnavailableError("gone")});
  ReleaseReader reader = Reader(3);
  EXPECT_TRUE(absl::IsUnavailable(ReadAll(reader).status()));
  EXPECT_EQ(gateway_.reads.size(), 3u);
}

TEST_F(ReleaseReaderTest, ADenialOnResumptionEndsTheRelease) {
  gateway_.scripts.push_back(Broken(ReleaseForTest(Rows(4), 2), 1));
  gateway_.scripts.push_back({{}, DenialForTest()});
  ReleaseReader reader = Reader();
  const auto ids = ReadAll(reader);
  EXPECT_TRUE(absl::IsPermissionDenied(ids.status()));
  EXPECT_EQ(ErrorOf(ids.status()).reason, "PURPOSE_NOT_GRANTED");
}

TEST_F(ReleaseReaderTest, RefusesToMixTwoVersionsOfAnMou) {
  gateway_.scripts.push_back(Broken(ReleaseForTest(Rows(4), 2), 1));
  ScriptForTest other = ReleaseForTest(Rows(4), 2, 2);
  other.messages[0].mutable_header()->set_version(2);
  EXPECT_TRUE(absl::StrContains(WhyLost(std::move(other)), "another than the one"));
}

TEST_F(ReleaseReaderTest, AStreamWithoutTrailerIsNoRelease) {
  ScriptForTest script = ReleaseForTest(Rows(4), 2);
  script.messages.pop_back();
  EXPECT_TRUE(absl::StrContains(WhyLost(std::move(script)), "without its trailer"));
}

TEST_F(ReleaseReaderTest, AStreamWithoutHeaderIsNoRelease) {
  ScriptForTest script = ReleaseForTest(Rows(4), 2);
  script.messages.erase(script.messages.begin());
  EXPECT_TRUE(absl::StrContains(WhyLost(std::move(script)), "header"));
  EXPECT_TRUE(absl::StrContains(WhyLost({{}, absl::OkStatus()}), "header"));
}

TEST_F(ReleaseReaderTest, FindsEachByteOfARowChanged) {
  const ScriptForTest good = ReleaseForTest(Rows(2), 2);
  const size_t size = good.messages[1].batch().records(1).size();
  for (size_t i = 0; i < size; ++i) {
    ScriptForTest script = good;
    (*script.messages[1].mutable_batch()->mutable_records(1))[i] ^= 1;
    EXPECT_TRUE(absl::StrContains(WhyLost(std::move(script)), "digest"));
  }
}

TEST_F(ReleaseReaderTest, FindsARowLeftOutDoubledSwappedOrMovedToAnotherId) {
  const ScriptForTest good = ReleaseForTest(Rows(4), 4);
  ScriptForTest script = good;
  script.messages[1].mutable_batch()->mutable_records()->RemoveLast();
  script.messages[1].mutable_batch()->mutable_row_ids()->RemoveLast();
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "tells of 4 rows, and 3 came"));
  script = good;
  script.messages.insert(script.messages.begin() + 1, script.messages[1]);
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "tells of 4 rows, and 8 came"));
  script = good;
  script.messages[1].mutable_batch()->mutable_records()->SwapElements(0, 1);
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "digest"));
  script = good;
  script.messages[1].mutable_batch()->set_row_ids(0, "row-9");
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "digest"));
  script = good;
  script.messages[1].mutable_batch()->add_row_ids("row-9");
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "more records than row ids"));
}

TEST_F(ReleaseReaderTest, RefusesPartsOutOfPlace) {
  const ScriptForTest good = ReleaseForTest(Rows(4), 2);
  ScriptForTest script = good;
  script.messages.push_back(good.messages[1]);
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "after its trailer"));
  script = good;
  script.messages[2] = good.messages[0];
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "second header"));
  script = good;
  script.messages[2].Clear();
  EXPECT_TRUE(absl::StrContains(WhyLost(script), "does not know"));
}

TEST_F(ReleaseReaderTest, AnErrorAfterTheTrailerIsAnError) {
  ScriptForTest script = ReleaseForTest(Rows(2), 2);
  script.end = absl::InternalError("the outcome could not be logged");
  gateway_.scripts.push_back(std::move(script));
  ReleaseReader reader = Reader();
  EXPECT_FALSE(ReadAll(reader).ok());
}

}  // namespace
}  // namespace sluice::client
