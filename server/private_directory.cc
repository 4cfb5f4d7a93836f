#include "server/private_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr char kTemporarySuffix[] = ".new";

// NAME.PID.new, as WriteTemporary makes them: others write files beside ours, without our lock.
bool IsTemporary(absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, kTemporarySuffix)) return false;
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot == 0 || dot + 1 == name.size()) return false;
  return std::all_of(name.begin() + dot + 1, name.end(), absl::ascii_isdigit);
}

absl::Status SystemError(absl::string_view doing, absl::string_view path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(doing, " ", path));
}

absl::Status WriteAll(int file, absl::Span<const uint8_t> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return SystemError("writing", path);
    }
  }
  return fsync(file) == 0 ? absl::OkStatus() : SystemError("writing", path);
}

// Where the disk writes in place this leaves nothing to find; where it does not, the copies on it
// are out of reach, so that a failure changes nothing.
void Overwrite(const FileDescriptor& file) {
  struct stat info;
  if (file.get() < 0 || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  const std::vector<uint8_t> zeros(std::min<size_t>(info.st_size, 4096));
  (void)WriteAll(file.get(), zeros, "").ok();
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) (void)close(fd_);
}

absl::Status CheckPrivate(const struct stat& info, const std::string& path, mode_t mode) {
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is owned by another user: chown it to the gateway's"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is open to others: chmod ", mode == 0700 ? "0700 " : "0600 ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PrivateDirectory>> PrivateDirectory::Open(std::string path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return SystemError("making", path);
  FileDescriptor opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return SystemError("opening", path);
  struct stat info;
  if (fstat(opened.get(), &info) != 0) return SystemError("opening", path);
  if (absl::Status checked = CheckPrivate(info, path, 0700); !checked.ok()) return checked;
  return std::unique_ptr<PrivateDirectory>(
      new PrivateDirectory(std::move(path), std::move(opened), info));
}

PrivateDirectory::PrivateDirectory(std::string path, FileDescriptor directory,
                                   const struct stat& info)
    : path_(std::move(path)),
      directory_(std::move(directory)),
      device_(info.st_dev),
      inode_(info.st_ino) {}

std::string PrivateDirectory::PathOf(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

absl::StatusOr<PrivateDirectory::Lock> PrivateDirectory::Hold() const {
  FileDescriptor held(openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (held.get() < 0) return SystemError("opening", path_);
  while (flock(held.get(), LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const absl::Status why = SystemError("locking", path_);
    return absl::FailedPreconditionError(
        absl::StrCat(why.message(), ": keep the keys on a file system that knows locks"));
  }
  struct stat info;
  if (stat(path_.c_str(), &info) != 0 || info.st_dev != device_ || info.st_ino != inode_) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " is not the directory that was opened: put that one back, or start anew"));
  }
  return Lock(std::move(held));
}

absl::Status PrivateDirectory::CheckEntry(const std::string& name) const {
  struct stat info;
  if (fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return SystemError("reading", PathOf(name));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(PathOf(name), " is no regular file: keep nothing but keys there"));
  }
  return CheckPrivate(info, PathOf(name), 0600);
}

absl::StatusOr<std::vector<std::string>> PrivateDirectory::Names() const {
  const int listed = openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listed < 0) return SystemError("reading", path_);
  DIR* const stream = fdopendir(listed);
  if (stream == nullptr) {
    const absl::Status failed = SystemError("reading", path_);
    (void)close(listed);
    return failed;
  }
  std::vector<std::string> names;
  absl::Status status;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    status = CheckEntry(name);
    if (status.ok() && !IsTemporary(name)) {
      names.push_back(name);
    } else if (status.ok() && unlinkat(directory_.get(), name.c_str(), 0) != 0) {
      status = SystemError("removing", PathOf(name));
    }
    // What somebody else has just put in its place is there no more.
    if (absl::IsNotFound(status)) status = absl::OkStatus();
    if (!status.ok()) break;
  }
  (void)closedir(stream);
  if (!status.ok()) return status;
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<PrivateDirectory::Stamp> PrivateDirectory::StampOf(const std::string& name) const {
  struct stat info;
  if (fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return std::nullopt;
  }
  return Stamp{info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

absl::StatusOr<Secret> PrivateDirectory::Read(const std::string& name, size_t max_size) const {
  const FileDescriptor file(
      openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return SystemError("reading", PathOf(name));
  struct stat info;
  if (fstat(file.get(), &info) != 0) return SystemError("reading", PathOf(name));
  if (!S_ISREG(info.st_mode) || static_cast<size_t>(info.st_size) > max_size) {
    return absl::FailedPreconditionError(absl::StrCat(
        PathOf(name), " is no file of the gateway's: put back the one from your copy of the keys"));
  }
  if (absl::Status open = CheckPrivate(info, PathOf(name), 0600); !open.ok()) return open;
  Secret bytes(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.mutable_bytes().data() + done, bytes.size() - done);
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (got == 0) {
      return absl::DataLossError(absl::StrCat(PathOf(name), " became shorter as it was read"));
    } else if (errno != EINTR) {
      return SystemError("reading", PathOf(name));
    }
  }
  return bytes;
}

// A new durable file under a name of its own, to be linked or renamed into place.
absl::StatusOr<std::string> PrivateDirectory::WriteTemporary(
    absl::string_view name, absl::Span<const uint8_t> bytes) const {
  std::string temporary = absl::StrCat(name, ".", getpid(), kTemporarySuffix);
  const FileDescriptor file(openat(directory_.get(), temporary.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return SystemError("writing", PathOf(temporary));
  const absl::Status status = WriteAll(file.get(), bytes, PathOf(temporary));
  if (status.ok()) return temporary;
  (void)unlinkat(directory_.get(), temporary.c_str(), 0);
  return status;
}

absl::Status PrivateDirectory::Sync() const {
  return fsync(directory_.get()) == 0 ? absl::OkStatus() : SystemError("writing", path_);
}

absl::Status PrivateDirectory::Create(const std::string& name,
                                      absl::Span<const uint8_t> bytes) const {
  const absl::StatusOr<std::string> temporary = WriteTemporary(name, bytes);
  if (!temporary.ok()) return temporary.status();
  // A link, unlike a rename, never takes the place of what is there.
  const int linked =
      linkat(directory_.get(), temporary->c_str(), directory_.get(), name.c_str(), 0);
  const absl::Status status = linked == 0 ? absl::OkStatus() : SystemError("writing", PathOf(name));
  (void)unlinkat(directory_.get(), temporary->c_str(), 0);
  return status.ok() ? Sync() : status;
}

absl::Status PrivateDirectory::Replace(const std::string& name,
                                       absl::Span<const uint8_t> bytes) const {
  const absl::StatusOr<std::string> temporary = WriteTemporary(name, bytes);
  if (!temporary.ok()) return temporary.status();
  const FileDescriptor former(
      openat(directory_.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (renameat(directory_.get(), temporary->c_str(), directory_.get(), name.c_str()) != 0) {
    const absl::Status failed = SystemError("writing", PathOf(name));
    (void)unlinkat(directory_.get(), temporary->c_str(), 0);
    return failed;
  }
  if (absl::Status synced = Sync(); !synced.ok()) return synced;
  Overwrite(former);
  return absl::OkStatus();
}

absl::Status PrivateDirectory::Remove(const std::string& name) const {
  Overwrite(FileDescriptor(
      openat(directory_.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)));
  if (unlinkat(directory_.get(), name.c_str(), 0) != 0) {
    return SystemError("removing", PathOf(name));
  }
  return Sync();
}

}  // namespace sluice::server
