// Entries of the log on standard output, in the form that was asked for: as a table, or with every
// byte of each as JSON. They come in batches, and none is held back for the next.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_LOG_PRINTER_H_
#define SLUICE_CLIENT_COMMAND_LOG_PRINTER_H_

#include <string>
#include <vector>

#include "sluice/v1/audit_service.pb.h"

namespace sluice::client {

class LogPrinter {
 public:
  // kPages: a table for each batch. kLines: what has no end can't be laid out, so each entry is a
  // line, which is out before the next is asked for.
  enum class Layout { kPages, kLines };

  // `form`: "text", "json", "ndjson" or "csv".
  LogPrinter(std::string form, Layout layout) : form_(std::move(form)), layout_(layout) {}

  // False if it can't be printed.
  bool Add(const std::vector<v1::LogEntry>& entries);
  // After the last.
  bool End();

 private:
  bool AddTable(const std::vector<v1::LogEntry>& entries) const;
  std::string LineOf(const v1::LogEntry& entry) const;
  // The header of CSV, the beginning of a JSON array: once.
  bool Begin();

  const std::string form_;
  const Layout layout_;
  bool begun_ = false;
  bool any_ = false;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_PRINTER_H_
