// How many records an owner may have: counted with the change itself, of all its types together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

// Publishes records under these keys where three are allowed.
absl::StatusOr<PublishOutcome> PublishKeys(Store& store, std::string request_id,
                                           const std::vector<std::string>& keys,
                                           std::string record_type = "Candidate",
                                           std::string owner = "state-university") {
  std::vector<policy::ValidRecord> records;
  for (const std::string& key : keys) records.push_back(RecordOf(key, request_id));
  PublishBatch batch = BatchOf(request_id, std::move(records));
  batch.record_type = std::move(record_type);
  batch.owner = std::move(owner);
  batch.most_rows = 3;
  return Publish(store, batch);
}

TEST_P(StoreConformance, RefusesAWholeBatchOfTooManyRowsAndTakesOneThatFits) {
  EXPECT_EQ(PublishKeys(*store_, "too-many", {"a", "b", "c", "d"}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Bytes().empty());
  EXPECT_EQ(PublishKeys(*store_, "just-right", {"a", "b", "c"})->new_count, 3);
  EXPECT_EQ(PublishKeys(*store_, "one-more", {"d"}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(PublishKeys(*store_, "changes", {"a", "b"})->changed_count, 2) << "nothing new in it";
  EXPECT_EQ(PublishKeys(*store_, "changes", {"a", "b"})->changed_count, 2) << "answered as before";
  EXPECT_EQ(Bytes().size(), 3u);
}

TEST_P(StoreConformance, CountsTheRowsOfAllTypesOfAnOwnerAndEachOwnerForItself) {
  ASSERT_TRUE(PublishKeys(*store_, "candidates", {"a", "b"}).ok());
  EXPECT_EQ(PublishKeys(*store_, "employments", {"a", "b"}, "Employment").status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(PublishKeys(*store_, "employment", {"a"}, "Employment").ok());
  EXPECT_TRUE(
      PublishKeys(*store_, "of-another", {"a", "b", "c"}, "Candidate", "lake-college").ok());
}

TEST_P(StoreConformance, GivesRoomBackForRowsThatAreDeletedAndTakesItForThosePublishedAgain) {
  ASSERT_TRUE(PublishKeys(*store_, "all", {"a", "b", "c"}).ok());
  DeleteBatch deletion = DeletionOf("delete", {"a", "b", "x"});
  deletion.allow_missing = true;
  ASSERT_EQ(Delete(*store_, deletion)->deleted_count, 2);
  EXPECT_EQ(PublishKeys(*store_, "again", {"a", "b", "d"}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(PublishKeys(*store_, "fits", {"a", "d"})->new_count, 2);
  EXPECT_FALSE(PublishKeys(*store_, "full", {"e"}).ok());
}

TEST_P(StoreConformance, CountsNoRowsOfAWorkThatIsUndone) {
  const absl::Status failed = store_->Commit({.apply = [](Transaction& transaction) {
    EXPECT_TRUE(transaction.Publish(BatchOf("undone", {RecordOf("a", "1")})).ok());
    return absl::InvalidArgumentError("after all not");
  }});
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(PublishKeys(*store_, "just-right", {"a", "b", "c"})->new_count, 3);
}

TEST_P(StoreConformance, RemembersTheCountOfRowsAcrossARestart) {
  ASSERT_TRUE(PublishKeys(*store_, "two", {"a", "b"}).ok());
  Reopen();
  EXPECT_FALSE(PublishKeys(*store_, "two-more", {"c", "d"}).ok());
  EXPECT_TRUE(PublishKeys(*store_, "one-more", {"c"}).ok());
}

}  // namespace
}  // namespace sluice::server
