#include "server/audit/tile_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace sluice::server {
namespace {

// Where a file stands until it is whole.
constexpr char kWriting[] = "writing";

// An open file; closed when it goes.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int Close() { return close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

// `what` is a step or a path within the directory: never a path of the machine's.
absl::Status Failed(absl::string_view what) {
  const std::string message =
      absl::StrCat("tile directory: ", what, ": ", std::system_category().message(errno));
  if (errno == ENOSPC || errno == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string InGroups(uint64_t index, uint64_t width) {
  std::string path = absl::StrFormat("%03d", index % 1000);
  for (index /= 1000; index > 0; index /= 1000) {
    path = absl::StrFormat("x%03d/%s", index % 1000, path);
  }
  if (width != 256) absl::StrAppend(&path, ".p/", width);
  return path;
}

}  // namespace

std::string TilePath(int level, uint64_t index, uint64_t width) {
  return absl::StrCat("tile/", level, "/", InGroups(index, width));
}

std::string BundlePath(uint64_t index, uint64_t width) {
  return absl::StrCat("tile/entries/", InGroups(index, width));
}

absl::StatusOr<std::unique_ptr<TileDirectory>> TileDirectory::Open(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed("can't be made");
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("can't be opened");
  std::unique_ptr<TileDirectory> directory = absl::WrapUnique(new TileDirectory(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError("tile directory: another gateway holds it");
  }
  return directory;
}

TileDirectory::~TileDirectory() { close(fd_); }

absl::Status TileDirectory::MakeParents(const std::string& path) {
  const std::string parent = ParentOf(path);
  if (parent == "." || made_.contains(parent)) return absl::OkStatus();
  const absl::Status above = MakeParents(parent);
  if (!above.ok()) return above;
  if (mkdirat(fd_, parent.c_str(), 0700) != 0 && errno != EEXIST) return Failed(parent);
  File grandparent(openat(fd_, ParentOf(parent).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!grandparent.ok()) return Failed(parent);
  if (absl::Status synced = Sync(grandparent.fd(), parent); !synced.ok()) return synced;
  made_.insert(parent);
  return absl::OkStatus();
}

// The page cache may show what the disk does not have, and a second fsync says nothing about it.
absl::Status TileDirectory::Sync(int fd, const std::string& path) {
  if (fsync(fd) == 0) return absl::OkStatus();
  const absl::Status failed = Failed(path);
  fault_ = absl::UnavailableError(
      absl::StrCat("an fsync has failed, only a restart mends it: ", failed.message()));
  return fault_;
}

absl::Status TileDirectory::Write(const std::string& path, absl::string_view bytes) {
  if (!fault_.ok()) return fault_;
  const absl::Status parents = MakeParents(path);
  if (!parents.ok()) return parents;
  {
    File file(openat(fd_, kWriting, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.ok()) return Failed(path);
    while (!bytes.empty()) {
      const ssize_t written = write(file.fd(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Failed(path);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    if (absl::Status synced = Sync(file.fd(), path); !synced.ok()) return synced;
    if (file.Close() != 0) return Failed(path);
  }
  if (renameat(fd_, kWriting, fd_, path.c_str()) != 0) return Failed(path);
  File parent(openat(fd_, ParentOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok()) return Failed(path);
  return Sync(parent.fd(), path);
}

absl::StatusOr<std::optional<std::string>> TileDirectory::Read(const std::string& path) const {
  File file(openat(fd_, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return Failed(path);
  }
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = read(file.fd(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(path);
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
  }
}

absl::StatusOr<std::optional<uint64_t>> TileDirectory::FileSize(const std::string& path) const {
  struct stat status;
  if (fstatat(fd_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return Failed(path);
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<uint64_t>(status.st_size);
}

absl::Status TileDirectory::RemoveFiles(const std::string& path) {
  std::vector<std::string> names;
  {
    const int fd = openat(fd_, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? absl::OkStatus() : Failed(path);
    DIR* directory = fdopendir(fd);
    if (directory == nullptr) {
      close(fd);
      return Failed(path);
    }
    while (const dirent* entry = readdir(directory)) {
      if (entry->d_name[0] != '.') names.push_back(entry->d_name);
    }
    closedir(directory);
  }
  for (const std::string& name : names) {
    if (unlinkat(fd_, absl::StrCat(path, "/", name).c_str(), 0) != 0) return Failed(path);
  }
  if (unlinkat(fd_, path.c_str(), AT_REMOVEDIR) != 0) return Failed(path);
  made_.erase(path);
  return absl::OkStatus();
}

absl::Status TileDirectory::InPlace() const {
  struct stat open_one;
  struct stat at_path;
  if (fstat(fd_, &open_one) != 0 || stat(path_.c_str(), &at_path) != 0 || open_one.st_nlink == 0 ||
      open_one.st_ino != at_path.st_ino || open_one.st_dev != at_path.st_dev) {
    return absl::FailedPreconditionError("tile directory: moved, deleted or replaced");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> TileDirectory::FreeBytes() const {
  struct statvfs status;
  if (fstatvfs(fd_, &status) != 0) return Failed("free space");
  return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace sluice::server
