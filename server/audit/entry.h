// The log's entries. Each type is a struct of closed names, numbers, digests and commitments; its
// bytes are one JSON object with keys in a fixed order (AUDIT, section 2). Those bytes are what is
// hashed, stored and served. There is no field for free text, so no value of a record can get in.
//
// Values.
#ifndef SLUICE_SERVER_AUDIT_ENTRY_H_
#define SLUICE_SERVER_AUDIT_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "policy/plan.h"
#include "server/caller.h"
#include "sluice/v1/decision.pb.h"
#include "sluice/v1/mou.pb.h"

namespace sluice::server {

// 128 random bits as 32 hexadecimal digits: a request's id, and the decision's.
using RequestId = std::string;

// Who is said to have asked. A person's name is a commitment, a system's stands in the clear.
struct EntryCaller {
  Principal principal;
  std::string spki;
};

// What a decision was made under, and a disclosure is made under.
struct EntryTerms {
  std::string mou;  // empty: none
  int32_t version = 0;
  std::string document_digest;
  std::string catalog_digest;
  std::string purpose;                 // a name the MOU knows; another's is left out of the log
  std::vector<std::string> authority;  // names of bases
  std::string record_type;
  std::string owner;  // of a disclosure; of a decision where one is known
};

struct DecisionEntry {
  RequestId request;
  EntryCaller caller;
  EntryTerms terms;
  std::string operation;                              // READ, SYNC, or an RPC's name
  v1::DenialCode code = v1::DENIAL_CODE_UNSPECIFIED;  // UNSPECIFIED: a permit
  std::vector<std::string> grants;
  std::vector<std::string> parties;  // of the MOU: who may read this entry
  std::string filter;  // the reader's filter; only a commitment to it is written. Empty: none
  std::string as;      // of an owner's question: the recipient whose view it is. Empty: none
  int64_t count = 1;   // of decisions in one window that share this entry
};

struct DisclosureEntry {
  RequestId request;
  EntryCaller caller;
  EntryTerms terms;
  uint64_t decision_index = 0;
  std::vector<std::string> grants;
  std::vector<policy::PlanField> fields;
  uint64_t chunk = 0;  // of this release, from 0
  int64_t rows = 0;
  // Ordinals in the owner's dictionary, sorted, each once: their bitmap is stored as an opening,
  // and committed to.
  std::vector<uint32_t> subjects;
};

struct OutcomeEntry {
  RequestId request;
  EntryCaller caller;
  std::string owner;
  uint64_t decision_index = 0;
  std::string status;  // a gRPC status' name, or "unknown" when written by recovery
  bool aborted = false;
  int64_t considered = 0;  // committed to, for the owner
  int64_t released = 0;
  int64_t withheld = 0;  // committed to, for the owner
  int64_t bytes = 0;
};

// A version taken in, or a step of its life.
struct MouEntry {
  std::string mou;
  int32_t version = 0;
  std::string document_digest;
  std::string state;  // SIGNED, ACTIVE, ...
  // A party's act: who, and what. Empty: the gateway's.
  RequestId request;
  EntryCaller caller;
  std::string action;                      // a MouAction's name
  std::string grant;                       // that was withdrawn
  std::optional<absl::CivilDay> ends;      // the day that was set
  std::string reason;                      // a TerminationReason's name, beside it
  std::optional<absl::CivilDay> as_of;     // of an attestation of destruction
  std::string standing_digest;             // of what parties did to the version; empty: nothing
  std::optional<uint64_t> previous_index;  // of the entry of its last step; nullopt: it is taken in
  std::vector<std::string> parties;
  struct Signature {
    std::string organization;
    std::string signer_spki;
    std::vector<std::string> chain;
    std::string crl_number;
    absl::Time received;
  };
  std::vector<Signature> signatures;
};

// A publish or a delete is a decision without MOU; this says how the dictionary grew by it.
struct OrdinalsEntry {
  std::string owner;
  uint64_t begin = 0;  // [begin, end)
  uint64_t end = 0;
  std::string root;  // of the dictionary's own tree, base64
};

// An owner took back what it had changed at [first, last]; its own change is at `position`.
struct WithdrawEntry {
  RequestId request;
  EntryCaller caller;
  std::string owner;
  uint64_t decision_index = 0;
  int64_t first = 0;
  int64_t last = 0;
  int64_t position = 0;
  int64_t deleted = 0;
  int64_t restored = 0;
  int64_t undeleted = 0;
  int64_t unchanged = 0;
  int64_t kept = 0;
};

struct AdminEntry {
  std::string action;  // START, STOP, RELOAD, CA_BUNDLE
  std::string organization;
  std::string digest;
};

// By their digests, the CAs and revocation lists of one organization; empty: none.
struct TrustDigests {
  std::string ca_bundle;
  std::string crl;
  std::string signatory_bundle;
  std::string signatory_crl;
};

// An operator added an organization, or changed it.
struct OrganizationEntry {
  RequestId request;
  EntryCaller caller;
  std::string organization;
  TrustDigests before;  // all empty: it is new
  TrustDigests after;
};

inline constexpr char kDestroyedAction[] = "DESTROYED";

// Subjects of an owner's have opted out, or have taken that back.
struct OptOutEntry {
  RequestId request;
  EntryCaller caller;
  bool opted_out = true;
  std::string owner;
  std::string purpose;   // empty: of all
  int32_t subjects = 0;  // how many
};

struct KeyEntry {
  std::string action;  // CREATED, ROTATED, DESTROYED
  std::string key;     // its name, never its bytes
  std::string digest;  // of a public key; empty for a secret one
  // Of an owner's key: whose, and which version was made or destroyed.
  std::string owner;
  int32_t version = 0;
  // Who asked. Empty: it came with something else.
  RequestId request;
  EntryCaller caller;
  // Of a destruction: how many rows of the store can't be read any more.
  int64_t unreadable = 0;
  std::vector<std::string> parties;  // of an MOU's root: who may read this entry
};

// Somebody read the log.
struct ReadEntry {
  RequestId request;
  EntryCaller caller;
  std::string operation;  // the RPC's name
  uint64_t begin = 0;
  uint64_t end = 0;
};

// What opens commitments was destroyed, and of whom nobody can say any more which ordinals were
// his.
struct ErasureEntry {
  RequestId request;   // empty: the gateway did it by itself, when it was due
  EntryCaller caller;  // of a request
  std::string owner;   // empty: of several
  std::string reason;  // an ErasureReason's name
  // A person's former ordinals, sorted, each once: committed to, for the owner. Empty: no person's.
  std::vector<uint32_t> subjects;
  // The openings of this member in entries [begin, end), of all that is said to be theirs.
  struct Openings {
    std::string field;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  std::vector<Openings> openings;
  std::vector<std::string> parties;  // of several: whose
};

struct GapEntry {
  std::string boot;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct HeartbeatEntry {};

using Entry = std::variant<DecisionEntry, DisclosureEntry, OutcomeEntry, MouEntry, OrdinalsEntry,
                           WithdrawEntry, AdminEntry, OrganizationEntry, OptOutEntry, KeyEntry,
                           ReadEntry, ErasureEntry, GapEntry, HeartbeatEntry>;

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_ENTRY_H_
