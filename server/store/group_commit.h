// Group commit: works wait in a queue; one thread takes what waits, runs it in one transaction,
// appends before all else, and tells each when the transaction is durable. It commits again at once
// when the last commit returned and never waits for company, but for works that nobody waits for:
// those keep out of a few groups, and are then written together. Knows no engine.
//
// Thread-safe. Stop, or the destructor, makes durable what waits and ends the thread.
#ifndef SLUICE_SERVER_STORE_GROUP_COMMIT_H_
#define SLUICE_SERVER_STORE_GROUP_COMMIT_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/store/store.h"

namespace sluice::server {

// What group commit asks of an engine. Used by one thread.
class GroupEngine {
 public:
  enum class Fault {
    kNone,
    kFull,  // no space: rolling back mends it
    kAway,  // the database can't be reached: nothing of the group counts; Begin and Tend look again
    kUnknown,  // the same in mid commit: Settle finds out whether the group counts
    kFatal     // what is on disk is no longer known: only a restart mends it
  };

  virtual ~GroupEngine() = default;
  virtual absl::Status Begin() = 0;
  // Runs one work; all that it did is undone if it fails.
  virtual absl::Status Attempt(absl::FunctionRef<absl::Status(Transaction&)> work) = 0;
  virtual Transaction& transaction() = 0;
  // Does all that can fail for want of space.
  virtual absl::Status Prepare() = 0;
  // Not OK: fatal, unless `fault` says that the group is lost or its outcome not known.
  virtual absl::Status Commit() = 0;
  // Of a group whose outcome is not known: whether it is durable. UNAVAILABLE: ask again.
  virtual absl::StatusOr<bool> Settle() { return false; }
  virtual void Rollback() = 0;
  // What went wrong since Begin.
  virtual Fault fault() const = 0;
  // Between groups, after their works were told: the engine's own housekeeping. An engine that is
  // well again says so by OK.
  virtual absl::Status Tend() = 0;
  // Whether the disk was found full, and only works that close what was begun are to be written, on
  // room that was kept for them, until Tend is OK.
  virtual bool closing_only() const { return false; }
  // How long Tend may wait for a group to follow.
  virtual absl::Duration tend_within() const { return absl::InfiniteDuration(); }
  // Whether the database lets wait for longer than it should. From any thread.
  virtual bool overdue() const { return false; }
};

class GroupCommit {
 public:
  struct Limits {
    size_t works = 256;
    size_t append_bytes = 256 << 10;
    // Of all that is no append. An append that comes meanwhile waits for these to be written.
    size_t other_bytes = 2 << 20;
    // Works that nobody waits for are written when the first of them has waited so long, or there
    // are so many.
    absl::Duration patience = absl::Milliseconds(5);
    size_t patient_works = 64;
    // How long a group's works wait to hear what is not known of them.
    absl::Duration settle_within = absl::Seconds(30);
  };

  // `on_fatal` is called once, on the writer's thread, when nothing can be made durable any more.
  GroupCommit(Limits limits, std::unique_ptr<GroupEngine> engine,
              std::function<void(absl::Status)> on_fatal);
  ~GroupCommit();

  void SetParticipant(CommitParticipant* participant);
  void Submit(Work work);
  void Stop();
  absl::Status Health() const;

 private:
  void Run();
  bool SomethingToDo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the first works came that nobody waits for: the wait ends with their patience, then.
  bool ToWaitAnew() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Until there is, or until something else is due.
  void AwaitSomethingToDo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How long until the patient works are written; infinite if there is none.
  absl::Duration PatienceLeft() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Work> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells all works but those that close what was begun, and takes them out.
  void RefuseAllButClosing(std::vector<Work>& group) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the group became durable; if so, what became of each work is in `results`.
  absl::Status FillAndCommit(std::vector<Work>& group, CommitParticipant* participant,
                             std::vector<absl::Status>& results, bool& fatal);
  // All of the works, or none of them.
  absl::Status RunTogether(absl::Span<Work> works, CommitParticipant* participant);
  // The outcome of a group that is not known, once it is. Its works are told before if that takes
  // too long, and `group` is empty then; what comes meanwhile is told that nothing was written.
  absl::Status AwaitOutcome(std::vector<Work>& group, const absl::Status& cause);
  void TendEngine();
  bool Stopping() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; }
  void Remember(const absl::Status& outcome, GroupEngine::Fault fault);
  static void Tell(std::vector<Work>& group, const std::vector<absl::Status>& results);

  const Limits limits_;
  const std::unique_ptr<GroupEngine> engine_;
  const std::function<void(absl::Status)> on_fatal_;

  mutable absl::Mutex mutex_;
  std::deque<Work> appends_ ABSL_GUARDED_BY(mutex_);
  std::deque<Work> others_ ABSL_GUARDED_BY(mutex_);
  std::deque<Work> patient_ ABSL_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point patient_since_ ABSL_GUARDED_BY(mutex_);
  bool patience_ends_ ABSL_GUARDED_BY(mutex_) =
      false;  // the writer's wait, with that of `patient_`
  CommitParticipant* participant_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  bool fatal_ ABSL_GUARDED_BY(mutex_) = false;
  // What `health_` says ends when the engine's Tend is OK.
  bool tend_mends_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  absl::Mutex join_mutex_;
  std::thread writer_ ABSL_GUARDED_BY(join_mutex_);  // last: it uses all of the above
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_GROUP_COMMIT_H_
