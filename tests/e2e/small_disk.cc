#include "tests/e2e/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;

// Where what is mounted is seen by nobody else.
absl::Status EnterNamespace() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) {
    return absl::ErrnoToStatus(errno, "unshare");
  }
  if (user != 0) {
    // It stays who it is: PostgreSQL runs for nobody who is root.
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << absl::StrCat(user, " ", user, " 1");
    std::ofstream("/proc/self/gid_map") << absl::StrCat(group, " ", group, " 1");
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "mount");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SmallDisk> SmallDisk::Mount(int64_t bytes) {
  if (absl::Status entered = EnterNamespace(); !entered.ok()) return entered;
  // What stands below is gone with the namespace; the directory itself is for the system to clear.
  const fs::path path = fs::temp_directory_path() / absl::StrCat("sluice-disk-", getpid());
  fs::create_directory(path);
  if (mount("none", path.c_str(), "tmpfs", 0, absl::StrCat("mode=1777,size=", bytes).c_str()) !=
      0) {
    return absl::ErrnoToStatus(errno, "mount");
  }
  return SmallDisk(path);
}

void SmallDisk::Fill(int64_t but) const {
  const int file = open((path_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (but > 0) {
    const auto free = static_cast<int64_t>(fs::space(path_).available);
    Must(absl::ErrnoToStatus(posix_fallocate(file, 0, free - but), "fallocate"));
    close(file);
    return;
  }
  int failed = 0;
  // Others write meanwhile: large pieces first, and in the end the last page.
  for (int64_t piece = int64_t{1} << 20; piece >= 4096; piece /= 16) {
    do {
      failed = posix_fallocate(file, lseek(file, 0, SEEK_END), piece);
    } while (failed == 0);
    if (failed != ENOSPC) Must(absl::ErrnoToStatus(failed, "fallocate"));
  }
  close(file);
}

void SmallDisk::Empty() const { fs::remove(path_ / "filler"); }

}  // namespace sluice::tests
