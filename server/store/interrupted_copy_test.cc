// A copy that is killed, or finds no room, costs nothing but itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "server/store/store_row.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/store_copy_fixture.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

class InterruptedCopyTest : public StoreCopyTest {
 protected:
  // In a process of its own, that is killed when it tells something for the nth time. Whether it
  // was.
  bool CopyUntilKilled(int nth) {
    const pid_t child = fork();
    if (child == 0) {
      options_.progress = [nth](absl::string_view, absl::string_view, int64_t, bool) mutable {
        if (--nth == 0) raise(SIGKILL);
      };
      _exit(Copy().ok() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
  }
};

TEST_P(InterruptedCopyTest, IsBegunAgainWhereverItWasKilled) {
  Serve(from_, "before");
  for (const int nth : {1, 5, 23, 40, 1000}) {
    if (!CopyUntilKilled(nth)) {
      EXPECT_EQ(nth, 1000);
      EXPECT_EQ(Records(to_), 20u);
      return;
    }
    // Whoever serves from the target meanwhile would find nothing, and the source serves.
    EXPECT_EQ(Records(from_), 20u);
  }
}

TEST_P(InterruptedCopyTest, GoesOnWithACopyOfWhichTheSourceWasNotTold) {
  Serve(from_, "before");
  ASSERT_TRUE(Copy().ok());
  // As if it had been killed between the marks, twice.
  std::string moving;
  {
    const HeldDatabase from = Hold(from_);
    moving = ReadStoreRow(from.connection.get(), kSchemaVersion, options_.key_check)->moving;
    ASSERT_TRUE(WriteMoving(Hold(to_).connection.get(), moving, "").ok());
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(to_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
  ASSERT_TRUE(Copy()->went_on);
  EXPECT_EQ(Records(to_), 20u);

  ASSERT_TRUE(WriteMoving(Hold(to_).connection.get(), moving, "").ok());
  ASSERT_TRUE(WriteMoving(Hold(from_).connection.get(), "", "").ok());
  EXPECT_THAT(std::string(Open(to_).status().message()), HasSubstr("not come to its end"));
  const absl::StatusOr<StoreCopyReport> report = Copy();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->went_on);
  EXPECT_GT(report->rows, 0);
  EXPECT_EQ(Records(to_), 20u);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
}

TEST_P(InterruptedCopyTest, DoesNotGoOnWithACopyThatTheSourceHasLeftBehind) {
  Serve(from_, "before");
  ASSERT_TRUE(Copy().ok());
  ASSERT_TRUE(WriteMoving(Hold(to_).connection.get(), std::string(16, 'm'), "").ok());
  ASSERT_TRUE(WriteMoving(Hold(from_).connection.get(), "", "").ok());
  Serve(from_, "meanwhile", 1);
  EXPECT_TRUE(absl::IsDataLoss(Copy().status()));
  EXPECT_EQ(Records(from_), 21u);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(to_).status()));
}

INSTANTIATE_TEST_SUITE_P(Engines, InterruptedCopyTest,
                         testing::Values(Direction(false, true), Direction(true, false),
                                         Direction(false, false), Direction(true, true)),
                         [](const auto& info) { return NameOf(info.param); });

class FullDiskTest : public StoreCopyTest {};

TEST_P(FullDiskTest, OfTheTargetCostsNothingButTheCopy) {
  Serve(from_, "before");
  if (GetParam().second) {
    // As when the server has no space for a table that comes late.
    ASSERT_TRUE(Open(to_).ok());
    ASSERT_TRUE(server_
                    .Run(databases_.back(),
                         "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                         "RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$; "
                         "CREATE TRIGGER disk_full BEFORE INSERT ON log_entry EXECUTE FUNCTION "
                         "disk_full()")
                    .ok());
    EXPECT_TRUE(absl::IsResourceExhausted(Copy().status()));
    ASSERT_TRUE(server_.Run(databases_.back(), "DROP TRIGGER disk_full ON log_entry").ok());
    return ExpectMovedAtLast(20);
  }
  FaultyVfs disk;
  to_.vfs = disk.name();
  for (int nth = 1;; nth = nth * 3 / 2 + 1) {
    disk.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace, nth);
    absl::Status status;
    {
      const absl::StatusOr<HeldDatabase> to = HoldDatabase(to_, /*make=*/true);
      const HeldDatabase from = Hold(from_);
      status = to.ok() ? MoveStore(*from.database, *to->database, options_).status() : to.status();
    }
    disk.Heal();
    if (status.ok()) break;
    ASSERT_LT(nth, 100'000);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << nth << ": " << status;
    // Whatever did not go through the disk that is full.
    if (Open(from_).ok()) continue;
    EXPECT_TRUE(Copy().ok()) << nth;
    break;
  }
  to_.vfs.clear();
  EXPECT_EQ(Records(to_), 20u);
}

INSTANTIATE_TEST_SUITE_P(Engines, FullDiskTest,
                         testing::Values(Direction(false, true), Direction(false, false)),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace sluice::server
