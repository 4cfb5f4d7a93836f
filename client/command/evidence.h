// What a bundle of evidence holds, and what it shows and does not show, in words and as JSON; and
// its verification, for which no gateway is asked.
#ifndef SLUICE_CLIENT_COMMAND_EVIDENCE_H_
#define SLUICE_CLIENT_COMMAND_EVIDENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/command/exit_code.h"
#include "client/command/log_trust.h"
#include "client/command/session.h"
#include "client/command/table.h"
#include "client/evidence_bundle.h"
#include "client/evidence_verifier.h"

namespace sluice::client {

// Lines of a name and what there is to say of it: the history, the entries, what is not shown.
std::string EvidenceText(const EvidenceBundle& bundle, const EvidenceReport& report,
                         const LogTrust& trust);

struct EvidenceOptions {
  std::string file;
  std::string output = "text";
  bool older = false;  // than the checkpoint held: taken all the same
  WitnessOptions witnesses;
};
// Lines of who cosigned the first entries of the log, and when.
std::string CosignedText(uint64_t size, const std::vector<CosignedBy>& by);
Table::Json CosignedJson(const std::vector<CosignedBy>& by);
// Holds nothing afterwards that was not held before. A key that stands in the bundle alone is not
// believed.
ExitCode VerifyEvidenceFile(Session& session, const LogTrustOptions& trust,
                            const EvidenceOptions& options);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_EVIDENCE_H_
