// The witnesses of the log, and which checkpoints may be published by their cosignatures. One
// checkpoint at a time is put to all of them: only so does a quorum stand under one and the same.
// Each witness is asked by a thread of its own, so that a slow one holds up nobody; the checkpoint
// is published when a quorum has cosigned it, and the newest one is the next.
//
// Thread-safe; AuditLog owns it and calls Turn, one call at a time.
#ifndef SLUICE_SERVER_AUDIT_WITNESSES_H_
#define SLUICE_SERVER_AUDIT_WITNESSES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/audit/merkle.h"
#include "server/audit/witness.h"

namespace sluice::server {

class Witnesses {
 public:
  struct Parts {
    WitnessPolicy policy;
    std::function<absl::Time()> clock;
    std::function<absl::StatusOr<std::vector<Hash>>(uint64_t, uint64_t)> consistency_proof;
    // How long the log is by its store, which others may write to as well.
    std::function<absl::StatusOr<uint64_t>()> stored_size;
    std::function<absl::StatusOr<std::unique_ptr<WitnessTransport>>(const WitnessConfig&)> connect;
  };
  // INVALID_ARGUMENT if a witness's key is none, or none that can be reached by its configuration.
  static absl::StatusOr<std::unique_ptr<Witnesses>> Create(Parts parts);
  ~Witnesses() { Stop(); }

  // Whether a quorum has cosigned this note.
  bool IsCosigned(absl::string_view note) const;
  // At start: the checkpoint in the directory, whose cosigners are a quorum, and the time of the
  // first entry that it does not cover, if there is one.
  void Resume(absl::string_view note, std::optional<absl::Time> uncovered_since)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What a turn is to do in the directory.
  struct Due {
    std::string publish;  // a cosigned checkpoint; empty: none
    uint64_t publish_size = 0;
    bool next = false;  // the log's newest checkpoint is to be put to the witnesses: Ask
  };
  // `size`: the log's. Ends questions that are not answered in time.
  Due Turn(uint64_t size) ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts a checkpoint to all witnesses, once all that it vouches for is in the directory.
  void Ask(uint64_t size, std::string note) ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until each witness has answered the question that stands, well or badly, or has failed
  // to within `most`.
  void AwaitAnswers(absl::Duration most) ABSL_LOCKS_EXCLUDED(mutex_);

  // The newest checkpoint that a quorum has cosigned; empty if there is none.
  std::string Cosigned() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Not OK where a witness has seen another history of the log: until it cosigns this one.
  absl::Status Evidence() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and where no quorum has cosigned for too long: until one does.
  absl::Status Health() const ABSL_LOCKS_EXCLUDED(mutex_);
  WitnessReport Report() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends all questions. Turn goes on to work.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Link {
    CosignatureVerifier verifier;
    std::unique_ptr<WitnessTransport> transport;
    std::thread thread;

    // Under the mutex.
    uint64_t size = 0;        // that it has cosigned, as far as is known
    uint64_t answered = 0;    // the number of the last question that it answered, or failed to
    std::string cosignature;  // of the checkpoint that stands; empty: not yet
    std::optional<WitnessTrouble> trouble;
    std::string evidence;  // that the log has another history; empty: none
    int failures = 0;      // in a row
    bool asking = false;
    absl::Time asked_at;
  };

  explicit Witnesses(Parts parts) : parts_(std::move(parts)) {}

  // A witness's thread.
  void Run(Link& link) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsDue(const Link& link) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  WitnessOutcome Put(const Link& link, const WitnessQuestion& question) const;
  // How long to wait before the next question.
  absl::Duration Take(Link& link, uint64_t number, const WitnessQuestion& question,
                      WitnessOutcome outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int CosignedBy() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Duration Lag() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status EvidenceLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Parts parts_;
  std::vector<std::unique_ptr<Link>> links_;  // constant after Create

  mutable absl::Mutex mutex_;
  // The checkpoint that stands, and its number among them: 0 is none.
  uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string note_ ABSL_GUARDED_BY(mutex_);
  // A witness has cosigned a longer log, for another gateway of it: this one it never will.
  bool is_outrun_ ABSL_GUARDED_BY(mutex_) = false;
  // Since when there is something that no quorum has cosigned.
  std::optional<absl::Time> waiting_since_ ABSL_GUARDED_BY(mutex_);
  std::string cosigned_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::BitGen jitter_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_WITNESSES_H_
