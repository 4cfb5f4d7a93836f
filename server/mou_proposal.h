// What a document must be to become an MOU's next version: how it follows on those before it. The
// inbox and ProposeMou hold it against the same rules, after `check`.
//
// Pure.
#ifndef SLUICE_SERVER_MOU_PROPOSAL_H_
#define SLUICE_SERVER_MOU_PROPOSAL_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/finding.h"
#include "policy/mou_document.h"
#include "server/mou_version.h"

namespace sluice::server {

inline constexpr size_t kMaxDocumentBytes = 1 << 20;
inline constexpr size_t kMaxSignatureBytes = 64 << 10;
inline constexpr size_t kMaxAttestationBytes = 16 << 10;
// So that the entry with all their signatures has its place in the log.
inline constexpr int kMaxParties = 64;
// By one organization.
inline constexpr int kMaxOpenProposals = 100;

// Errors alone. `versions`: those of its MOU, without itself. ROLLBACK, P020, OPEN, NEXT, PARTIES,
// CLOSED: a number that was used or is not the next, a version before it that waits for signatures,
// or a party left out whose version it would supersede without its signature.
std::vector<policy::Finding> FollowsOn(const policy::MouDocument& document,
                                       const TakenVersions& versions);

// Another file or proposal has this version's number.
policy::Finding OtherBytes(const policy::MouDocument& document, int last);

// A finding about a document's number, by rules that a document alone does not show.
policy::Finding Refusal(const policy::MouDocument& document, absl::string_view id,
                        std::string message, std::string hint);

// Whether an organization may propose the next version: a party of the one that all signed last; of
// the one that waits, where none was; anybody where nobody's MOU has this name.
bool MayPropose(absl::string_view organization, const TakenVersions& versions);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_PROPOSAL_H_
