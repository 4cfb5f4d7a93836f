// How far this process has seen a store come: what its positions were, and up to which entry of the
// log its state was sealed. None of them ever goes back; where one does, somebody has put back what
// stood there before. One for each store, whichever connections it is read and written by.
//
// Whoever compares asks before he reads: what is seen later may be further.
//
// Thread-safe.
#ifndef SLUICE_SERVER_STORE_HIGH_WATER_MARKS_H_
#define SLUICE_SERVER_STORE_HIGH_WATER_MARKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {

class HighWaterMarks {
 public:
  // Of collections, by owner and record type. Where nothing was seen: 0.
  using Collections = std::map<std::pair<std::string, std::string>, int64_t>;

  Collections collections() const;
  int64_t collection(absl::string_view owner, absl::string_view record_type) const;
  void RaiseCollection(absl::string_view owner, absl::string_view record_type, int64_t position);

  // The store's own position: the last that was given.
  int64_t position() const;
  void RaisePosition(int64_t position);

  uint64_t state() const;
  void RaiseState(uint64_t through);

  // How often it became another answer what of an owner's may leave: OptOutTable.
  int64_t retractions(absl::string_view owner) const;
  void RaiseRetractions(absl::string_view owner, int64_t count);

  // What the group under way has reached: marks once it is durable. The writer's thread alone.
  struct Group {
    int64_t position = 0;
    Collections collections;
    uint64_t state = 0;
    std::map<std::string, int64_t> retractions;  // by owner
  };
  Group& group() { return group_; }
  // The group is durable; another may begin.
  void RaiseToGroup();

  // Remembers the first that was found, for good, and returns this one.
  absl::Status FoundUnsound(absl::Status status);
  absl::Status unsound() const;

 private:
  mutable absl::Mutex mutex_;
  Collections collections_ ABSL_GUARDED_BY(mutex_);
  int64_t position_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t state_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int64_t> retractions_ ABSL_GUARDED_BY(mutex_);
  absl::Status unsound_ ABSL_GUARDED_BY(mutex_);
  Group group_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_HIGH_WATER_MARKS_H_
