#include "server/json_log.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace sluice::server {
namespace {

// Text as JSON; bytes that are no UTF-8 are replaced.
std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

absl::string_view Name(LogLine::Level level) {
  switch (level) {
    case LogLine::Level::kInfo:
      return "info";
    case LogLine::Level::kWarning:
      return "warning";
    case LogLine::Level::kError:
      return "error";
  }
  return "error";
}

}  // namespace

LogLine::LogLine(Level level, absl::string_view event) {
  line_ = absl::StrCat("{\"time\":\"",
                       absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
                       "\",\"level\":\"", Name(level), "\",\"event\":", Quoted(event));
}

LogLine::~LogLine() {
  absl::StrAppend(&line_, "}\n");
  // One write a line, so that lines of several threads do not mix. There is nobody to tell of a
  // failure.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line_.data(), line_.size());
}

LogLine& LogLine::With(absl::string_view name, absl::string_view text) {
  absl::StrAppend(&line_, ",", Quoted(name), ":", Quoted(text));
  return *this;
}

LogLine& LogLine::With(absl::string_view name, int64_t number) {
  absl::StrAppend(&line_, ",", Quoted(name), ":", number);
  return *this;
}

}  // namespace sluice::server
