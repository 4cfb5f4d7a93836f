// The gateway's own log lines: one JSON object a line on standard error. They say what happened to
// requests, by id, code and count; there is no way to give them a record, an id or a key.
//
// Thread-safe.
#ifndef SLUICE_SERVER_JSON_LOG_H_
#define SLUICE_SERVER_JSON_LOG_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::server {

class LogLine {
 public:
  enum class Level { kInfo, kWarning, kError };

  LogLine(Level level, absl::string_view event);
  // Writes the line.
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  LogLine& With(absl::string_view name, absl::string_view text);
  LogLine& With(absl::string_view name, int64_t number);

 private:
  std::string line_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_JSON_LOG_H_
