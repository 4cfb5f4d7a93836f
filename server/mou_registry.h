// What MOUs are in force: the versions that the store holds, those that parties proposed among
// them, and those that lie in the inbox and wait for signatures. An inbox document that passes
// `check` is PROPOSED; when every party's signature verifies it is taken into the store with its
// bytes, signatures and log entry, and from then on what becomes of its file changes nothing.
//
// Thread-safe. `Current` is a snapshot that a request sees from start to end.
#ifndef SLUICE_SERVER_MOU_REGISTRY_H_
#define SLUICE_SERVER_MOU_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policy/catalog.h"
#include "policy/check.h"
#include "policy/decide.h"
#include "policy/finding.h"
#include "server/audit/audit_log.h"
#include "server/identity/identity.h"
#include "server/keys.h"
#include "server/mou_act.h"
#include "server/mou_version.h"
#include "server/store/store.h"

namespace sluice::server {

// What a look at the inbox came to, for the log and the operator.
struct InboxReport {
  struct Document {
    std::string file;
    std::string mou;
    int version = 0;
    // SIGNED (taken in now), IN_FORCE (was before), NOT_SIGNED, REFUSED
    std::string state;
    std::vector<policy::Finding> findings;
    // One a party that has not signed, or whose signature does not verify, with the reason.
    std::vector<std::string> signature_problems;
  };
  std::vector<Document> documents;
};

class MouRegistry {
 public:
  struct Parts {
    std::string inbox;  // directory; `x.yaml` beside `x.yaml.{organization}.p7s`
    std::shared_ptr<const policy::Catalog> catalog;
    Store* store;
    AuditLog* log;
    Keys* keys;
    policy::CheckOptions check;
  };
  // Loads what the store holds. Fails if a stored version no longer compiles or does not match the
  // log's digest.
  static absl::StatusOr<std::unique_ptr<MouRegistry>> Open(Parts parts, const Trust& trust,
                                                           absl::Time now);
  virtual ~MouRegistry() = default;

  // Looks at the inbox, takes in what is signed, voids what was revoked, swaps the snapshot. A
  // document that is wrong changes nothing but the report.
  virtual absl::StatusOr<InboxReport> Refresh(const Trust& trust, absl::Time now) = 0;
  // Takes over what other gateways on the same store did; waits for no look at the inbox.
  virtual absl::Status CatchUp() = 0;
  // These are in force when they return; statuses may leave.

  // A party's document as its MOU's next version (mou_proposal.h): the MOU's name.
  virtual absl::StatusOr<std::string> Propose(const MouAct& act, absl::string_view document,
                                              absl::Time now) = 0;
  // A signature by `organization`, detached CMS in DER, of the version that `act` names.
  virtual absl::Status Sign(const MouAct& act, const std::string& organization,
                            absl::string_view cms, const Trust& trust, absl::Time now) = 0;
  // That `organization`, as of that day, holds nothing of what it received under the version that
  // `act` names: its signature of policy/attestation.h's text.
  virtual absl::Status Attest(const MouAct& act, const std::string& organization,
                              absl::CivilDay as_of, absl::string_view cms, const Trust& trust,
                              absl::Time now) = 0;
  // What a party does by itself. As MouLedger::Act.
  virtual absl::Status Act(const MouAct& act, absl::Time now) = 0;
  virtual std::shared_ptr<const policy::MouSet> Current() const = 0;
  // When the last version of each MOU ends that all have signed and that is not over.
  virtual std::map<std::string, absl::Time> Ends() const = 0;
  // By MOU and organization: when the time of each duty to destroy is over that is not attested.
  virtual std::map<std::pair<std::string, std::string>, absl::Time> DutyEnds() const = 0;
  // Those of one MOU that were proposed by a party, or taken in.
  virtual TakenVersions VersionsOf(const std::string& mou) const = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_REGISTRY_H_
