// What a party does to an MOU: POLICY, section 6. Which versions it changes, and how.
//
// Pure.
#ifndef SLUICE_SERVER_MOU_ACT_H_
#define SLUICE_SERVER_MOU_ACT_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/audit/entry.h"
#include "server/mou_version.h"
#include "sluice/v1/mou_service.pb.h"

namespace sluice::server {

struct MouAct {
  v1::MouAction action = v1::MOU_ACTION_UNSPECIFIED;
  std::string mou;
  int version = 0;    // SIGN: which; TERMINATE: this one alone, or 0
  std::string etag;   // of the state that it is meant for; empty: of any
  RequestId request;  // with `caller`, who it is that acts
  EntryCaller caller;
  std::string grant;                                                  // WITHDRAW_GRANT
  v1::TerminationReason reason = v1::TERMINATION_REASON_UNSPECIFIED;  // TERMINATE
  std::optional<absl::CivilDay> effective;                            // TERMINATE; nullopt: today
  // The number of a version that waits in the inbox, and that the act would lie over were it in the
  // store: it is never taken in. 0: none.
  int waiting = 0;

  const std::string& organization() const { return caller.principal.organization; }
};

// "SUSPEND", as the log writes it.
std::string ActionName(v1::MouAction action);

// A version and what lies over it afterwards.
struct MouChange {
  std::shared_ptr<const TakenVersion> version;
  MouStanding standing;
};

// The state of a party's versions of an MOU, as its acts name it; "" if it has none. Of others'
// versions it says nothing.
std::string EtagOf(const TakenVersions& versions, absl::string_view party);

// What an act changes of one MOU: nothing if it was done before. NOT_FOUND if the actor is a party
// of none of these versions, or has no such grant; FAILED_PRECONDITION if they are all over, none
// was signed, or the act is not this party's to take; ABORTED for another `etag`; INVALID_ARGUMENT
// for a day that has passed.
absl::StatusOr<std::vector<MouChange>> ChangesOf(const MouAct& act, const TakenVersions& versions,
                                                 absl::Time now);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_ACT_H_
