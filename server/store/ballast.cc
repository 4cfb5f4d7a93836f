#include "server/store/ballast.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "server/store/disk_room.h"

namespace sluice::server {
namespace {

// Of a file's blocks as stat counts them, whatever the file system's own size is.
constexpr int64_t kStatBlock = 512;

absl::StatusOr<int64_t> FreeBytesBeside(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  const absl::StatusOr<DiskRoom> room = RoomOfDisk(directory.empty() ? "." : directory.string());
  if (!room.ok()) return room.status();
  return room->free_bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ballast>> Ballast::Open(Options options) {
  const int file = open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't open ", options.path, ": ", strerror(errno)));
  }
  if (!options.free_bytes) {
    options.free_bytes = [path = options.path] { return FreeBytesBeside(path); };
  }
  std::unique_ptr<Ballast> ballast = absl::WrapUnique(new Ballast(std::move(options), file));
  ballast->held_ = ballast->IsWhole();
  return ballast;
}

Ballast::~Ballast() { close(file_); }

bool Ballast::IsWhole() const {
  struct stat stat;
  return fstat(file_, &stat) == 0 && stat.st_size == options_.bytes &&
         int64_t{stat.st_blocks} * kStatBlock >= options_.bytes;
}

absl::Status Ballast::Take(int64_t beside) {
  if (held_) return absl::OkStatus();
  const absl::StatusOr<int64_t> free = options_.free_bytes();
  if (!free.ok()) return free.status();
  const int64_t needed = 2 * options_.bytes + beside;
  if (*free < needed) {
    return absl::ResourceExhaustedError(
        absl::StrCat(*free, " bytes are free, ", needed, " are needed"));
  }
  // Of another size: a process that ended while it took it, or another version's.
  if (absl::Status status = LetGo(); !status.ok()) return status;
  int failed = EINTR;
  while (failed == EINTR) failed = posix_fallocate(file_, 0, options_.bytes);
  held_ = failed == 0;
  if (held_) return absl::OkStatus();
  // What was had of it would be missed by others.
  LetGo().IgnoreError();
  return absl::ResourceExhaustedError(absl::StrCat("can't take ", options_.bytes, " bytes for ",
                                                   options_.path, ": ", strerror(failed)));
}

absl::Status Ballast::LetGo() {
  if (ftruncate(file_, 0) != 0) {
    return absl::UnavailableError(
        absl::StrCat("can't let go of ", options_.path, ": ", strerror(errno)));
  }
  held_ = false;
  return absl::OkStatus();
}

}  // namespace sluice::server
