// A disk of a test's own that is soon full: a file system in memory, mounted where only this
// process and its children see it. As root, or in a user namespace where those are to be had.
//
// One a process, made before its first thread.
#ifndef SLUICE_TESTS_E2E_SMALL_DISK_H_
#define SLUICE_TESTS_E2E_SMALL_DISK_H_

#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"

namespace sluice::tests {

class SmallDisk {
 public:
  // Fails where this process may mount nothing.
  static absl::StatusOr<SmallDisk> Mount(int64_t bytes);

  const std::filesystem::path& path() const { return path_; }
  // Takes all that is free, or all but so many bytes, and gives it back.
  void Fill(int64_t but = 0) const;
  void Empty() const;

 private:
  explicit SmallDisk(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_SMALL_DISK_H_
