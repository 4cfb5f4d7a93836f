// A directory that is its owner's alone: files of mode 0600, read whole, and written durably or not
// at all. Processes may share it: whoever holds its lock has it.
//
// Thread-safe, as far as each operation goes; hold the lock over several.
#ifndef SLUICE_SERVER_PRIVATE_DIRECTORY_H_
#define SLUICE_SERVER_PRIVATE_DIRECTORY_H_

#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/secret.h"

namespace sluice::server {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~FileDescriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

class PrivateDirectory {
 public:
  // Held by one at a time, of this process or another.
  class Lock {
   private:
    friend class PrivateDirectory;
    explicit Lock(FileDescriptor held) : held_(std::move(held)) {}
    FileDescriptor held_;
  };
  // A file's content as it was once looked at: another one has another.
  struct Stamp {
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  // Makes it if it is not there. FAILED_PRECONDITION, with path and remedy, if it is open to
  // others.
  static absl::StatusOr<std::unique_ptr<PrivateDirectory>> Open(std::string path);

  // FAILED_PRECONDITION where the file system knows no locks, or if what stands at the path by now
  // is not the directory that was opened.
  absl::StatusOr<Lock> Hold() const;

  // Of all that is in it, in order. FAILED_PRECONDITION unless each is a private file. Clears what
  // a crash of ours left half written: hold the lock.
  absl::StatusOr<std::vector<std::string>> Names() const;
  bool Has(const std::string& name) const { return StampOf(name).has_value(); }
  std::optional<Stamp> StampOf(const std::string& name) const;
  // NOT_FOUND if there is none; FAILED_PRECONDITION if it is open to others or too large.
  absl::StatusOr<policy::Secret> Read(const std::string& name, size_t max_size) const;
  // ALREADY_EXISTS if there is one.
  absl::Status Create(const std::string& name, absl::Span<const uint8_t> bytes) const;
  // What stood there is overwritten, as far as the disk does so in place.
  absl::Status Replace(const std::string& name, absl::Span<const uint8_t> bytes) const;
  // As above.
  absl::Status Remove(const std::string& name) const;

  std::string PathOf(absl::string_view name) const;
  const std::string& path() const { return path_; }

 private:
  PrivateDirectory(std::string path, FileDescriptor directory, const struct stat& info);

  absl::Status CheckEntry(const std::string& name) const;
  absl::StatusOr<std::string> WriteTemporary(absl::string_view name,
                                             absl::Span<const uint8_t> bytes) const;
  absl::Status Sync() const;

  const std::string path_;
  const FileDescriptor directory_;
  const dev_t device_;
  const ino_t inode_;
};

// Refuses what another user owns, or others could read or write; `mode`: what to make of it.
absl::Status CheckPrivate(const struct stat& info, const std::string& path, mode_t mode);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PRIVATE_DIRECTORY_H_
