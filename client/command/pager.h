// Standard output of a command: as it comes, but on a terminal what is longer than the terminal is
// shown with a pager. Until that much has come it is held, and so is what is noted beside it, so
// that nothing is written across the pager.
//
// One a process; not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_PAGER_H_
#define SLUICE_CLIENT_COMMAND_PAGER_H_

#include <sys/types.h>

#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"
#include "client/command/terminal.h"

namespace sluice::client {

class Pager {
 public:
  // `command`: of a shell; empty: nothing is held.
  Pager(const Terminal& terminal, std::string command);
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  // False once nothing more can be written, or nobody reads on.
  bool Write(absl::string_view text);
  // To standard error, once nothing is held or shown before it.
  void Note(absl::string_view text);
  // Writes what is held and waits for the pager. False if not all could be written.
  bool End();

  bool running() const { return pipe_ != nullptr; }
  // Whether the reader ended the pager before all was written.
  bool was_left() const { return was_left_; }

 private:
  bool Start();
  bool WriteToPager(absl::string_view text);

  const Terminal terminal_;
  const std::string command_;
  bool holds_;
  std::string held_;
  std::string notes_;
  std::FILE* pipe_ = nullptr;
  pid_t process_ = -1;
  bool was_left_ = false;
};

// `$SLUICE_PAGER`, `$PAGER` or less; empty where that says so.
std::string PagerCommand();

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_PAGER_H_
