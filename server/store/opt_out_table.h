// Who has opted out, by a keyed hash of any one name of theirs, known yet or not, and for which
// purpose. Whom that concerns is found by the dictionary and by who is joined with whom; wherever
// the answer may have become another, the owner's count of retractions grows in the same
// transaction.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_OPT_OUT_TABLE_H_
#define SLUICE_SERVER_STORE_OPT_OUT_TABLE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/store/high_water_marks.h"
#include "server/store/name_hash.h"
#include "server/store/sql.h"

namespace sluice::server {

// The ordinals that persons have, or ever had, who opted out of an owner's ($1) purpose ($2) or of
// all.
extern const char kOptedOutOrdinals[];
// Of which purposes whoever has a name ($1) opted out.
extern const char kOptOutsOfName[];

class OptOutTable {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<OptOutTable>> Create(SqlConnection* connection,
                                                             HighWaterMarks* marks);

  // Whether it was not so before. `purpose`: empty for any.
  absl::StatusOr<bool> Put(absl::string_view owner, const Hash16& name, absl::string_view purpose);
  absl::StatusOr<bool> Lift(const Hash16& name, absl::string_view purpose);

  // These names came, or are other persons' now.
  absl::Status Moved(absl::Span<const Hash16> names);

  absl::Status Raise(absl::string_view owner);
  // As Transaction::RetractionCount.
  absl::StatusOr<int64_t> Count(absl::string_view owner);

 private:
  explicit OptOutTable(HighWaterMarks* marks) : marks_(*marks) {}

  HighWaterMarks& marks_;
  SqlStatement put_, lift_, any_, owner_of_, raise_, count_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_OPT_OUT_TABLE_H_
