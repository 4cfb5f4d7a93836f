#include "client/witness/connection_watch.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "gtest/gtest.h"

namespace sluice::witness {
namespace {

class ConnectionWatchTest : public testing::Test {
 protected:
  ConnectionWatchTest() {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ours_ = pair[0];
    theirs_ = pair[1];
  }
  ~ConnectionWatchTest() override {
    close(ours_);
    close(theirs_);
  }
  // Whether it is open after so many minutes since the beginning.
  bool IsOpenAt(int minutes) {
    minutes_ = minutes;
    watch_.EndLate();
    char byte;
    return recv(theirs_, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

  std::atomic<int> minutes_ = 0;
  ConnectionWatch watch_{absl::Hours(1), [this] { return absl::Minutes(minutes_.load()); }};
  int ours_ = -1;
  int theirs_ = -1;
};

TEST_F(ConnectionWatchTest, EndsAConnectionWhoseTimeIsOver) {
  watch_.Hold(ours_);
  EXPECT_TRUE(IsOpenAt(59));
  EXPECT_FALSE(IsOpenAt(60));
}

TEST_F(ConnectionWatchTest, AnAnswerRenewsItsTimeAndAHandshakeDoesNot) {
  watch_.Hold(ours_);
  EXPECT_TRUE(IsOpenAt(50));
  watch_.Renew();
  EXPECT_TRUE(IsOpenAt(100));
  watch_.Hold(ours_);
  EXPECT_TRUE(IsOpenAt(109));
  EXPECT_FALSE(IsOpenAt(110));
}

TEST_F(ConnectionWatchTest, LetsAloneWhatIsNoLongerServed) {
  watch_.Hold(ours_);
  watch_.Release();
  watch_.Renew();
  EXPECT_TRUE(IsOpenAt(1000));
}

TEST_F(ConnectionWatchTest, AfterAStopAnswersAreWrittenAndNothingIsRead) {
  watch_.Hold(ours_);
  watch_.StopReading();
  char byte = 'x';
  EXPECT_EQ(recv(ours_, &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(send(ours_, &byte, 1, MSG_NOSIGNAL), 1);
  watch_.Release();
  // One that comes later, too.
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  watch_.Hold(pair[0]);
  EXPECT_EQ(recv(pair[0], &byte, 1, MSG_DONTWAIT), 0);
  close(pair[0]);
  close(pair[1]);
}

}  // namespace
}  // namespace sluice::witness
