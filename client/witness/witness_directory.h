// What a witness keeps on its disk:
//
//   {dir}/key          its key: mode 0600, never overwritten; locked by the one process that serves
//         vkey         what logs are told of it
//         logs/{hash}  the last checkpoint of each log that it cosigned, with the cosignature;
//         named
//                      by the SHA-256 of the log's origin
//
// in directories of mode 0700. A file is there whole or not at all.
//
// Thread-safe, for different logs.
#ifndef SLUICE_CLIENT_WITNESS_WITNESS_DIRECTORY_H_
#define SLUICE_CLIENT_WITNESS_WITNESS_DIRECTORY_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/witness/witness_key.h"

namespace sluice::witness {

// Where checkpoints are kept.
class CheckpointKeeper {
 public:
  virtual ~CheckpointKeeper() = default;
  // The last that was kept; nullopt: none ever was.
  virtual absl::StatusOr<std::optional<std::string>> Load(absl::string_view origin) = 0;
  // Kept once this is OK. UNAVAILABLE: nothing has changed. DATA_LOSS: which of the two is kept is
  // not known, and no later success would say that it is.
  virtual absl::Status Save(absl::string_view origin, absl::string_view note) = 0;
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class WitnessDirectory final : public CheckpointKeeper {
 public:
  // Makes the directory and a key in it. ALREADY_EXISTS if there is a key.
  static absl::StatusOr<WitnessKey> Init(const std::string& path, absl::string_view name);
  // FAILED_PRECONDITION if there is no key, others could read it, or another process serves.
  static absl::StatusOr<std::unique_ptr<WitnessDirectory>> Open(const std::string& path);

  const WitnessKey& key() const { return key_; }
  absl::StatusOr<std::optional<std::string>> Load(absl::string_view origin) override;
  absl::Status Save(absl::string_view origin, absl::string_view note) override;

 private:
  WitnessDirectory(std::string logs_path, FileDescriptor lock, WitnessKey key, FileDescriptor logs)
      : logs_path_(std::move(logs_path)),
        lock_(std::move(lock)),
        key_(std::move(key)),
        logs_(std::move(logs)) {}

  const std::string logs_path_;
  const FileDescriptor lock_;
  const WitnessKey key_;
  const FileDescriptor logs_;
};

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_WITNESS_DIRECTORY_H_
