#include "client/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 20;
constexpr mode_t kOwnMode = 0600;  // of a file that is new

absl::Status SystemError(absl::string_view what, const std::string& path, int error) {
  const std::string message = absl::StrCat(what, " ", path, ": ", strerror(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::FailedPreconditionError(message);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// `append(data, size)` takes what was read.
template <typename Append>
absl::Status ReadAll(const std::string& path, Append&& append) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return SystemError("can't open", path, errno);
  char buffer[65536];
  size_t total = 0;
  while (true) {
    const ssize_t n = read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("can't read", path, errno);
    if (n == 0) return absl::OkStatus();
    total += static_cast<size_t>(n);
    if (total > kMaxFileBytes) {
      return absl::FailedPreconditionError(absl::StrCat(path, " is larger than 64 MiB"));
    }
    append(buffer, static_cast<size_t>(n));
  }
}

// By a temporary file beside it; a file of mode `mode` is then there, or what was.
absl::Status Replace(const std::string& path, absl::string_view bytes, mode_t mode) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return SystemError("can't write beside", path, errno);
  while (!bytes.empty()) {
    const ssize_t n = write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int saved = errno;
      unlink(temporary.c_str());
      return SystemError("can't write", path, saved);
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (fchmod(file.get(), mode) != 0 || fsync(file.get()) != 0 ||
      rename(temporary.c_str(), path.c_str()) != 0) {
    const int saved = errno;
    unlink(temporary.c_str());
    return SystemError("can't replace", path, saved);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::string bytes;
  const absl::Status read =
      ReadAll(path, [&](const char* data, size_t n) { bytes.append(data, n); });
  if (!read.ok()) return read;
  return bytes;
}

absl::StatusOr<policy::Secret> ReadSecretFile(const std::string& path) {
  policy::Secret secret(0);
  const absl::Status read = ReadAll(path, [&](char* data, size_t n) {
    policy::Secret longer(secret.size() + n);
    for (size_t i = 0; i < secret.size(); ++i) longer.mutable_bytes()[i] = secret.bytes()[i];
    for (size_t i = 0; i < n; ++i) {
      longer.mutable_bytes()[secret.size() + i] = static_cast<uint8_t>(data[i]);
    }
    OPENSSL_cleanse(data, n);
    secret = std::move(longer);
  });
  if (!read.ok()) return read;
  return secret;
}

absl::Status ReplaceFile(const std::string& path, absl::string_view bytes) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return SystemError("can't make the directory of", path, error.value());
  return Replace(path, bytes, kOwnMode);
}

absl::Status RewriteFile(const std::string& path, absl::string_view bytes) {
  std::error_code error;
  const std::filesystem::path file = std::filesystem::canonical(path, error);
  if (error) return SystemError("can't replace", path, error.value());
  struct stat info;
  if (stat(file.c_str(), &info) != 0) return SystemError("can't replace", path, errno);
  return Replace(file, bytes, info.st_mode & 07777);
}

}  // namespace sluice::client
