#include "server/store/group_commit.h"

#include <algorithm>
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
      (work.is_append ? appends_ : others_).push_back(std::move(work));
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
  return health_;
}

bool GroupCommit::SomethingToDo() const {
  return !appends_.empty() || !others_.empty() || stopping_;
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
      mutex_.Await(absl::Condition(this, &GroupCommit::SomethingToDo));
      group = TakeGroup();
      if (group.empty()) {
        stopped_ = true;
        return;
      }
      participant = participant_;
      if (fatal_) stopped_for_good = health_;
    }
    if (!stopped_for_good.ok()) {
      Tell(group, std::vector<absl::Status>(group.size(), NotDurable(stopped_for_good)));
      continue;
    }
    std::vector<absl::Status> results(group.size());
    bool fatal = false;
    absl::Status outcome = FillAndCommit(group, participant, results, fatal);
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
    if (absl::Status tended = engine_->Tend(); !tended.ok()) {
      Remember(tended, engine_->fault());
      if (engine_->fault() == GroupEngine::Fault::kFatal && on_fatal_) on_fatal_(Health());
    }
  }
}

absl::Status GroupCommit::FillAndCommit(std::vector<Work>& group, CommitParticipant* participant,
                                        std::vector<absl::Status>& results, bool& fatal) {
  if (participant != nullptr) participant->Begin();
  if (absl::Status status = engine_->Begin(); !status.ok()) return status;
  for (size_t i = 0; i < group.size(); ++i) {
    if (participant != nullptr) participant->BeginWork();
    results[i] =
        engine_->Attempt([&](Transaction& transaction) { return group[i].apply(transaction); });
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
  fatal = !status.ok();
  return status;
}

void GroupCommit::Remember(const absl::Status& outcome, GroupEngine::Fault fault) {
  absl::MutexLock lock(&mutex_);
  if (fatal_) return;
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
    case GroupEngine::Fault::kNone:
      if (outcome.ok()) health_ = absl::OkStatus();
      return;
  }
}

void GroupCommit::Tell(std::vector<Work>& group, const std::vector<absl::Status>& results) {
  for (size_t i = 0; i < group.size(); ++i) group[i].done(results[i]);
}

}  // namespace sluice::server
