// What parties did by themselves to an MOU version. It lies over the version: the document stays
// what it is.
//
// A value.
#ifndef SLUICE_SERVER_MOU_STANDING_H_
#define SLUICE_SERVER_MOU_STANDING_H_

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "sluice/v1/mou_service.pb.h"

namespace sluice::server {

// "BREACH", as the log and the store write it.
std::string ReasonName(v1::TerminationReason reason);

struct MouTermination {
  absl::CivilDay on;  // the first day on which it no longer holds
  v1::TerminationReason reason = v1::TERMINATION_REASON_UNSPECIFIED;
  std::string by;  // an organization

  friend bool operator==(const MouTermination&, const MouTermination&) = default;
};

// A recipient's word that it holds nothing any more (policy/attestation.h).
struct MouAttestation {
  absl::CivilDay as_of;
  absl::Time received;  // whole milliseconds
  std::string cms_der;  // its signature

  friend bool operator==(const MouAttestation&, const MouAttestation&) = default;
};

struct MouStanding {
  std::map<std::string, MouAttestation> attested;  // by organization
  std::set<std::string> overdue;       // of whom the log says that they did not attest in time
  std::string proposed_by;             // an organization; empty: it came by the inbox
  std::set<std::string> suspended_by;  // organizations; each lifts its own
  std::optional<MouTermination> termination;
  std::set<std::string> withdrawn_grants;
  // A later version up to this number was laid down unsigned when a party ended the MOU or took a
  // grant back, and may hold that party's signature from before: it is never taken in. 0: none.
  int void_through = 0;

  friend bool operator==(const MouStanding&, const MouStanding&) = default;

  // One standing has one text; nothing has "".
  std::string ToText() const;
  // INVALID_ARGUMENT for what ToText does not write.
  static absl::StatusOr<MouStanding> Parse(absl::string_view text);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_STANDING_H_
