// A witness (C2SP tlog-witness): it cosigns a log's checkpoint once the log has proved that it only
// grew since the last one, keeps that one, and so never says yes to two histories. It sees sizes
// and roots only.
//
// Thread-safe: requests about one log take turns.
#ifndef SLUICE_CLIENT_WITNESS_WITNESS_H_
#define SLUICE_CLIENT_WITNESS_WITNESS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/log_checkpoint.h"
#include "client/log_tree.h"
#include "client/witness/add_checkpoint_request.h"
#include "client/witness/witness_directory.h"
#include "client/witness/witness_key.h"

namespace sluice::witness {

// An answer of HTTP, and what the witness's own log says of it.
struct WitnessAnswer {
  int status = 500;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;

  std::string event;   // "cosigned", "fork", ...
  std::string origin;  // of a log that the witness knows; else empty
  uint64_t old_size = 0;
  uint64_t size = 0;
  std::string detail;
  // What a trusted key signed, and the witness did not: it may be the proof of a second history.
  std::string evidence;
};

class Witness {
 public:
  // `logs`: the keys that are trusted, several for one origin while a log changes its key. The
  // others must outlive it. DATA_LOSS if what was kept of a log is not what this key cosigned.
  static absl::StatusOr<std::unique_ptr<Witness>> Create(
      const WitnessKey* key, CheckpointKeeper* keeper,
      const std::vector<client::LogVerifierKey>& logs, std::function<absl::Time()> clock);

  // 200 with the cosignature, once the checkpoint is kept. Else
  //   400 the request is malformed, or its old size is larger than its new one
  //   404 no key is known for the origin
  //   403 no known key of it has signed, or one has signed something else
  //   409 the old size is not that of the last checkpoint (the body is), or it is the new size as
  //       well, and the roots differ
  //   422 the proof does not lead from the one to the other
  //   503 the checkpoint can't be kept
  WitnessAnswer AddCheckpoint(absl::string_view body);

 private:
  struct Log {
    std::vector<client::LogVerifierKey> keys;

    absl::Mutex mutex;
    uint64_t size ABSL_GUARDED_BY(mutex) = 0;
    client::TreeHash root ABSL_GUARDED_BY(mutex) = client::EmptyRoot();
    absl::Time cosigned ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
    // Set where nobody knows what is kept: then nothing is cosigned any more.
    bool is_broken ABSL_GUARDED_BY(mutex) = false;
  };

  Witness(const WitnessKey* key, CheckpointKeeper* keeper, std::function<absl::Time()> clock)
      : key_(key), keeper_(keeper), clock_(std::move(clock)) {}

  absl::Status Load(absl::string_view origin, Log& log);
  void Cosign(const AddCheckpointRequest& request, Log& log, WitnessAnswer& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(log.mutex);

  const WitnessKey* const key_;
  CheckpointKeeper* const keeper_;
  const std::function<absl::Time()> clock_;
  std::map<std::string, Log, std::less<>> logs_;  // by origin; the map itself does not change
};

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_WITNESS_H_
