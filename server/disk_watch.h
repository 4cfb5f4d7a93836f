// How full the gateway's disks are, and whether one is nearly so: said when that begins and when it
// ends, for what nobody reads is said in vain.
//
// One thread at a time.
#ifndef SLUICE_SERVER_DISK_WATCH_H_
#define SLUICE_SERVER_DISK_WATCH_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/disk_room.h"

namespace sluice::server {

class DiskWatch {
 public:
  // Less than this share free, and a disk is nearly full; it is so until there is somewhat more, so
  // that one at the edge is not spoken of each second.
  static constexpr double kLow = 0.20;
  static constexpr double kLowNoMore = 0.22;

  struct Disk {
    std::string name;  // what it is for, as metric and line have it
    std::string path;
  };
  struct State {
    std::string name;
    DiskRoom room;
    bool is_low = false;
    bool turned = false;  // since the last look
  };

  explicit DiskWatch(
      std::vector<Disk> disks,
      std::function<absl::StatusOr<DiskRoom>(const std::string& path)> room_of = RoomOfDisk)
      : room_of_(std::move(room_of)), disks_(std::move(disks)), low_(disks_.size()) {}

  // Of each disk that can be looked at.
  std::vector<State> Look();

 private:
  const std::function<absl::StatusOr<DiskRoom>(const std::string& path)> room_of_;
  const std::vector<Disk> disks_;
  std::vector<bool> low_;  // each disk's, at the last look
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_DISK_WATCH_H_
