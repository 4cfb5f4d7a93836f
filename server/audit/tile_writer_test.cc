#include "server/audit/tile_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/audit/checkpoint.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/tlog_verify.h"

namespace sluice::server {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::Not;

TEST(TilePath, IsAsTheFormatWritesIt) {
  EXPECT_EQ(TilePath(0, 0, 256), "tile/0/000");
  EXPECT_EQ(TilePath(1, 999, 256), "tile/1/999");
  EXPECT_EQ(TilePath(0, 1000, 256), "tile/0/x001/000");
  EXPECT_EQ(TilePath(0, 1234067, 256), "tile/0/x001/x234/067");
  EXPECT_EQ(TilePath(2, 17, 3), "tile/2/017.p/3");
  EXPECT_EQ(BundlePath(1234, 255), "tile/entries/x001/234.p/255");
}

class TileWriterTest : public testing::Test {
 protected:
  // Entries are numbered; `name` makes those of another log.
  void Grow(uint64_t size, absl::string_view name = "entry") {
    Work work;
    work.apply = [&](Transaction& transaction) {
      for (uint64_t i = range_.size(); i < size; ++i) {
        LogRow row;
        row.index = i;
        row.body = absl::StrCat(name, " ", i);
        row.leaf_hash = LeafHash(row.body);
        EXPECT_TRUE(transaction.InsertLogRow(row).ok());
        range_.Append(row.leaf_hash);
        tiles_.Append({&row.leaf_hash, 1});
      }
      return absl::OkStatus();
    };
    work.done = [](const absl::Status& status) { EXPECT_TRUE(status.ok()); };
    store_.Submit(std::move(work));
  }

  // Another log of numbered entries of `name` in place of this one.
  void Replace(uint64_t size, absl::string_view name) {
    store_.RollBackLog(0, LogHead());
    tiles_.Clear();
    range_ = CompactRange();
    Grow(size, name);
  }

  std::string CheckpointOf(uint64_t size) const {
    Checkpoint checkpoint;
    checkpoint.origin = kTestOrigin;
    checkpoint.size = size;
    checkpoint.root = tiles_.Root(size).value();
    return key_->SignNote(checkpoint.Body()).value();
  }

  absl::StatusOr<std::unique_ptr<TileWriter>> Open() {
    return TileWriter::Open(path_, key_->vkey(), &store_, &tiles_);
  }

  // Opens, publishes this size and closes again.
  void Publish(uint64_t size) {
    absl::StatusOr<std::unique_ptr<TileWriter>> writer = Open();
    ASSERT_TRUE(writer.ok()) << writer.status();
    const absl::Status published = (*writer)->Publish(size, CheckpointOf(size));
    ASSERT_TRUE(published.ok()) << published;
  }

  std::set<std::string> Files() const {
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      if (entry.is_regular_file()) files.insert(fs::relative(entry.path(), path_).string());
    }
    return files;
  }

  std::string Contents(const std::string& file) const {
    std::ifstream in(fs::path(path_) / file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void Overwrite(const std::string& file, absl::string_view bytes) const {
    std::ofstream out(fs::path(path_) / file, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  // Every file that a log of this size has, without partial tiles of sizes before, and no other.
  static std::set<std::string> FilesOf(uint64_t size) {
    std::set<std::string> files = {"checkpoint", "vkey"};
    for (int level = 0; size >> (8 * level) > 0; ++level) {
      const uint64_t count = size >> (8 * level);
      for (uint64_t first = 0; first < count; first += 256) {
        const uint64_t width = std::min<uint64_t>(256, count - first);
        files.insert(TilePath(level, first / 256, width));
        if (level == 0) files.insert(BundlePath(first / 256, width));
      }
    }
    return files;
  }

  // That the directory's files are what the tree and the store say, byte by byte.
  void ExpectExact(uint64_t size) const {
    for (const std::string& file : FilesOf(size)) ASSERT_THAT(Files(), Contains(file));
    for (int level = 0; size >> (8 * level) > 0; ++level) {
      const uint64_t count = size >> (8 * level);
      for (uint64_t first = 0; first < count; first += 256) {
        const uint64_t width = std::min<uint64_t>(256, count - first);
        std::string expected;
        const std::vector<Hash> hashes = tiles_.Tile(level, first / 256, width).value();
        for (const Hash& hash : hashes) absl::StrAppend(&expected, HashBytes(hash));
        ASSERT_EQ(Contents(TilePath(level, first / 256, width)), expected) << level << " " << first;
        if (level > 0) continue;
        // The bundle, as a reader takes it apart: lengths and bytes, whose hashes are the tile's.
        const std::string bundle = Contents(BundlePath(first / 256, width));
        size_t at = 0;
        for (const Hash& hash : hashes) {
          ASSERT_LE(at + 2, bundle.size());
          const size_t length =
              static_cast<uint8_t>(bundle[at]) * 256 + static_cast<uint8_t>(bundle[at + 1]);
          ASSERT_LE(at + 2 + length, bundle.size());
          ASSERT_EQ(LeafHash(absl::string_view(bundle).substr(at + 2, length)), hash);
          at += 2 + length;
        }
        ASSERT_EQ(at, bundle.size());
      }
    }
    EXPECT_EQ(Contents("checkpoint"), CheckpointOf(size));
    EXPECT_EQ(Contents("vkey"), key_->vkey() + "\n");
  }

  std::string path_ = FreshDirectory();
  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  MemoryStore store_;
  CompactRange range_;
  HashTiles tiles_{
      [this](uint64_t begin, uint64_t end) { return store_.ReadLeafHashes(begin, end); }};
};

TEST_F(TileWriterTest, PublishesTheSizesAtTheEdgesOfTilesFromNothing) {
  for (uint64_t size : {0, 1, 2, 3, 255, 256, 257, 511, 512, 5000}) {
    path_ = FreshDirectory();
    Grow(size);
    Publish(size);
    EXPECT_EQ(Files(), FilesOf(size)) << size;
    ExpectExact(size);
  }
}

TEST_F(TileWriterTest, Publishes70000EntriesAs273FullTilesAndOneOf112) {
  Grow(70000);
  Publish(70000);
  EXPECT_EQ(Files(), FilesOf(70000));
  ExpectExact(70000);
  EXPECT_THAT(Files(), Contains("tile/0/272"));
  EXPECT_THAT(Files(), Contains("tile/0/273.p/112"));
  EXPECT_THAT(Files(), Contains("tile/1/000"));
  EXPECT_THAT(Files(), Contains("tile/1/001.p/17"));
  EXPECT_THAT(Files(), Contains("tile/2/000.p/1"));
}

TEST_F(TileWriterTest, KeepsPartialTilesOfPublishedSizesUntilTheyAreFull) {
  Grow(600);
  absl::StatusOr<std::unique_ptr<TileWriter>> writer = Open();
  ASSERT_TRUE(writer.ok());
  for (uint64_t size : {3, 100, 255}) {
    ASSERT_TRUE((*writer)->Publish(size, CheckpointOf(size)).ok());
    ExpectExact(size);
  }
  EXPECT_THAT(Files(), Contains("tile/0/000.p/3"));
  EXPECT_THAT(Files(), Contains("tile/entries/000.p/100"));
  ASSERT_TRUE((*writer)->Publish(256, CheckpointOf(256)).ok());
  EXPECT_EQ(Files(), FilesOf(256));
  ASSERT_TRUE((*writer)->Publish(600, CheckpointOf(600)).ok());
  ExpectExact(600);
  EXPECT_THAT(Files(), Not(Contains("tile/0/002.p/1")));
}

TEST_F(TileWriterTest, WritesAgainWhatIsMissingOrTornAtStart) {
  Grow(1000);
  Publish(1000);
  const std::vector<std::string> victims = {
      "tile/0/000",       "tile/0/003.p/232",       "tile/1/000.p/3",
      "tile/entries/001", "tile/entries/003.p/232", "vkey"};
  for (const std::string& victim : victims) {
    const std::string whole = Contents(victim);
    fs::remove(fs::path(path_) / victim);
    ASSERT_TRUE(Open().ok());
    ExpectExact(1000);
    Overwrite(victim, absl::string_view(whole).substr(0, whole.size() / 2));
    ASSERT_TRUE(Open().ok());
    ExpectExact(1000);
    std::string flipped = whole;
    flipped[flipped.size() / 3] ^= 0x10;
    Overwrite(victim, flipped);
    ASSERT_TRUE(Open().ok());
    ExpectExact(1000);
  }
}

TEST_F(TileWriterTest, FindsAnOldTornTileBySizeAtStartAndAFlippedOneByComparingAll) {
  Grow(20 * 256);
  Publish(20 * 256);
  const std::string tile = Contents("tile/0/000");
  Overwrite("tile/0/000", absl::string_view(tile).substr(0, 100));
  Overwrite("tile/entries/001", "");
  ASSERT_TRUE(Open().ok());
  ExpectExact(20 * 256);
  std::string flipped = tile;
  flipped[5] ^= 1;
  Overwrite("tile/0/000", flipped);
  absl::StatusOr<std::unique_ptr<TileWriter>> writer = Open();
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Repair(0).ok());
  ExpectExact(20 * 256);
}

TEST_F(TileWriterTest, RefusesAStoreThatWasRolledBack) {
  Grow(300);
  Publish(300);
  Replace(299, "entry");
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
  Replace(0, "entry");
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
}

TEST_F(TileWriterTest, RefusesAForkOfEqualAndOfGreaterSize) {
  Grow(300);
  Publish(300);
  Replace(300, "other");
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
  Replace(400, "other");
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
  Replace(400, "entry");
  EXPECT_TRUE(Open().ok());
}

TEST_F(TileWriterTest, RefusesACheckpointOfAnotherKeyOrWithAnyByteChanged) {
  Grow(3);
  Publish(3);
  const std::string checkpoint = Contents("checkpoint");
  for (size_t i = 0; i < checkpoint.size(); i += 5) {
    std::string changed = checkpoint;
    changed[i] ^= 1;
    Overwrite("checkpoint", changed);
    EXPECT_TRUE(absl::IsDataLoss(Open().status())) << i;
  }
  Overwrite("checkpoint", "");
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
  Overwrite("checkpoint", checkpoint);
  EXPECT_TRUE(Open().ok());
  key_ = MakeLogKey('x');
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
}

TEST_F(TileWriterTest, NeverBundlesAnEntryThatIsNotWhatWasHashed) {
  Grow(10);
  store_.MutableLogRow(4).body[0] ^= 1;
  absl::StatusOr<std::unique_ptr<TileWriter>> writer = Open();
  ASSERT_TRUE(writer.ok());
  EXPECT_TRUE(absl::IsDataLoss((*writer)->Publish(10, CheckpointOf(10))));
  EXPECT_THAT(Files(), Not(Contains("checkpoint")));
}

TEST_F(TileWriterTest, IsHeldByOneGatewayAtATime) {
  absl::StatusOr<std::unique_ptr<TileWriter>> first = Open();
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
  first->reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(TileWriterTest, NoticesThatItsDirectoryWasMovedReplacedOrDeleted) {
  absl::StatusOr<std::unique_ptr<TileWriter>> writer = Open();
  ASSERT_TRUE(writer.ok());
  EXPECT_TRUE((*writer)->Health(0).ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*writer)->Health(~uint64_t{0})));
  fs::rename(path_, path_ + ".moved");
  EXPECT_FALSE((*writer)->Health(0).ok());
  fs::create_directory(path_);
  EXPECT_FALSE((*writer)->Health(0).ok());
  fs::remove(path_);
  fs::rename(path_ + ".moved", path_);
  EXPECT_TRUE((*writer)->Health(0).ok());
  fs::remove_all(path_);
  EXPECT_FALSE((*writer)->Health(0).ok());
}

// Killed as soon as a given file is seen, wherever the writer then stands: the next start completes
// what the checkpoint promises, and goes on.
TEST_F(TileWriterTest, CompletesAfterAKillAtAnyMomentOfWriting) {
  constexpr uint64_t kSize = 3000;
  Grow(kSize);
  for (const char* moment : {"vkey", "tile/0/000.p/1", "tile/entries/000.p/92", "checkpoint",
                             "tile/0/000", "tile/1/000.p/1", "tile/entries/003", "tile/0/007"}) {
    path_ = FreshDirectory();
    const pid_t child = fork();
    if (child == 0) {
      absl::StatusOr<std::unique_ptr<TileWriter>> writer = Open();
      for (uint64_t size = 1; writer.ok() && size <= kSize; size += 91) {
        (*writer)->Publish(size, CheckpointOf(size)).IgnoreError();
      }
      pause();
      _exit(0);
    }
    ASSERT_GT(child, 0);
    while (!fs::exists(fs::path(path_) / moment)) usleep(100);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);

    uint64_t published = 0;
    if (fs::exists(fs::path(path_) / "checkpoint")) {
      const NoteVerifier verifier = NoteVerifier::Create(key_->vkey()).value();
      published = OpenCheckpoint(Contents("checkpoint"), verifier).value().size;
      ExpectExact(published);
    }
    Publish(kSize);
    ExpectExact(kSize);
    EXPECT_TRUE(AcceptedByOthers(path_));
    std::set<std::string> files = Files();
    files.erase("writing");
    for (const std::string& file : files) {
      const bool partial = absl::StrContains(file, ".p/");
      EXPECT_TRUE(!partial || absl::StrContains(file, "/011.p/") ||
                  absl::StartsWith(file, "tile/1/000.p/"))
          << file << " after a kill at " << moment;
    }
  }
}

}  // namespace
}  // namespace sluice::server
