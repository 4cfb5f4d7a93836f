// How `sluice` prints: tables and messages to standard output, what goes wrong to standard error.
// Whatever reaches a terminal is printable (terminal.h); what is long is paged (pager.h).
#ifndef SLUICE_CLIENT_COMMAND_OUTPUT_H_
#define SLUICE_CLIENT_COMMAND_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/command/exit_code.h"
#include "client/command/terminal.h"
#include "google/protobuf/message.h"

namespace sluice::client {

// A Table of which every column stays whole. The first row is the header.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

// proto3 JSON with the proto file's names, on one line.
std::string ProtoJson(const google::protobuf::Message& message);

// "12,345"
std::string Grouped(int64_t number);

// Makes every string of a message Printable, at every depth, before it is shown.
void MakePrintable(google::protobuf::Message& message);

// "DENIAL_CODE_NO_MOU" without "DENIAL_CODE_"; "UNKNOWN" for the empty name of a value that only a
// newer gateway knows.
std::string ShortName(absl::string_view name, absl::string_view prefix);

// Before anything is printed: whether to page, if there is a terminal.
void AllowPaging(bool allowed);
// Writes to standard output. False once it is broken (a full disk, a closed pipe).
bool Print(absl::string_view text);
// The same of text that is Printable in all its parts, and may hold colors of ours.
bool PrintColored(absl::string_view text);
// What was printed so far is out; false if it can't be. Not where there is a pager.
bool FlushOutput();
// Whether a pager was closed before its end: then nobody waits for more, and that is no failure.
bool ReaderLeft();
// After the last of all. False if something could not be written.
bool EndOutput();
// Writes to standard error: what is said about a command's output, beside it.
void Note(const std::string& text);

// Prints what went wrong, and what to do next, to standard error.
ExitCode Fail(const absl::Status& status);
ExitCode FailUsage(absl::string_view sentence);

// A line on standard error that counts, with the rate and, where a total is known, the time that is
// left; on a terminal only. One a command; not thread-safe.
class Progress {
 public:
  explicit Progress(std::string what, int64_t total = 0);
  ~Progress();
  // `part`: of the total.
  void Add(int64_t n, int64_t part = 0);

 private:
  void Show();

  const std::string what_;
  const int64_t total_;
  const bool terminal_;
  const absl::Time begin_;
  absl::Time shown_;
  int64_t count_ = 0;
  int64_t part_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_OUTPUT_H_
