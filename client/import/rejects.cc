#include "client/import/rejects.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
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
constexpr size_t kCopyBytes = 1 << 20;

absl::Status Unwritable(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("can't write ", path, ": ", std::strerror(errno)));
}

// Of mode 0600; `name` becomes what it is called.
int MakeFile(std::string& name) { return mkostemp(name.data(), O_CLOEXEC); }

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
  std::string name = rejects->path_ + ".XXXXXX";
  rejects->file_ = MakeFile(name);
  if (rejects->file_ < 0) return Unwritable(rejects->path_);
  unlink(name.c_str());
  const absl::Status begun = rejects->Write(begin);
  if (!begun.ok()) return begun;
  return rejects;
}

Rejects::~Rejects() {
  if (file_ >= 0) close(file_);
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
  // From the name to its being taken nothing ends the process but what can't be held off.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  written = CopyToItsName();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return written;
}

absl::Status Rejects::CopyToItsName() {
  std::string name = path_ + ".XXXXXX";
  const int named = MakeFile(name);
  if (named < 0) return Unwritable(path_);
  off_t from = 0;
  ssize_t copied = 1;
  while (copied > 0) copied = sendfile(named, file_, &from, kCopyBytes);
  const bool done = copied == 0 && fsync(named) == 0 && rename(name.c_str(), path_.c_str()) == 0;
  absl::Status status = done ? absl::OkStatus() : Unwritable(path_);
  close(named);
  if (!done) unlink(name.c_str());
  return status;
}

}  // namespace sluice::client
