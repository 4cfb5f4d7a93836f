#include "client/log_directory.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/log_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class LogDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "log-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::vector<std::string> Entries(size_t count) {
    std::vector<std::string> entries;
    for (size_t i = 0; i < count; ++i) entries.push_back(absl::StrCat("{\"n\":", i, "}"));
    return entries;
  }
  absl::Status Verify(const std::optional<LogCheckpoint>& held = std::nullopt) {
    return VerifyLogDirectory(directory_, log_.key(), held, nullptr).status();
  }
  // Flips a bit of a file's byte.
  void Flip(const std::string& file, size_t at) {
    absl::StatusOr<std::string> bytes = ReadFile(directory_ + "/" + file);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    bytes->at(at) = static_cast<char>(bytes->at(at) ^ 1);
    ASSERT_TRUE(ReplaceFile(directory_ + "/" + file, *bytes).ok());
  }
  void ExpectLost(absl::string_view why, const std::optional<LogCheckpoint>& held = std::nullopt) {
    const absl::Status status = Verify(held);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
  }

  const LogForTest log_;
  std::string directory_;
};

TEST_F(LogDirectoryTest, NamesTilesAsC2spDoes) {
  EXPECT_EQ(TilePath("0", 0, 256), "tile/0/000");
  EXPECT_EQ(TilePath("1", 7, 12), "tile/1/007.p/12");
  EXPECT_EQ(TilePath("entries", 1234067, 256), "tile/entries/x001/x234/067");
  EXPECT_EQ(TilePath("0", 1000, 1), "tile/0/x001/000.p/1");
}

TEST_F(LogDirectoryTest, VerifiesEverySizeAtTheEdges) {
  for (const size_t size : {0, 1, 2, 3, 255, 256, 257, 511, 512, 700}) {
    std::filesystem::remove_all(directory_);
    log_.Write(directory_, Entries(size));
    EXPECT_TRUE(Verify().ok()) << size << ": " << Verify();
  }
}

TEST_F(LogDirectoryTest, VerifiesTwoLevelsOfFullTiles) {
  log_.Write(directory_, Entries(70000));
  EXPECT_TRUE(Verify().ok()) << Verify();
  Flip("tile/1/000", 32 * 17 + 3);
  ExpectLost("tile/1/000: hash 17 is not that of the tile below");
}

TEST_F(LogDirectoryTest, NamesTheEntryWhoseBytesWereChanged) {
  log_.Write(directory_, Entries(300));
  // The 45th entry of the second bundle: nine bytes each, and their lengths.
  Flip(TilePath("entries", 1, 44), 11 * 20 + 4);
  ExpectLost("entry 276: its bytes in tile/entries/001.p/44 are not those that were hashed");
}

TEST_F(LogDirectoryTest, NamesTheTileWhoseHashWasChanged) {
  log_.Write(directory_, Entries(300));
  Flip(TilePath("0", 0, 256), 32 * 9);
  ExpectLost("entry 9: its hash in tile/0/000 is wrong");
}

TEST_F(LogDirectoryTest, RefusesEntryAndTileChangedTogether) {
  std::vector<std::string> entries = Entries(300);
  log_.Write(directory_, entries);
  const auto checkpoint = ReadFile(directory_ + "/checkpoint");
  entries[100] = "{\"n\":-1}";
  log_.Write(directory_, entries);
  ASSERT_TRUE(ReplaceFile(directory_ + "/checkpoint", *checkpoint).ok());
  ExpectLost("the checkpoint's root is not that of the 300 entries");
}

TEST_F(LogDirectoryTest, RefusesEachByteOfTheCheckpointChanged) {
  log_.Write(directory_, Entries(5));
  const auto checkpoint = ReadFile(directory_ + "/checkpoint");
  for (size_t i = 0; i < checkpoint->size(); ++i) {
    std::string changed = *checkpoint;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    ASSERT_TRUE(ReplaceFile(directory_ + "/checkpoint", changed).ok());
    EXPECT_FALSE(Verify().ok()) << i;
  }
}

TEST_F(LogDirectoryTest, RefusesEachByteOfABundleChanged) {
  log_.Write(directory_, Entries(3));
  const std::string file = TilePath("entries", 0, 3);
  const size_t size = ReadFile(directory_ + "/" + file)->size();
  for (size_t i = 0; i < size; ++i) {
    Flip(file, i);
    EXPECT_FALSE(Verify().ok()) << i;
    Flip(file, i);
  }
  EXPECT_TRUE(Verify().ok());
}

TEST_F(LogDirectoryTest, RefusesAFileThatIsMissingOrTorn) {
  for (const std::string& file :
       {TilePath("entries", 0, 256), TilePath("entries", 1, 44), TilePath("0", 0, 256),
        TilePath("0", 1, 44), TilePath("1", 0, 1), std::string("checkpoint")}) {
    log_.Write(directory_, Entries(300));
    std::filesystem::resize_file(directory_ + "/" + file,
                                 std::filesystem::file_size(directory_ + "/" + file) - 1);
    EXPECT_FALSE(Verify().ok()) << file;
    std::filesystem::remove(directory_ + "/" + file);
    EXPECT_FALSE(Verify().ok()) << file;
  }
}

TEST_F(LogDirectoryTest, ReadsTheFullTileThatReplacedAPartialOne) {
  log_.Write(directory_, Entries(100));
  const auto checkpoint = ReadFile(directory_ + "/checkpoint");
  std::filesystem::remove_all(directory_ + "/tile");
  log_.Write(directory_, Entries(256));
  ASSERT_TRUE(ReplaceFile(directory_ + "/checkpoint", *checkpoint).ok());
  EXPECT_TRUE(Verify().ok()) << Verify();
}

TEST_F(LogDirectoryTest, FindsAnotherHistoryThanTheOneHeld) {
  std::vector<std::string> entries = Entries(300);
  const SlowTree tree(entries);
  const LogCheckpoint held = log_.Open(200, tree.Root(200));
  log_.Write(directory_, entries);
  EXPECT_TRUE(Verify(held).ok());
  entries[3] = "{}";
  log_.Write(directory_, entries);
  EXPECT_TRUE(Verify().ok());
  ExpectLost("first 200 entries are not those", held);
}

TEST_F(LogDirectoryTest, FindsARollback) {
  const SlowTree tree(Entries(300));
  log_.Write(directory_, Entries(299));
  ExpectLost("rolled back", log_.Open(300, tree.Root(300)));
}

TEST(ParseEntryBundle, RefusesWhatIsNotWholeEntries) {
  EXPECT_EQ(ParseEntryBundle("")->size(), 0u);
  EXPECT_EQ(*ParseEntryBundle(absl::string_view("\0\1a\0\0", 5)),
            (std::vector<std::string>{"a", ""}));
  EXPECT_FALSE(ParseEntryBundle(absl::string_view("\0", 1)).ok());
  EXPECT_FALSE(ParseEntryBundle(absl::string_view("\0\2a", 3)).ok());
  EXPECT_TRUE(ParseEntryBundle(std::string(512, '\0')).ok());
  EXPECT_FALSE(ParseEntryBundle(std::string(514, '\0')).ok());
}

}  // namespace
}  // namespace sluice::client
