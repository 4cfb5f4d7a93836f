#include "server/store/high_water_marks.h"

#include <algorithm>

namespace sluice::server {

HighWaterMarks::Collections HighWaterMarks::collections() const {
  absl::MutexLock lock(&mutex_);
  return collections_;
}

int64_t HighWaterMarks::collection(absl::string_view owner, absl::string_view record_type) const {
  absl::MutexLock lock(&mutex_);
  const auto found = collections_.find({std::string(owner), std::string(record_type)});
  return found == collections_.end() ? 0 : found->second;
}

void HighWaterMarks::RaiseCollection(absl::string_view owner, absl::string_view record_type,
                                     int64_t position) {
  if (position == 0) return;  // nothing was ever there: nothing can go
  absl::MutexLock lock(&mutex_);
  int64_t& seen = collections_[{std::string(owner), std::string(record_type)}];
  seen = std::max(seen, position);
}

int64_t HighWaterMarks::position() const {
  absl::MutexLock lock(&mutex_);
  return position_;
}

void HighWaterMarks::RaisePosition(int64_t position) {
  absl::MutexLock lock(&mutex_);
  position_ = std::max(position_, position);
}

uint64_t HighWaterMarks::state() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

void HighWaterMarks::RaiseState(uint64_t through) {
  absl::MutexLock lock(&mutex_);
  state_ = std::max(state_, through);
}

int64_t HighWaterMarks::retractions(absl::string_view owner) const {
  absl::MutexLock lock(&mutex_);
  const auto found = retractions_.find(std::string(owner));
  return found == retractions_.end() ? 0 : found->second;
}

void HighWaterMarks::RaiseRetractions(absl::string_view owner, int64_t count) {
  absl::MutexLock lock(&mutex_);
  int64_t& seen = retractions_[std::string(owner)];
  seen = std::max(seen, count);
}

void HighWaterMarks::RaiseToGroup() {
  RaisePosition(group_.position);
  for (const auto& [collection, position] : group_.collections) {
    RaiseCollection(collection.first, collection.second, position);
  }
  RaiseState(group_.state);
  for (const auto& [owner, count] : group_.retractions) RaiseRetractions(owner, count);
  group_ = Group();
}

absl::Status HighWaterMarks::FoundUnsound(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  if (unsound_.ok()) unsound_ = status;
  return status;
}

absl::Status HighWaterMarks::unsound() const {
  absl::MutexLock lock(&mutex_);
  return unsound_;
}

}  // namespace sluice::server
