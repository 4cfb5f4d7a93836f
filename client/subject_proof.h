// The report on one person made from the log itself: every disclosure of the owner's is replayed,
// its entry proven to stand in the log, its bitmap held against the commitment in it. What comes
// out must be what the gateway told from its index, line by line. So a disclosure that the index
// misses is found, one that it made up, and one that it tells otherwise.
//
// What is believed of the gateway: which ordinals are the person's; that it shows all entries that
// name the owner (an operator verifies the whole log); of a line what no entry holds, that is the
// purpose's words and who may redisclose, which stand in the signed document.
#ifndef SLUICE_CLIENT_SUBJECT_PROOF_H_
#define SLUICE_CLIENT_SUBJECT_PROOF_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/gateway.h"
#include "client/log_checkpoint.h"
#include "client/log_verifier.h"
#include "client/retry.h"

namespace sluice::client {

// What the gateway told of one person.
struct SubjectClaim {
  std::string owner;                               // the organization
  std::vector<uint32_t> ordinals;                  // the person's
  std::vector<v1::SubjectDisclosure> disclosures;  // in order of index
  int64_t log_size = 0;                            // up to which it was told
};

struct SubjectProof {
  LogReport log;
  int64_t disclosures = 0;  // of the owner's, of whomever, whose bitmaps were looked at
  int64_t unopened = 0;     // those that nobody can open any more: the log says that a key went
};

// DATA_LOSS, with the index, where the log is not what it claims or says otherwise than was told.
absl::StatusOr<SubjectProof> ProveSubject(Gateway& gateway, const LogVerifierKey& key,
                                          const std::optional<LogCheckpoint>& held,
                                          const SubjectClaim& claim,
                                          const std::function<Retry()>& new_retry,
                                          const std::function<void(int64_t)>& progress);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_SUBJECT_PROOF_H_
