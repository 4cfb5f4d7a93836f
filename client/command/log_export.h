// An entry of the log as other systems take it in: one line each, as JSON lines (the entry's own
// bytes), OCSF (API Activity), CEF, or syslog (RFC 5424). A line depends on the entry, the log's
// name and the options alone, so that an entry that is exported twice is the same line twice.
//
// Pure. Entries hold no personal data, and a line holds nothing else.
#ifndef SLUICE_CLIENT_COMMAND_LOG_EXPORT_H_
#define SLUICE_CLIENT_COMMAND_LOG_EXPORT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/command/log_entry.h"

namespace sluice::client {

struct LogExport {
  std::string format;   // "jsonl", "ocsf", "cef" or "syslog"
  std::string origin;   // the log's
  std::string version;  // of this program, which CEF has in its header
  std::string sd_id;    // of syslog's structured data: "sluice@32473"

  // With its end.
  std::string Line(const LogEntryView& entry) const;
};

// Whether RFC 5424 takes it: a name and a private enterprise number.
bool IsSdId(absl::string_view text);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_EXPORT_H_
