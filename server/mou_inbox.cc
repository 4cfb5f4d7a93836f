#include "server/mou_inbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

constexpr size_t kMaxDocument = 1 << 20;
constexpr size_t kMaxSignature = 256 << 10;

}  // namespace

absl::StatusOr<MouInbox> MouInbox::Open(const std::string& directory) {
  MouInbox inbox(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A descriptor of its own, which closedir closes.
  const int listed =
      inbox.directory_ < 0 ? -1 : openat(inbox.directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = listed < 0 ? nullptr : fdopendir(listed);
  if (stream == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the directory of MOU documents cannot be read: ", directory));
  }
  while (const dirent* entry = readdir(stream)) {
    const absl::string_view name = entry->d_name;
    if (name[0] != '.' && absl::EndsWith(name, ".yaml")) inbox.documents_.emplace_back(name);
  }
  (void)closedir(stream);
  std::sort(inbox.documents_.begin(), inbox.documents_.end());
  return inbox;
}

MouInbox::MouInbox(MouInbox&& other) noexcept
    : directory_(std::exchange(other.directory_, -1)), documents_(std::move(other.documents_)) {}

MouInbox::~MouInbox() {
  if (directory_ >= 0) (void)close(directory_);
}

absl::StatusOr<std::string> MouInbox::ReadDocument(const std::string& file) const {
  return Read(file, kMaxDocument);
}

absl::StatusOr<std::string> MouInbox::ReadSignature(const std::string& file,
                                                    absl::string_view organization) const {
  return Read(absl::StrCat(file, ".", organization, ".p7s"), kMaxSignature);
}

absl::StatusOr<std::string> MouInbox::Read(const std::string& name, size_t max_size) const {
  // Without O_NONBLOCK a pipe would hold the gateway until somebody writes to it.
  const int fd = openat(directory_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return absl::NotFoundError(absl::StrCat("there is no file ", name));
    if (errno == ELOOP) return absl::FailedPreconditionError("it is a link: put the file itself");
    return absl::FailedPreconditionError("it cannot be opened: let the gateway read it");
  }
  struct stat info;
  absl::Status status;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    status = absl::FailedPreconditionError("it is no regular file");
  }
  // One byte more than allowed, so that a file that grows meanwhile is noticed, too.
  std::string bytes(max_size + 1, '\0');
  size_t size = 0;
  while (status.ok() && size < bytes.size()) {
    const ssize_t got = read(fd, bytes.data() + size, bytes.size() - size);
    if (got > 0) {
      size += static_cast<size_t>(got);
    } else if (got == 0) {
      break;
    } else if (errno != EINTR) {
      status = absl::FailedPreconditionError("it cannot be read");
    }
  }
  (void)close(fd);
  if (!status.ok()) return status;
  if (size > max_size) {
    return absl::FailedPreconditionError(
        absl::StrCat("it is larger than ", max_size >> 10, " KiB"));
  }
  bytes.resize(size);
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace sluice::server
