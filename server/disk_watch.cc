#include "server/disk_watch.h"

namespace sluice::server {

std::vector<DiskWatch::State> DiskWatch::Look() {
  std::vector<State> states;
  for (size_t i = 0; i < disks_.size(); ++i) {
    const absl::StatusOr<DiskRoom> room = room_of_(disks_[i].path);
    if (!room.ok()) continue;
    const bool is_low = room->free_share() < (low_[i] ? kLowNoMore : kLow);
    states.push_back({disks_[i].name, *room, is_low, is_low != low_[i]});
    low_[i] = is_low;
  }
  return states;
}

}  // namespace sluice::server
