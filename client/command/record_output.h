// Released rows as text: one JSON object a line, a JSON array, CSV, or a table for people.
//
// One a release; not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_RECORD_OUTPUT_H_
#define SLUICE_CLIENT_COMMAND_RECORD_OUTPUT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/command/table.h"
#include "client/record_csv.h"
#include "google/protobuf/message.h"
#include "policy/catalog.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::client {

class RecordOutput {
 public:
  // `format`: "ndjson", "json", "csv" or "text". `repeat`: columns for each repeated field. Fails
  // where the header names a field that this client's type has not.
  static absl::StatusOr<std::unique_ptr<RecordOutput>> Create(const policy::RecordType& type,
                                                              const v1::ReleaseHeader& header,
                                                              const std::string& format,
                                                              int repeat);

  // Of whole records, without row ids.
  static absl::StatusOr<std::unique_ptr<RecordOutput>> CreateOwn(const policy::RecordType& type,
                                                                 const std::string& format,
                                                                 int repeat);

  // What to print before the rows, for a row, and after them.
  std::string Begin() const;
  absl::StatusOr<std::string> Row(absl::string_view row_id, absl::string_view record);
  std::string End();

 private:
  // A table is printed in stretches of so many rows, each as wide as it needs, under its titles.
  static constexpr size_t kStretch = 500;

  RecordOutput() = default;
  static absl::StatusOr<std::unique_ptr<RecordOutput>> Make(const policy::RecordType& type,
                                                            std::vector<std::string> paths,
                                                            const std::string& format, int repeat,
                                                            bool row_ids);
  std::vector<std::string> WithRowId(absl::string_view row_id,
                                     std::vector<std::string> cells) const;
  std::vector<std::string> TextCells(absl::string_view row_id) const;
  Table NewStretch() const;
  std::string TakeStretch();

  bool row_ids_ = true;
  std::string format_;
  std::unique_ptr<google::protobuf::Message> record_;
  std::vector<std::string> paths_;     // text only
  std::optional<Table> stretch_;       // text only
  std::optional<CsvColumns> columns_;  // CSV only
  int64_t rows_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_RECORD_OUTPUT_H_
