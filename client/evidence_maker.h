// Makes a bundle of evidence out of what the gateway shows of the log. The gateway is not believed:
// a bundle leaves only if it verifies.
#ifndef SLUICE_CLIENT_EVIDENCE_MAKER_H_
#define SLUICE_CLIENT_EVIDENCE_MAKER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/evidence_bundle.h"
#include "client/evidence_verifier.h"
#include "client/gateway.h"
#include "client/log_checkpoint.h"
#include "client/log_pages.h"
#include "client/retry.h"
#include "client/subject_proof.h"

namespace sluice::client {

struct Evidence {
  std::string text;  // the bundle's
  EvidenceBundle bundle;
  EvidenceReport report;
  // Entries that the gateway itself could not read, so that it is not known whether they belong.
  int64_t unread = 0;
  int64_t first_unread = 0;
};

// Of both: the checkpoint is the one that witnesses have cosigned, if there is one and it covers
// what is asked for, so that the bundle bears their cosignatures.

// The entries that `choice` lists, up to its `until` or the checkpoint's end. `held`: goes into the
// bundle as the earlier checkpoint. Without a filter, and if all entries are shown, a range, else a
// selection. DATA_LOSS, with the index, if the log is not what it claims; FAILED_PRECONDITION if
// `until` is beyond its end, or the bundle would be too large.
absl::StatusOr<Evidence> MakeEvidence(Gateway& gateway, const LogVerifierKey& key,
                                      const std::optional<LogCheckpoint>& held,
                                      const LogPages::Options& choice,
                                      const std::function<Retry()>& new_retry,
                                      const std::function<void(int64_t)>& progress);

// The disclosures of one person that `claim` names, each with its proof; with `openings` also what
// opens each, and the person's ordinals: then whoever verifies it sees that each of them was about
// who has these. Else nothing in it is the person's. FAILED_PRECONDITION if one can't be opened any
// more, or is not published yet.
absl::StatusOr<Evidence> MakeSubjectEvidence(Gateway& gateway, const LogVerifierKey& key,
                                             const std::optional<LogCheckpoint>& held,
                                             const SubjectClaim& claim, bool openings,
                                             const std::function<Retry()>& new_retry,
                                             const std::function<void(int64_t)>& progress);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_EVIDENCE_MAKER_H_
