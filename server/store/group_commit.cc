#include "server/store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

absl::Status NotDurable(const absl::Status& cause) {
  return absl::UnavailableError(absl::StrCat("nothing was written: ", cause.message()));
}

}  // namespace

GroupCommit::GroupCommit(Limits limits, std::unique_ptr<GroupEngine> engine,
                         std::function<void(absl::Status)> on_fatal)
    : limits_(limits),
      engine_(std::move(engine)),
      on_fatal_(std::move(on_fatal)),
      writer_([this] { Run(); }) {}

GroupCommit::~GroupCommit() { Stop(); }

void GroupCommit::SetParticipant(CommitParticipant* participant) {
  absl::MutexLock lock(&mutex_);
  participant_ = participant;
}

void GroupCommit::Submit(Work work) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      if (work.may_wait && patient_.empty()) patient_since_ = std::chrono::steady_clock::now();
      (work.may_wait ? patient_ : work.is_append ? appends_ : others_).push_back(std::move(work));
      return;
    }
  }
  work.done(absl::UnavailableError("the store has been stopped"));
}

void GroupCommit::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  absl::MutexLock lock(&join_mutex_);
  if (writer_.joinable()) writer_.join();
}

absl::Status GroupCommit::Health() const {
  absl::MutexLock lock(&mutex_);
  if (health_.ok() && engine_->overdue()) {
    return absl::UnavailableError("the database does not answer");
  }
  return health_;
}

bool GroupCommit::SomethingToDo() const {
  return !appends_.empty() || !others_.empty() || stopping_ ||
         patient_.size() >= limits_.patient_works || (!patient_.empty() && !patience_ends_);
}

bool GroupCommit::ToWaitAnew() const {
  return !patient_.empty() && !patience_ends_ && appends_.empty() && others_.empty() && !stopping_;
}

absl::Duration GroupCommit::PatienceLeft() const {
  if (patient_.empty()) return absl::InfiniteDuration();
  if (stopping_ || patient_.size() >= limits_.patient_works) return absl::ZeroDuration();
  const auto waited = std::chrono::steady_clock::now() - patient_since_;
  return std::max(limits_.patience - absl::FromChrono(waited), absl::ZeroDuration());
}

void GroupCommit::AwaitSomethingToDo() {
  do {
    patience_ends_ = !patient_.empty();
    mutex_.AwaitWithTimeout(
        absl::Condition(this, &GroupCommit::SomethingToDo),
        std::min(PatienceLeft(), fatal_ ? absl::InfiniteDuration() : engine_->tend_within()));
  } while (ToWaitAnew());
}

std::vector<Work> GroupCommit::TakeGroup() {
  std::vector<Work> group;
  const auto take = [&](std::deque<Work>& queue, size_t works, size_t byte_limit) {
    size_t bytes = 0;
    // Whatever its size, the first goes: no work waits for ever.
    for (size_t taken = 0; !queue.empty() && taken < works; ++taken) {
      bytes += queue.front().bytes;
      if (taken > 0 && bytes > byte_limit) return;
      group.push_back(std::move(queue.front()));
      queue.pop_front();
    }
  };
  take(appends_, limits_.works, limits_.append_bytes);
  if (PatienceLeft() == absl::ZeroDuration()) {
    take(patient_, std::max<size_t>(limits_.works - group.size(), 1), limits_.append_bytes);
  }
  take(others_, std::max<size_t>(limits_.works - std::min(limits_.works, group.size()), 1),
       limits_.other_bytes);
  return group;
}

void GroupCommit::Run() {
  for (;;) {
    std::vector<Work> group;
    CommitParticipant* participant = nullptr;
    absl::Status stopped_for_good;
    {
      absl::MutexLock lock(&mutex_);
      AwaitSomethingToDo();
      group = TakeGroup();
      if (group.empty() && stopping_) {
        stopped_ = true;
        return;
      }
      participant = participant_;
      if (fatal_) stopped_for_good = health_;
    }
    if (group.empty()) {
      TendEngine();
      continue;
    }
    if (!stopped_for_good.ok()) {
      Tell(group, std::vector<absl::Status>(group.size(), NotDurable(stopped_for_good)));
      continue;
    }
    if (engine_->closing_only()) RefuseAllButClosing(group);
    if (group.empty()) {
      TendEngine();
      continue;
    }
    std::vector<absl::Status> results(group.size());
    bool fatal = false;
    absl::Status outcome = FillAndCommit(group, participant, results, fatal);
    if (engine_->fault() == GroupEngine::Fault::kUnknown) {
      outcome = AwaitOutcome(group, outcome);
      if (outcome.ok()) engine_->transaction().Committed();
      fatal = engine_->fault() == GroupEngine::Fault::kUnknown;
      if (outcome.ok() && group.empty()) {
        // Who asked holds in memory what was before. A start reads what is.
        fatal = true;
        outcome = absl::UnavailableError("what was not known to be written has turned out to be");
      }
    }
    GroupEngine::Fault fault = engine_->fault();
    if (!outcome.ok()) {
      if (!fatal) engine_->Rollback();
      fault = fatal ? GroupEngine::Fault::kFatal : std::max(fault, engine_->fault());
      std::fill(results.begin(), results.end(), NotDurable(outcome));
    }
    Remember(outcome, fault);
    if (outcome.ok() && participant != nullptr) participant->AfterCommit();
    Tell(group, results);
    if (fault == GroupEngine::Fault::kFatal) {
      if (on_fatal_) on_fatal_(Health());
      continue;
    }
    TendEngine();
  }
}

void GroupCommit::RefuseAllButClosing(std::vector<Work>& group) {
  const auto closing = [](const Work& work) { return work.closes; };
  const auto first = std::stable_partition(group.begin(), group.end(), closing);
  std::vector<Work> refused(std::make_move_iterator(first), std::make_move_iterator(group.end()));
  group.erase(first, group.end());
  Tell(refused, std::vector<absl::Status>(refused.size(), NotDurable(Health())));
}

void GroupCommit::TendEngine() {
  if (absl::Status tended = engine_->Tend(); !tended.ok()) {
    Remember(tended, engine_->fault());
    if (engine_->fault() == GroupEngine::Fault::kFatal && on_fatal_) on_fatal_(Health());
    return;
  }
  absl::MutexLock lock(&mutex_);
  // Without ballast nothing but a group that is written shows that a full disk is no more.
  if (std::exchange(tend_mends_, false)) health_ = absl::OkStatus();
}

absl::Status GroupCommit::AwaitOutcome(std::vector<Work>& group, const absl::Status& cause) {
  const auto since = std::chrono::steady_clock::now();
  absl::Duration pause = absl::Milliseconds(20);
  for (;;) {
    absl::StatusOr<bool> durable = engine_->Settle();
    if (durable.ok()) return *durable ? absl::OkStatus() : cause;
    Remember(cause, GroupEngine::Fault::kAway);
    std::vector<Work> waiting;
    bool stopping = false;
    {
      absl::MutexLock lock(&mutex_);
      for (std::deque<Work>* queue : {&appends_, &patient_, &others_}) {
        std::move(queue->begin(), queue->end(), std::back_inserter(waiting));
        queue->clear();
      }
      stopping = stopping_;
    }
    Tell(waiting, std::vector<absl::Status>(waiting.size(), NotDurable(cause)));
    if (stopping ||
        absl::FromChrono(std::chrono::steady_clock::now() - since) >= limits_.settle_within) {
      Tell(group, std::vector<absl::Status>(
                      group.size(), absl::UnavailableError("it is not known whether this was "
                                                           "written: ask again")));
      group.clear();
      // Whoever starts next finds what is durable.
      if (stopping) return cause;
    }
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &GroupCommit::Stopping), pause);
    pause = std::min(2 * pause, absl::Seconds(1));
  }
}

absl::Status GroupCommit::FillAndCommit(std::vector<Work>& group, CommitParticipant* participant,
                                        std::vector<absl::Status>& results, bool& fatal) {
  if (absl::Status status = engine_->Begin(); !status.ok()) return status;
  engine_->transaction().BeginGroup();
  if (participant != nullptr) {
    if (absl::Status status = participant->Begin(); !status.ok()) return status;
  }
  // There are many appends, and they hardly ever fail: to be able to undo each would cost them all.
  size_t done = 0;
  while (done < group.size() && group[done].is_append) ++done;
  if (done > 1) {
    const absl::Status together = RunTogether(absl::MakeSpan(group).first(done), participant);
    if (engine_->fault() != GroupEngine::Fault::kNone) {
      return together.ok() ? absl::InternalError("the engine has failed") : together;
    }
    if (!together.ok()) done = 0;
  } else {
    done = 0;
  }
  for (size_t i = done; i < group.size(); ++i) {
    engine_->transaction().BeginWork();
    if (participant != nullptr) participant->BeginWork();
    results[i] =
        engine_->Attempt([&](Transaction& transaction) { return group[i].apply(transaction); });
    if (!results[i].ok()) engine_->transaction().UndoWork();
    if (!results[i].ok() && participant != nullptr) participant->UndoWork();
    if (engine_->fault() != GroupEngine::Fault::kNone) {
      return results[i].ok() ? absl::InternalError("the engine has failed") : results[i];
    }
  }
  if (participant != nullptr) {
    if (absl::Status status = participant->BeforeCommit(engine_->transaction()); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = engine_->Prepare(); !status.ok()) return status;
  absl::Status status = engine_->Commit();
  fatal = !status.ok() && engine_->fault() != GroupEngine::Fault::kAway &&
          engine_->fault() != GroupEngine::Fault::kFull;
  if (status.ok()) engine_->transaction().Committed();
  return status;
}

absl::Status GroupCommit::RunTogether(absl::Span<Work> works, CommitParticipant* participant) {
  engine_->transaction().BeginWork();
  if (participant != nullptr) participant->BeginWork();
  absl::Status status = engine_->Attempt([&](Transaction& transaction) {
    for (Work& work : works) {
      if (absl::Status s = work.apply(transaction); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) engine_->transaction().UndoWork();
  if (!status.ok() && participant != nullptr) participant->UndoWork();
  return status;
}

void GroupCommit::Remember(const absl::Status& outcome, GroupEngine::Fault fault) {
  absl::MutexLock lock(&mutex_);
  if (fatal_) return;
  tend_mends_ = fault == GroupEngine::Fault::kAway || fault == GroupEngine::Fault::kUnknown ||
                engine_->closing_only();
  switch (fault) {
    case GroupEngine::Fault::kFatal:
      fatal_ = true;
      health_ = absl::UnavailableError(
          absl::StrCat("the store has stopped, only a restart mends it: ", outcome.message()));
      return;
    case GroupEngine::Fault::kFull:
      health_ = absl::ResourceExhaustedError(
          absl::StrCat("the disk is full, make room: ", outcome.message()));
      return;
    case GroupEngine::Fault::kAway:
    case GroupEngine::Fault::kUnknown:
      health_ = absl::UnavailableError(outcome.message());
      return;
    case GroupEngine::Fault::kNone:
      if (outcome.ok() && !engine_->closing_only()) health_ = absl::OkStatus();
      return;
  }
}

void GroupCommit::Tell(std::vector<Work>& group, const std::vector<absl::Status>& results) {
  for (size_t i = 0; i < group.size(); ++i) group[i].done(results[i]);
}

}  // namespace sluice::server
