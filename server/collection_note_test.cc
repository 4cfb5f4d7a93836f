#include "server/collection_note.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
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
  std::string path() const { return config_.log_tiles + "/collections"; }
};

TEST_F(CollectionNoteTest, IsContentWithWhatNobodyTouched) {
  PublishMore("more");
  EXPECT_TRUE(Check().ok()) << "published after it was noted";
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(Check().ok());
}

TEST_F(CollectionNoteTest, FindsACollectionThatWasPutBackAsAWhole) {
  for (const char* const table : {"record", "record_key", "collection"}) {
    Run(absl::StrCat("CREATE TABLE kept_", table, " AS SELECT * FROM ", table));
  }
  PublishMore("more");
  ASSERT_TRUE(Check().ok());
  Close();
  for (const char* const table : {"record", "record_key", "collection"}) {
    Run(absl::StrCat("DELETE FROM ", table, "; INSERT INTO ", table, " SELECT * FROM kept_",
                     table));
  }
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(Walk(*store_, ReadRight({"state-university"})).ok()) << "its seal is sound";
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

TEST_F(CollectionNoteTest, FindsOneCollectionForAnother) {
  Run("UPDATE collection SET position = position + 1 WHERE id = 1; "
      "UPDATE collection SET position = position - 1 WHERE id = 2");
  EXPECT_TRUE(absl::IsDataLoss(Check()));
}

TEST_F(CollectionNoteTest, FindsACollectionThatWasTakenOut) {
  Run("DELETE FROM collection WHERE id = 2");
  EXPECT_TRUE(absl::IsDataLoss(Check()));
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
