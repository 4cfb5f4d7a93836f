#include "server/store/disk_room.h"

#include <string.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace sluice::server {

absl::StatusOr<DiskRoom> RoomOfDisk(const std::string& path) {
  struct statvfs disk;
  if (statvfs(path.c_str(), &disk) != 0) {
    return absl::UnavailableError(
        absl::StrCat("can't look at the disk of ", path, ": ", strerror(errno)));
  }
  const auto bytes = [&disk](uint64_t blocks) {
    return static_cast<int64_t>(blocks) * static_cast<int64_t>(disk.f_frsize);
  };
  return DiskRoom{.free_bytes = bytes(disk.f_bavail),
                  .all_bytes = bytes(disk.f_blocks - disk.f_bfree + disk.f_bavail)};
}

}  // namespace sluice::server
