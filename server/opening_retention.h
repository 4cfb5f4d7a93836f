// Destroys openings of the log that were kept for as long as the configuration says: what readers
// asked with, who called, what releases counted. Entries and proofs stay, and so does the record of
// disclosures: which subjects were in each (34 CFR 99.32) has no period here.
//
// One thread at a time.
#ifndef SLUICE_SERVER_OPENING_RETENTION_H_
#define SLUICE_SERVER_OPENING_RETENTION_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/opening_periods.h"
#include "server/store/store.h"

namespace sluice::server {

class OpeningRetention {
 public:
  // Entries that one transaction looks at, so that no publish waits for long.
  static constexpr uint64_t kEntriesABite = 4096;
  // What is due is a day late at most.
  static constexpr absl::Duration kEvery = absl::Hours(24);

  // Both must outlive it.
  OpeningRetention(Store* store, AuditLog* log, const OpeningPeriods& periods);

  // Destroys what is due, if a day has passed since it last did so. What failed is tried again with
  // the next call.
  absl::Status Run(absl::Time now);

 private:
  // The first entry that is not older than this.
  absl::StatusOr<uint64_t> FirstSince(absl::Time time) const;
  absl::Status EraseBefore(const std::string& field, uint64_t end);

  Store* const store_;
  AuditLog* const log_;
  const std::vector<std::pair<absl::Duration, std::vector<std::string>>> classes_;
  absl::Time again_ = absl::InfinitePast();
  std::map<std::string, uint64_t> erased_;  // of this field nothing is left before that
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OPENING_RETENTION_H_
