// How much room a disk has, as whoever is not root sees it.
#ifndef SLUICE_SERVER_STORE_DISK_ROOM_H_
#define SLUICE_SERVER_STORE_DISK_ROOM_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::server {

struct DiskRoom {
  int64_t free_bytes = 0;
  int64_t all_bytes = 0;  // free or not, without what is root's alone

  double free_share() const {
    return all_bytes > 0 ? static_cast<double>(free_bytes) / static_cast<double>(all_bytes) : 0;
  }
};

// Of the disk on which this file or directory stands. UNAVAILABLE if it can't be looked at.
absl::StatusOr<DiskRoom> RoomOfDisk(const std::string& path);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_DISK_ROOM_H_
