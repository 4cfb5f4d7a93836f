// How `sluice` prints: tables and messages to standard output, what goes wrong to standard error.
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
#include "policy/finding.h"

namespace sluice::client {

// Columns padded to their widest cell; the last is not. The first row is the header.
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

// Writes to standard output. False once it is broken (a full disk, a closed pipe).
bool Print(absl::string_view text);
// What a check found, as lines or as JSON; `clean`: what is called clean if nothing was found.
ExitCode PrintFindings(const std::vector<policy::Finding>& findings, bool json,
                       const std::string& clean);
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
