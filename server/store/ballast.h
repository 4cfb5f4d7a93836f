// Ballast: a file beside an embedded store whose blocks are really there, so that a disk that is
// full has room for the entries that close what was begun. It is let go when a group found no room,
// and taken again when there is some. What is let go here others on the machine may take first.
//
// One thread at a time.
#ifndef SLUICE_SERVER_STORE_BALLAST_H_
#define SLUICE_SERVER_STORE_BALLAST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::server {

class Ballast {
 public:
  // The outcomes of 256 streams that end one by one: each has a group of its own then, of 64 KiB of
  // WAL at the most; those that end together share their group's pages. Tiles wait for room.
  static constexpr int64_t kBytes = 16 << 20;

  struct Options {
    std::string path;
    int64_t bytes = kBytes;
    // What is free on its disk; null: what the file system says.
    std::function<absl::StatusOr<int64_t>()> free_bytes;
  };

  // Opens the file, or makes it with mode 0600. Held, if it was so when a process ended.
  // FAILED_PRECONDITION if it can't be opened.
  static absl::StatusOr<std::unique_ptr<Ballast>> Open(Options options);
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  // The file stays as it is.
  ~Ballast();

  bool held() const { return held_; }
  // Does nothing if it is held. RESOURCE_EXHAUSTED, and nothing is taken, unless there is room for
  // it, for `beside` bytes, and for as much again to work with: else it would soon be let go again.
  absl::Status Take(int64_t beside);
  // Gives its blocks back to the disk.
  absl::Status LetGo();

 private:
  Ballast(Options options, int file) : options_(std::move(options)), file_(file) {}
  // Whether each of its blocks is there.
  bool IsWhole() const;

  const Options options_;
  const int file_;
  bool held_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_BALLAST_H_
