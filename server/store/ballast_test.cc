#include "server/store/ballast.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

constexpr int64_t kBytes = 256 << 10;

class BallastTest : public ::testing::Test {
 protected:
  BallastTest() { Reopen(); }

  absl::Status TryOpen(int64_t bytes = kBytes) {
    ballast_.reset();
    absl::StatusOr<std::unique_ptr<Ballast>> ballast =
        Ballast::Open({.path = path_, .bytes = bytes, .free_bytes = [this] { return free_; }});
    if (ballast.ok()) ballast_ = *std::move(ballast);
    return ballast.status();
  }
  void Reopen() { ASSERT_TRUE(TryOpen().ok()); }
  // What the file takes of the disk.
  int64_t Taken() const {
    struct stat stat;
    return ::stat(path_.c_str(), &stat) == 0 ? int64_t{stat.st_blocks} * 512 : -1;
  }

  TestDirectory directory_;
  const std::string path_ = directory_.Path("ballast");
  absl::StatusOr<int64_t> free_ = int64_t{1} << 40;
  std::unique_ptr<Ballast> ballast_;
};

TEST_F(BallastTest, TakesBlocksThatAreReallyThereAndGivesThemBack) {
  EXPECT_FALSE(ballast_->held());
  EXPECT_EQ(Taken(), 0);
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(ballast_->Take(0).ok());
    EXPECT_TRUE(ballast_->held());
    EXPECT_GE(Taken(), kBytes);
    ASSERT_TRUE(ballast_->LetGo().ok());
    EXPECT_FALSE(ballast_->held());
    EXPECT_EQ(Taken(), 0);
  }
}

TEST_F(BallastTest, IsReadByNobodyElse) {
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(BallastTest, TakesNothingUnlessThereIsRoomForAsMuchAgainAndWhatIsBeside) {
  constexpr int64_t kBeside = 1000;
  for (const int64_t free : {int64_t{0}, kBytes, 2 * kBytes + kBeside - 1}) {
    free_ = free;
    const absl::Status taken = ballast_->Take(kBeside);
    EXPECT_TRUE(absl::IsResourceExhausted(taken)) << taken;
    EXPECT_FALSE(ballast_->held());
    EXPECT_EQ(Taken(), 0);
  }
  free_ = 2 * kBytes + kBeside;
  EXPECT_TRUE(ballast_->Take(kBeside).ok());
  free_ = 0;
  EXPECT_TRUE(ballast_->Take(kBeside).ok()) << "it is held already";
}

TEST_F(BallastTest, TakesNothingOfADiskThatCannotBeLookedAt) {
  free_ = absl::UnavailableError("gone");
  EXPECT_TRUE(absl::IsUnavailable(ballast_->Take(0)));
  EXPECT_FALSE(ballast_->held());
}

// A process that was killed while it held it, or had let it go.
TEST_F(BallastTest, IsAsTheProcessBeforeLeftIt) {
  ASSERT_TRUE(ballast_->Take(0).ok());
  free_ = 0;
  Reopen();
  EXPECT_TRUE(ballast_->held());
  ASSERT_TRUE(ballast_->LetGo().ok());
  Reopen();
  EXPECT_FALSE(ballast_->held());
}

TEST_F(BallastTest, TakesAFileWithoutBlocksOrOfAnotherSizeForNone) {
  std::filesystem::resize_file(path_, kBytes);
  Reopen();
  EXPECT_FALSE(ballast_->held()) << "a hole is no room";
  ASSERT_TRUE(ballast_->Take(0).ok());
  EXPECT_GE(Taken(), kBytes);
  for (const int64_t other : {kBytes / 2, kBytes * 2}) {
    ASSERT_TRUE(TryOpen(other).ok());
    EXPECT_FALSE(ballast_->held());
    ASSERT_TRUE(ballast_->Take(0).ok());
    EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(path_)), other);
  }
}

TEST_F(BallastTest, KeepsNothingOfWhatCouldNotBeTakenWhole) {
  ASSERT_TRUE(TryOpen(int64_t{1} << 60).ok());  // larger than any file may be
  free_ = int64_t{1} << 62;
  const absl::Status taken = ballast_->Take(0);
  EXPECT_TRUE(absl::IsResourceExhausted(taken)) << taken;
  EXPECT_FALSE(ballast_->held());
  EXPECT_EQ(Taken(), 0);
}

TEST_F(BallastTest, FollowsNoLink) {
  ballast_.reset();
  std::filesystem::rename(path_, path_ + "-elsewhere");
  std::filesystem::create_symlink(path_ + "-elsewhere", path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen()));
}

TEST_F(BallastTest, AsksTheFileSystemWhatIsFree) {
  ballast_.reset();
  const std::unique_ptr<Ballast> ballast =
      Ballast::Open({.path = path_, .bytes = kBytes, .free_bytes = nullptr}).value();
  EXPECT_TRUE(absl::IsResourceExhausted(ballast->Take(int64_t{1} << 60)));
  EXPECT_TRUE(ballast->Take(0).ok());
}

}  // namespace
}  // namespace sluice::server
