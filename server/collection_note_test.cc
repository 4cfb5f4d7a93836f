#include "server/collection_note.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/whole_store_fixture.h"

namespace sluice::server {
namespace {

class CollectionNoteTest : public WholeStoreTest {
 protected:
  void SetUp() override {
    Fill();
    ASSERT_TRUE(Check().ok());
  }
  // As a start does.
  absl::Status Check() { return CollectionNote(store_.get(), config_.log_tiles).Check(); }
  void PublishMore(const std::string& request) {
    PublishAs("state-university", "Candidate", request, {RecordOf("key 1", request, {"key 1"})});
  }
  // All of one organization's candidates, and what is sealed of them, as they were.
  void KeepAll() {
    for (const char* const table : kTables) {
      Run(absl::StrCat("CREATE TABLE kept_", table, " AS SELECT * FROM ", table));
    }
    Run("CREATE TABLE kept_collection AS SELECT * FROM collection");
  }
  void PutBack() {
    for (const char* const table : kTables) {
      Run(absl::StrCat("DELETE FROM ", table, " WHERE collection = 1; INSERT INTO ", table,
                       " SELECT * FROM kept_", table, " WHERE collection = 1"));
    }
    Run("UPDATE collection SET position = k.position, time_us = k.time_us, live = k.live, "
        "tombstones = k.tombstones, seal = k.seal FROM kept_collection k WHERE k.id = "
        "collection.id AND k.id = 1");
  }
  static constexpr const char* kTables[] = {"record", "record_key"};
  std::string path() const { return config_.log_tiles + "/collections"; }
};

TEST_F(CollectionNoteTest, IsContentWithWhatNobodyTouched) {
  PublishMore("more");
  EXPECT_TRUE(Check().ok()) << "published after it was noted";
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(Check().ok());
}

TEST_F(CollectionNoteTest, FindsACollectionThatWasPutBackAsAWhole) {
  KeepAll();
  PublishMore("more");
  ASSERT_TRUE(Check().ok());
  Close();
  PutBack();
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(Walk(*store_, ReadRight({"state-university"})).ok()) << "its seal is sound";
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

TEST_F(CollectionNoteTest, FindsOneThatWasPutBackWhereOthersHaveComeFurther) {
  KeepAll();
  PublishMore("more");
  ASSERT_TRUE(Check().ok());
  PutBack();
  ASSERT_TRUE(Open().ok());
  for (const std::string request : {"r2", "r3", "r4"}) {
    PublishAs("river-unified", "Candidate", request, {RecordOf("key 1", request, {"key 1"})});
  }
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

TEST_F(CollectionNoteTest, FindsACollectionThatNobodyPublished) {
  Run("INSERT INTO collection (owner, record_type, position, time_us, live, tombstones, seal) "
      "VALUES (2, 'Placement', 1000, 0, 0, 0, x'')");
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

TEST_F(CollectionNoteTest, FindsOneThatWasPutBackWhileAGatewayRunsThatHasNotReadIt) {
  KeepAll();
  PublishMore("more");
  ASSERT_TRUE(Open().ok());
  CollectionNote note(store_.get(), config_.log_tiles);
  ASSERT_TRUE(note.Check().ok());
  PutBack();
  PublishAs("river-unified", "Candidate", "r2", {RecordOf("key 1", "theirs again", {"key 1"})});
  EXPECT_TRUE(absl::IsDataLoss(note.Keep()));
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(absl::IsDataLoss(Check())) << "nor was it noted as it is";
}

TEST_F(CollectionNoteTest, FindsThatTheStoresPositionWasPutBack) {
  // As after changes of collections that are further by now.
  Run("UPDATE store SET position = position + 5");
  CollectionNote note(store_.get(), config_.log_tiles);
  ASSERT_TRUE(note.Check().ok());
  Run("UPDATE store SET position = position - 1");
  EXPECT_TRUE(absl::IsDataLoss(note.Keep()));
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

TEST_F(CollectionNoteTest, FindsThatTheStoresPositionIsBehindACollection) {
  std::filesystem::remove(path());
  ASSERT_TRUE(Open().ok());
  Run("UPDATE store SET position = 1");
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

TEST_F(CollectionNoteTest, FindsOneCollectionForAnother) {
  Run("UPDATE collection SET position = position + 1 WHERE id = 1; "
      "UPDATE collection SET position = position - 1 WHERE id = 2");
  EXPECT_TRUE(absl::IsDataLoss(Check()));
}

TEST_F(CollectionNoteTest, FindsACollectionThatWasTakenOut) {
  CollectionNote note(store_.get(), config_.log_tiles);
  ASSERT_TRUE(note.Check().ok());
  Run("DELETE FROM collection WHERE id = 2");
  EXPECT_TRUE(absl::IsDataLoss(note.Keep())) << "while it runs";
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(absl::IsDataLoss(Check())) << "and at start";
}

TEST_F(CollectionNoteTest, NamesNobody) {
  std::ifstream file(path(), std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 3) << text;
  for (const std::string name : {"state-university", "river-unified", "Candidate"}) {
    EXPECT_EQ(text.find(name), std::string::npos) << name;
  }
}

TEST_F(CollectionNoteTest, IsWrittenOnlyWhereSomethingWasPublished) {
  CollectionNote note(store_.get(), config_.log_tiles);
  ASSERT_TRUE(note.Check().ok());
  std::filesystem::remove(path());
  ASSERT_TRUE(note.Keep().ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
  PublishMore("more");
  ASSERT_TRUE(note.Keep().ok());
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(CollectionNoteTest, RefusesANoteThatItCannotRead) {
  std::string text;
  {
    std::ifstream file(path(), std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  for (size_t i = 0; i < text.size(); ++i) {
    std::string corrupt = text;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 0x40);
    std::ofstream(path(), std::ios::binary) << corrupt;
    EXPECT_FALSE(Check().ok()) << i;
  }
  std::ofstream(path(), std::ios::binary) << text << "x";
  EXPECT_TRUE(absl::IsFailedPrecondition(Check()));
}

}  // namespace
}  // namespace sluice::server
