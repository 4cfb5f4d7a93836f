// What time makes due in the gateway's store: replaced records and openings of the log are
// forgotten, what decisions rest on is held against its seals and the log, collections are noted,
// keys followed.
//
// One thread at a time.
#ifndef SLUICE_SERVER_UPKEEP_H_
#define SLUICE_SERVER_UPKEEP_H_

#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/collection_note.h"
#include "server/opening_retention.h"
#include "server/owner_keys.h"
#include "server/store/store.h"

namespace sluice::server {

class Upkeep {
 public:
  // They must outlive it.
  struct Parts {
    Store* store;
    AuditLog* log;
    CollectionNote* note;
    OwnerKeys* keys;
    std::function<absl::Time()> clock;
    // How long what changes replaced is kept.
    absl::Duration history;
    // How long openings of the log are.
    OpeningPeriods openings;
  };
  explicit Upkeep(Parts parts)
      : parts_(std::move(parts)), retention_(parts_.store, parts_.log, parts_.openings) {}

  // Each second. What can't be done is said, and tried again.
  void Run(absl::Time now);
  // Of Run, what is done once more when the gateway stops.
  void NoteCollections();

 private:
  void ForgetHistory(absl::Time before);
  void EraseOpenings(absl::Time now);
  void LookAtState();
  void FollowKeys();

  const Parts parts_;
  OpeningRetention retention_;
  absl::Time state_again_ = absl::InfinitePast();
  bool keys_followed_ = true;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_UPKEEP_H_
