#include "server/store/group_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// No work of these tests looks at it.
class NoTransaction final : public Transaction {
 public:
  absl::Status InsertLogRow(const LogRow&) override { return None(); }
  absl::Status UpdateLogHead(uint64_t, const LogHead&) override { return None(); }
  absl::StatusOr<PublishOutcome> Publish(const PublishBatch&) override { return None(); }
  absl::StatusOr<DeleteOutcome> Delete(const DeleteBatch&) override { return None(); }
  absl::StatusOr<WithdrawOutcome> Withdraw(const WithdrawBatch&) override { return None(); }
  absl::StatusOr<bool> ForgetHistory(absl::Time, int64_t) override { return None(); }
  absl::Status PutDictionaryHead(absl::string_view, uint64_t, const std::vector<Hash>&) override {
    return None();
  }
  absl::Status PutDictionaryOpenings(absl::string_view, uint32_t,
                                     const std::vector<std::string>&) override {
    return None();
  }
  absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> DictionaryHead(
      absl::string_view) override {
    return None();
  }
  absl::StatusOr<std::vector<uint32_t>> EraseSubject(
      absl::string_view, absl::Span<const policy::SubjectName>) override {
    return None();
  }
  absl::StatusOr<std::vector<std::string>> EraseOpenings(absl::string_view, absl::string_view,
                                                         uint64_t, uint64_t) override {
    return None();
  }
  absl::Status PutMouVersion(const StoredMouVersion&, std::optional<uint64_t>) override {
    return None();
  }
  absl::Status PutOrganization(const StoredOrganization&, std::optional<uint64_t>) override {
    return None();
  }
  absl::Status PutDecision(const StoredDecision&) override { return None(); }
  absl::Status PutCatalog(absl::string_view) override { return None(); }
  absl::StatusOr<int64_t> RetractionCount(absl::string_view) override { return None(); }
  absl::StatusOr<int32_t> PutOptOuts(absl::string_view, absl::Span<const policy::SubjectName>,
                                     absl::string_view, bool) override {
    return None();
  }
  absl::StatusOr<int64_t> Revision() override { return None(); }

 private:
  static absl::Status None() { return absl::UnimplementedError("no transaction"); }
};

// An engine that writes down what is asked of it, and fails where a test says.
class FakeEngine final : public GroupEngine {
 public:
  explicit FakeEngine(std::vector<std::string>* events) : events_(*events) {}

  absl::Status Begin() override {
    events_.push_back("begin");
    fault_ = fatal_ ? Fault::kFatal : away_ ? Fault::kAway : Fault::kNone;
    return away_ ? absl::UnavailableError("no route") : absl::OkStatus();
  }
  absl::Status Attempt(absl::FunctionRef<absl::Status(Transaction&)> work) override {
    const absl::Status status = work(transaction());
    if (absl::IsResourceExhausted(status)) fault_ = Fault::kFull;
    if (absl::IsDataLoss(status)) fault_ = Fault::kFatal;
    return status;
  }
  Transaction& transaction() override { return transaction_; }
  absl::Status Prepare() override { return absl::OkStatus(); }
  absl::Status Commit() override {
    events_.push_back("commit");
    if (lose_commit_ != Fault::kNone) {
      fault_ = std::exchange(lose_commit_, Fault::kNone);
      return absl::UnavailableError("the connection was lost");
    }
    if (!fail_commit_) return absl::OkStatus();
    fatal_ = true;
    return absl::UnavailableError("fsync failed");
  }
  void Rollback() override {
    events_.push_back("rollback");
    if (has_ballast_ && fault_ == Fault::kFull) closing_only_ = true;
  }
  Fault fault() const override { return fault_; }
  absl::StatusOr<bool> Settle() override {
    events_.push_back("settle");
    if (on_settle_) on_settle_();
    if (!settled_.ok()) return settled_;
    fault_ = Fault::kNone;
    return settled_;
  }
  absl::Status Tend() override {
    if (away_) {
      fault_ = Fault::kAway;
      return absl::UnavailableError("no route");
    }
    if (fault_ == Fault::kAway) fault_ = Fault::kNone;
    if (closing_only_ && !has_room_) return absl::ResourceExhaustedError("no room");
    closing_only_ = false;
    return absl::OkStatus();
  }
  bool closing_only() const override { return closing_only_; }
  absl::Duration tend_within() const override { return absl::Milliseconds(1); }

  std::vector<std::string>& events_;
  NoTransaction transaction_;
  std::atomic<bool> away_ = false;
  bool has_ballast_ = false;
  bool closing_only_ = false;
  std::atomic<bool> has_room_ = false;  // for the ballast
  Fault lose_commit_ = Fault::kNone;
  absl::StatusOr<bool> settled_ = absl::UnavailableError("no route");
  std::function<void()> on_settle_;  // may change what is settled
  bool fail_commit_ = false;
  bool fatal_ = false;
  Fault fault_ = Fault::kNone;
};

class FakeParticipant final : public CommitParticipant {
 public:
  explicit FakeParticipant(std::vector<std::string>* events) : events_(*events) {}
  absl::Status Begin() override {
    events_.push_back("participant begins");
    return begin_;
  }
  void BeginWork() override { events_.push_back("work begins"); }
  void UndoWork() override { events_.push_back("undone"); }
  absl::Status BeforeCommit(Transaction&) override {
    events_.push_back("before commit");
    return before_commit_;
  }
  void AfterCommit() override { events_.push_back("after commit"); }

  std::vector<std::string>& events_;
  absl::Status begin_, before_commit_;
};

// What happens on the writer's thread is written to `events_`; a test looks at it when the thread
// has ended.
class GroupCommitTest : public ::testing::Test {
 protected:
  GroupCommitTest() : participant_(&events_) {}

  void Start(GroupCommit::Limits limits = {}) {
    auto engine = std::make_unique<FakeEngine>(&events_);
    engine_ = engine.get();
    commit_ = std::make_unique<GroupCommit>(
        limits, std::move(engine), [this](absl::Status status) { fatal_.push_back(status); });
    commit_->SetParticipant(&participant_);
  }

  void SubmitPatient(const std::string& name) {
    Submit(name, true, absl::OkStatus(), 1, /*may_wait=*/true);
  }

  void Submit(const std::string& name, bool is_append = false,
              absl::Status result = absl::OkStatus(), size_t bytes = 1, bool may_wait = false) {
    commit_->Submit({.is_append = is_append,
                     .may_wait = may_wait,
                     .bytes = bytes,
                     .apply =
                         [this, name, result](Transaction&) {
                           events_.push_back(name);
                           return result;
                         },
                     .done =
                         [this, name](absl::Status status) {
                           events_.push_back(absl::StrCat(name, " told ",
                                                          absl::StatusCodeToString(status.code())));
                         }});
  }

  // Submits a work that does nothing, and waits for what it is told.
  absl::Status CommitOne(absl::Status result = absl::OkStatus(), bool closes = false) {
    absl::Notification told;
    absl::Status outcome;
    commit_->Submit({.is_append = closes,
                     .closes = closes,
                     .apply = [&](Transaction&) { return result; },
                     .done =
                         [&](absl::Status status) {
                           outcome = status;
                           told.Notify();
                         }});
    told.WaitForNotification();
    return outcome;
  }

  // Keeps the writer in a group of its own until Release, so that what is submitted meanwhile waits
  // together.
  void Hold(bool closes = false) {
    absl::Notification held;
    commit_->Submit({.is_append = closes,
                     .closes = closes,
                     .apply =
                         [&, this](Transaction&) {
                           held.Notify();
                           release_.WaitForNotification();
                           return absl::OkStatus();
                         },
                     .done = [this](absl::Status) { events_.clear(); }});
    held.WaitForNotification();
  }
  void Release() { release_.Notify(); }

  std::vector<std::string> Finish() {
    commit_->Stop();
    return events_;
  }

  std::vector<std::string> events_;
  std::vector<absl::Status> fatal_;
  FakeParticipant participant_;
  absl::Notification release_;
  FakeEngine* engine_ = nullptr;
  std::unique_ptr<GroupCommit> commit_;
};

TEST_F(GroupCommitTest, RollsBackAGroupThatItsParticipantCantTakePartIn) {
  participant_.begin_ = absl::UnavailableError("what others wrote can't be read");
  Start();
  Submit("a");
  EXPECT_THAT(Finish(),
              ElementsAre("begin", "participant begins", "rollback", "a told UNAVAILABLE"));
  EXPECT_TRUE(fatal_.empty());
}

TEST_F(GroupCommitTest, TellsALoneWorkWithoutWaitingForCompany) {
  Start();
  EXPECT_TRUE(CommitOne().ok());
}

TEST_F(GroupCommitTest, RunsAppendsBeforeAllElseAndTheParticipantLast) {
  Start();
  Hold();
  Submit("publish 1");
  Submit("append 1", true);
  Submit("publish 2");
  Submit("append 2", true);
  Release();
  EXPECT_THAT(Finish(),
              ElementsAre("begin", "participant begins", "work begins", "append 1", "append 2",
                          "work begins", "publish 1", "work begins", "publish 2", "before commit",
                          "commit", "after commit", "append 1 told OK", "append 2 told OK",
                          "publish 1 told OK", "publish 2 told OK"));
}

TEST_F(GroupCommitTest, LetsOneWorkFailAlone) {
  Start();
  Hold();
  Submit("a");
  Submit("b", false, absl::NotFoundError("no"));
  Submit("c");
  Release();
  EXPECT_THAT(Finish(),
              ElementsAre("begin", "participant begins", "work begins", "a", "work begins", "b",
                          "undone", "work begins", "c", "before commit", "commit", "after commit",
                          "a told OK", "b told NOT_FOUND", "c told OK"));
}

TEST_F(GroupCommitTest, RunsAppendsAgainOneByOneWhenOneOfThemFails) {
  Start();
  Hold();
  Submit("a", true);
  Submit("b", true, absl::NotFoundError("no"));
  Submit("c", true);
  Release();
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "a", "b",
                                    "undone", "work begins", "a", "work begins", "b", "undone",
                                    "work begins", "c", "before commit", "commit", "after commit",
                                    "a told OK", "b told NOT_FOUND", "c told OK"));
}

TEST_F(GroupCommitTest, RunsNothingMoreOfAGroupWhoseEngineFailedAmongItsAppends) {
  Start();
  Hold();
  Submit("a", true);
  Submit("b", true, absl::DataLossError("torn page"));
  Submit("c", true);
  Release();
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "a", "b",
                                    "undone", "rollback", "a told UNAVAILABLE",
                                    "b told UNAVAILABLE", "c told UNAVAILABLE"));
  ASSERT_THAT(fatal_, SizeIs(1));
  EXPECT_THAT(std::string(fatal_[0].message()), HasSubstr("torn page"));
}

TEST_F(GroupCommitTest, WritesTogetherWhatNobodyWaitsFor) {
  Start({.patience = absl::InfiniteDuration(), .patient_works = 3});
  SubmitPatient("1");
  EXPECT_TRUE(CommitOne().ok());
  SubmitPatient("2");
  EXPECT_TRUE(CommitOne().ok());
  SubmitPatient("3");
  std::vector<std::string> order;
  for (const std::string& event : Finish()) {
    if (event.size() == 1 || event == "commit") order.push_back(event);
  }
  EXPECT_THAT(order, ElementsAre("commit", "commit", "1", "2", "3", "commit"));
}

TEST_F(GroupCommitTest, LetsNothingWaitForEverThatNobodyWaitsFor) {
  Start({.patience = absl::Milliseconds(1)});
  absl::Notification told;
  commit_->Submit({.is_append = true,
                   .may_wait = true,
                   .apply = [](Transaction&) { return absl::OkStatus(); },
                   .done = [&](const absl::Status&) { told.Notify(); }});
  told.WaitForNotification();
}

TEST_F(GroupCommitTest, WritesWhatNobodyWaitsForBeforeItStops) {
  Start({.patience = absl::InfiniteDuration()});
  SubmitPatient("1");
  EXPECT_THAT(Finish(), ::testing::Contains("1 told OK"));
}

TEST_F(GroupCommitTest, BoundsAGroupByItsAppends) {
  Start({.works = 2, .append_bytes = 100});
  Hold();
  for (const char* name : {"1", "2", "3"}) Submit(name, true);
  Submit("4", true, absl::OkStatus(), 1000);
  Submit("5", true);
  Release();
  std::vector<std::string> order;
  for (const std::string& event : Finish()) {
    if (event.size() == 1 || event == "commit") order.push_back(event);
  }
  EXPECT_THAT(order, ElementsAre("1", "2", "commit", "3", "commit", "4", "commit", "5", "commit"));
}

TEST_F(GroupCommitTest, BoundsAGroupByItsPublishesAndStarvesNone) {
  Start({.works = 2, .append_bytes = 100, .other_bytes = 100});
  Hold();
  for (const char* name : {"a", "b", "c", "d"}) Submit(name, true);
  Submit("1", false, absl::OkStatus(), 60);
  Submit("2", false, absl::OkStatus(), 60);
  Submit("3", false, absl::OkStatus(), 10);
  Release();
  std::vector<std::string> order;
  for (const std::string& event : Finish()) {
    if (event.size() == 1 || event == "commit") order.push_back(event);
  }
  EXPECT_THAT(order, ElementsAre("a", "b", "1", "commit", "c", "d", "2", "commit", "3", "commit"));
}

TEST_F(GroupCommitTest, RollsAGroupBackWhenTheParticipantFailsAndGoesOn) {
  participant_.before_commit_ = absl::AbortedError("head has moved");
  Start();
  EXPECT_TRUE(absl::IsUnavailable(CommitOne()));
  participant_.before_commit_ = absl::OkStatus();
  EXPECT_TRUE(CommitOne().ok());
  EXPECT_TRUE(commit_->Health().ok());
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "before commit",
                                    "rollback", "begin", "participant begins", "work begins",
                                    "before commit", "commit", "after commit"));
}

TEST_F(GroupCommitTest, TellsAllOfAFailedGroupThatItIsUnavailable) {
  participant_.before_commit_ = absl::AbortedError("head has moved");
  Start();
  Submit("a", false, absl::NotFoundError("no"));
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "a", "undone",
                                    "before commit", "rollback", "a told UNAVAILABLE"));
  EXPECT_THAT(fatal_, SizeIs(0));
}

TEST_F(GroupCommitTest, StopsForGoodWhenACommitFails) {
  Start();
  engine_->fail_commit_ = true;
  Hold();
  Submit("a");
  Release();
  Submit("b", true);
  EXPECT_THAT(Finish(),
              ::testing::UnorderedElementsAre("a told UNAVAILABLE", "b told UNAVAILABLE"));
  ASSERT_THAT(fatal_, SizeIs(1));
  EXPECT_TRUE(absl::IsUnavailable(commit_->Health()));
  EXPECT_THAT(std::string(commit_->Health().message()), HasSubstr("only a restart"));
}

TEST_F(GroupCommitTest, SaysThatTheDiskIsFullUntilAGroupSucceeds) {
  Start();
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(absl::ResourceExhaustedError("full"))));
  EXPECT_TRUE(absl::IsResourceExhausted(commit_->Health())) << commit_->Health();
  EXPECT_TRUE(CommitOne().ok());
  EXPECT_TRUE(commit_->Health().ok()) << commit_->Health();
  EXPECT_THAT(fatal_, SizeIs(0));
}

TEST_F(GroupCommitTest, WritesOnlyWhatClosesUntilTheEngineHasItsBallastAgain) {
  Start();
  engine_->has_ballast_ = true;
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(absl::ResourceExhaustedError("full"))));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(absl::IsUnavailable(CommitOne()));
    EXPECT_TRUE(CommitOne(absl::OkStatus(), /*closes=*/true).ok());
    EXPECT_TRUE(absl::IsResourceExhausted(commit_->Health())) << commit_->Health();
  }
  // Nothing needs to be written for that.
  engine_->has_room_ = true;
  while (!commit_->Health().ok()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(CommitOne().ok());
  EXPECT_THAT(fatal_, SizeIs(0));
}

TEST_F(GroupCommitTest, TakesWhatClosesOutOfAGroupThatIsRefused) {
  Start();
  engine_->has_ballast_ = true;
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(absl::ResourceExhaustedError("full"))));
  Hold(/*closes=*/true);
  Submit("publish");
  Submit("append", true);
  commit_->Submit({.is_append = true,
                   .closes = true,
                   .apply = [](Transaction&) { return absl::OkStatus(); },
                   .done =
                       [this](absl::Status status) {
                         events_.push_back(absl::StrCat("closing told ", status.ok()));
                       }});
  Release();
  EXPECT_THAT(Finish(), ElementsAre("append told UNAVAILABLE", "publish told UNAVAILABLE", "begin",
                                    "participant begins", "work begins", "before commit", "commit",
                                    "after commit", "closing told 1"));
}

// COMMIT's own write is before its fsync: nothing of it is on disk.
TEST_F(GroupCommitTest, GoesOnAfterACommitThatFoundNoRoom) {
  Start();
  engine_->lose_commit_ = GroupEngine::Fault::kFull;
  EXPECT_TRUE(absl::IsUnavailable(CommitOne()));
  EXPECT_TRUE(absl::IsResourceExhausted(commit_->Health())) << commit_->Health();
  EXPECT_TRUE(CommitOne().ok());
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "before commit",
                                    "commit", "rollback", "begin", "participant begins",
                                    "work begins", "before commit", "commit", "after commit"));
  EXPECT_THAT(fatal_, SizeIs(0));
}

TEST_F(GroupCommitTest, RunsNothingMoreOfAGroupWhoseEngineFailed) {
  Start();
  Hold();
  Submit("a", false, absl::DataLossError("torn page"));
  Submit("b");
  Release();
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "a", "undone",
                                    "rollback", "a told UNAVAILABLE", "b told UNAVAILABLE"));
  EXPECT_THAT(fatal_, SizeIs(1));
}

TEST_F(GroupCommitTest, CountsNothingOfAGroupWhoseDatabaseWentAwayAndGoesOnWhenItIsBack) {
  Start();
  engine_->lose_commit_ = GroupEngine::Fault::kAway;
  EXPECT_TRUE(absl::IsUnavailable(CommitOne()));
  EXPECT_TRUE(CommitOne().ok());
  EXPECT_TRUE(commit_->Health().ok());
  EXPECT_THAT(Finish(), ElementsAre("begin", "participant begins", "work begins", "before commit",
                                    "commit", "rollback", "begin", "participant begins",
                                    "work begins", "before commit", "commit", "after commit"));
  EXPECT_THAT(fatal_, SizeIs(0));
}

TEST_F(GroupCommitTest, IsUnhealthyWhileTheDatabaseIsAwayThoughNothingIsToBeDone) {
  Start();
  const auto await = [&](bool healthy) {
    while (commit_->Health().ok() != healthy) absl::SleepFor(absl::Milliseconds(1));
  };
  engine_->away_ = true;
  await(false);
  EXPECT_TRUE(absl::IsUnavailable(commit_->Health()));
  EXPECT_TRUE(absl::IsUnavailable(CommitOne()));
  engine_->away_ = false;
  await(true);
  EXPECT_TRUE(CommitOne().ok());
}

TEST_F(GroupCommitTest, TellsAGroupWhoseCommitHadNoAnswerWhatTheDatabaseSays) {
  for (const bool durable : {true, false}) {
    events_.clear();
    Start();
    engine_->lose_commit_ = GroupEngine::Fault::kUnknown;
    int asked = 0;
    engine_->on_settle_ = [&] {
      if (++asked == 3) engine_->settled_ = durable;
    };
    EXPECT_EQ(CommitOne().code(), durable ? absl::StatusCode::kOk : absl::StatusCode::kUnavailable);
    EXPECT_TRUE(CommitOne().ok());
    EXPECT_TRUE(commit_->Health().ok());
    std::vector<std::string> events = Finish();
    events.resize(9);
    EXPECT_THAT(events,
                ElementsAre("begin", "participant begins", "work begins", "before commit", "commit",
                            "settle", "settle", "settle", durable ? "after commit" : "rollback"));
    EXPECT_THAT(fatal_, SizeIs(0));
  }
}

TEST_F(GroupCommitTest, TellsWhoComesMeanwhileThatNothingWasWritten) {
  Start();
  engine_->lose_commit_ = GroupEngine::Fault::kUnknown;
  int asked = 0;
  engine_->on_settle_ = [&] {
    if (++asked == 1) {
      Submit("late");
    } else {
      engine_->settled_ = true;
    }
  };
  EXPECT_TRUE(CommitOne().ok());
  EXPECT_THAT(Finish(),
              ElementsAre("begin", "participant begins", "work begins", "before commit", "commit",
                          "settle", "late told UNAVAILABLE", "settle", "after commit"));
}

TEST_F(GroupCommitTest, LetsNobodyWaitForEverForWhatIsNotKnown) {
  Start({.settle_within = absl::ZeroDuration()});
  engine_->lose_commit_ = GroupEngine::Fault::kUnknown;
  absl::Notification back;
  int asked = 0;
  engine_->on_settle_ = [&] {
    if (++asked == 1) return;
    back.WaitForNotification();
    engine_->settled_ = true;
  };
  const absl::Status told = CommitOne();
  EXPECT_TRUE(absl::IsUnavailable(told));
  EXPECT_THAT(std::string(told.message()), HasSubstr("not known"));
  EXPECT_TRUE(absl::IsUnavailable(commit_->Health()));
  back.Notify();
  // It was durable after all, and those who were told so hold what was before: a start is needed.
  EXPECT_TRUE(absl::IsUnavailable(CommitOne()));
  EXPECT_THAT(Finish(), ::testing::Not(::testing::Contains("after commit")));
  EXPECT_THAT(fatal_, SizeIs(1));
}

TEST_F(GroupCommitTest, StopsThoughAnOutcomeIsNotKnown) {
  Start();
  engine_->lose_commit_ = GroupEngine::Fault::kUnknown;
  absl::Notification asked;
  engine_->on_settle_ = [&] {
    if (!asked.HasBeenNotified()) asked.Notify();
  };
  Submit("one");
  asked.WaitForNotification();
  EXPECT_EQ(Finish().back(), "one told UNAVAILABLE");
}

}  // namespace
}  // namespace sluice::server
