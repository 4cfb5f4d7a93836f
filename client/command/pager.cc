#include "client/command/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_split.h"

extern char** environ;

namespace sluice::client {
namespace {

// How many rows of the terminal the text takes; colors, which take none, are few.
int RowsOf(absl::string_view text, int width) {
  int rows = -1;  // what follows the last end of line begins one only
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    rows += std::max(1, (static_cast<int>(DisplayWidth(line)) + width - 1) / width);
  }
  return rows;
}

}  // namespace

std::string PagerCommand() {
  for (const char* variable : {"SLUICE_PAGER", "PAGER"}) {
    const char* command = std::getenv(variable);
    if (command == nullptr) continue;
    return absl::string_view(command) == "cat" ? "" : command;
  }
  // A machine without `less` has its text as it is.
  return "if command -v less >/dev/null; then exec less -FRX; else exec cat; fi";
}

Pager::Pager(const Terminal& terminal, std::string command)
    : terminal_(terminal),
      command_(std::move(command)),
      holds_(terminal.is_terminal && !command_.empty()) {}

bool Pager::Write(absl::string_view text) {
  if (was_left_) return false;
  if (running()) return WriteToPager(text);
  if (!holds_) return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  held_.append(text.data(), text.size());
  if (RowsOf(held_, terminal_.width) < terminal_.height) return true;
  holds_ = false;
  const std::string held = std::exchange(held_, "");
  return Start() ? WriteToPager(held)
                 : std::fwrite(held.data(), 1, held.size(), stdout) == held.size();
}

void Pager::Note(absl::string_view text) {
  if (running() || !held_.empty()) {
    notes_.append(text.data(), text.size());
  } else {
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

bool Pager::Start() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const char* const arguments[] = {"sh", "-c", command_.c_str(), nullptr};
  std::fflush(stdout);
  const int failed = posix_spawn(&process_, "/bin/sh", &actions, &attributes,
                                 const_cast<char**>(arguments), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[0]);
  if (failed != 0) {
    close(ends[1]);
    return false;
  }
  pipe_ = fdopen(ends[1], "w");
  // The terminal's interrupt is the pager's affair: it must not be left without its writer.
  signal(SIGINT, SIG_IGN);
  return pipe_ != nullptr;
}

bool Pager::WriteToPager(absl::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), pipe_) == text.size();
  was_left_ = !written && errno == EPIPE;
  return written;
}

bool Pager::End() {
  bool written = true;
  if (running()) {
    written = std::fclose(std::exchange(pipe_, nullptr)) == 0;
    was_left_ = was_left_ || (!written && errno == EPIPE);
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 126) {
      notes_ += "sluice: the pager can't be run; name another in SLUICE_PAGER, or use --no-pager\n";
      was_left_ = false;
      written = false;
    }
  } else if (!held_.empty()) {
    const std::string held = std::exchange(held_, "");
    written = std::fwrite(held.data(), 1, held.size(), stdout) == held.size();
  }
  holds_ = false;
  written = std::fflush(stdout) == 0 && written;
  // Who left wants to hear no more.
  if (!was_left_) Note(std::exchange(notes_, ""));
  return written || was_left_;
}

}  // namespace sluice::client
