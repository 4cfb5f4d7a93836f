#include "server/store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

absl::Status Failed(absl::string_view doing, const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(doing, " ", path, ": ", strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreFile>> StoreFile::Open(const std::string& path) {
  const std::string lock_path = path + "-lock";
  // A file of its own: closing a descriptor of the database would drop the locks SQLite has on it.
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return Failed("can't open", lock_path);
  std::unique_ptr<StoreFile> file(new StoreFile(path, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? absl::FailedPreconditionError(absl::StrCat(
                                      path, " is open in another process: stop that one first"))
                                : Failed("can't lock", lock_path);
  }
  const int database = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (database < 0) return Failed("can't open", path);
  struct stat stat;
  const bool known = fstat(database, &stat) == 0;
  close(database);
  if (!known) return Failed("can't look at", path);
  if ((stat.st_mode & kOthers) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others can open ", path, ": chmod 600 it, and its -wal and -shm"));
  }
  return file;
}

StoreFile::~StoreFile() { close(lock_); }

absl::Status StoreFile::Remember() {
  files_.clear();
  for (const absl::string_view suffix : {"", "-wal"}) {
    const std::string path = absl::StrCat(path_, suffix);
    struct stat stat;
    if (::stat(path.c_str(), &stat) != 0) return Failed("can't look at", path);
    files_.push_back({path, stat.st_dev, stat.st_ino});
  }
  return absl::OkStatus();
}

absl::Status StoreFile::Check() const {
  for (const Identity& file : files_) {
    struct stat stat;
    if (::stat(file.path.c_str(), &stat) != 0 || stat.st_dev != file.device ||
        stat.st_ino != file.inode) {
      return absl::DataLossError(absl::StrCat(
          file.path, " was moved, deleted or replaced: stop, put it back, start again"));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
