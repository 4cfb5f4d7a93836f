// What witnesses vouch for: that as of a time the log was no other than a checkpoint says (C2SP
// tlog-cosignature, `cosignature/v1`). Whoever knows their keys can't be shown a history that they
// were not shown.
//
// Values.
#ifndef SLUICE_CLIENT_LOG_WITNESS_H_
#define SLUICE_CLIENT_LOG_WITNESS_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/gateway.h"
#include "client/log_checkpoint.h"
#include "client/retry.h"

namespace sluice::client {

// A witness's.
class WitnessVerifierKey {
 public:
  // INVALID_ARGUMENT unless it is a verifier key of type 0x04.
  static absl::StatusOr<WitnessVerifierKey> Parse(absl::string_view vkey);

  const std::string& name() const { return key_.name; }
  const std::string& public_key() const { return key_.public_key; }
  // When it cosigned the note, as it says; nothing if it did not. DATA_LOSS if it did twice, or
  // what stands there is no cosignature of its.
  absl::StatusOr<std::optional<absl::Time>> Cosigned(const SignedNote& note) const;

 private:
  explicit WitnessVerifierKey(NoteKey key) : key_(std::move(key)) {}

  NoteKey key_;
};

struct WitnessQuorum {
  std::vector<WitnessVerifierKey> witnesses;
  size_t least = 0;
};
// `least` 0: more than half of them. INVALID_ARGUMENT if there are not so many, or two are one.
absl::StatusOr<WitnessQuorum> MakeQuorum(std::vector<WitnessVerifierKey> witnesses, size_t least);

struct CosignedBy {
  std::string witness;
  absl::Time time;
};
// Who of the quorum's witnesses cosigned the checkpoint. DATA_LOSS if they are too few, or one did
// at a time that is still to come.
absl::StatusOr<std::vector<CosignedBy>> VerifyCosigned(const LogCheckpoint& checkpoint,
                                                       const WitnessQuorum& quorum, absl::Time now);

// The checkpoint that the gateway shows as cosigned: its own latest, where it shows no other.
// DATA_LOSS unless `key` vouches for it.
absl::StatusOr<LogCheckpoint> FetchCosigned(Gateway& gateway, const LogVerifierKey& key,
                                            Retry retry);

// That the log of `now` begins with the one of `cosigned`. DATA_LOSS if not.
absl::Status ProveCosigned(Gateway& gateway, const LogCheckpoint& cosigned,
                           const LogCheckpoint& now, Retry retry);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_WITNESS_H_
