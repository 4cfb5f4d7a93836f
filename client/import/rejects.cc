#include "client/import/rejects.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

absl::Status Unwritable(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("can't write ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Rejects>> Rejects::Create(std::string path, absl::string_view begin,
                                                         std::string end) {
  // It is put in the place of what has its name: never of a device.
  struct stat there = {};
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't write ", path, ": it is there, and no file"));
  }
  std::unique_ptr<Rejects> rejects(new Rejects(std::move(path), std::move(end)));
  rejects->temporary_ = rejects->path_ + ".XXXXXX";
  rejects->file_ = mkstemp(rejects->temporary_.data());  // mode 0600
  if (rejects->file_ < 0) return Unwritable(rejects->path_);
  const absl::Status begun = rejects->Write(begin);
  if (!begun.ok()) return begun;
  return rejects;
}

Rejects::~Rejects() {
  if (file_ < 0) return;
  close(file_);
  unlink(temporary_.c_str());
}

absl::Status Rejects::Add(absl::string_view row) { return Write(row); }

absl::Status Rejects::Write(absl::string_view bytes) {
  absl::StrAppend(&buffer_, bytes);
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status Rejects::Flush() {
  absl::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t n = write(file_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Unwritable(path_);
    left.remove_prefix(n);
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status Rejects::Keep() {
  absl::Status written = Write(end_);
  if (written.ok()) written = Flush();
  if (!written.ok()) return written;
  if (fsync(file_) != 0) return Unwritable(path_);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return Unwritable(path_);
  close(std::exchange(file_, -1));
  return absl::OkStatus();
}

}  // namespace sluice::client
