// Verifies a bundle of evidence with nothing but itself, the log's key, and the checkpoint that was
// held from before: no gateway is asked. Each entry must be the log's, be what the bundle says that
// it holds, and, of a range, none may be missing. What nothing in a bundle can show, its report
// says.
//
// Pure.
#ifndef SLUICE_CLIENT_EVIDENCE_VERIFIER_H_
#define SLUICE_CLIENT_EVIDENCE_VERIFIER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/evidence_bundle.h"
#include "client/log_checkpoint.h"

namespace sluice::client {

struct EvidenceReport {
  // How the checkpoint stands to the one that was held.
  enum class History {
    kNoneHeld,
    kContinued,  // proven to contain it, or the same
    kUnproven,   // it is newer, and nothing in the bundle connects the two
    kOlder,      // it is older, and so the log may have gone another way since
  };

  LogCheckpoint checkpoint;
  std::optional<LogCheckpoint> earlier;  // that it is proven to continue
  History history = History::kNoneHeld;
  int64_t entries = 0;
  // What is wrong, each with its index: nothing of a bundle with a failure is evidence. At most
  // 100.
  std::vector<std::string> failures;
};

// DATA_LOSS where there is no checkpoint to hold anything against: it is not of this key.
absl::StatusOr<EvidenceReport> VerifyEvidence(const EvidenceBundle& bundle,
                                              const LogVerifierKey& key,
                                              const std::optional<LogCheckpoint>& held);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_EVIDENCE_VERIFIER_H_
