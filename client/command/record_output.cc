#include "client/command/record_output.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"
#include "client/record_json.h"
#include "client/record_value.h"

namespace sluice::client {
namespace {

std::vector<std::string> WithRowId(absl::string_view row_id, std::vector<std::string> cells) {
  cells.insert(cells.begin(), std::string(row_id));
  return cells;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordOutput>> RecordOutput::Create(const policy::RecordType& type,
                                                                   const v1::ReleaseHeader& header,
                                                                   const std::string& format,
                                                                   int repeat) {
  auto output = std::unique_ptr<RecordOutput>(new RecordOutput);
  output->format_ = format;
  output->record_.reset(type.prototype().New());
  for (const v1::ReleasedField& field : header.fields()) {
    if (type.Find(field.path()) != nullptr) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the gateway releases ", field.path(), ", which this client's version of ",
                     type.name(), " has not: use a newer `sluice`"));
  }
  std::vector<std::string> paths;
  for (const v1::ReleasedField& field : header.fields()) paths.push_back(field.path());
  if (format == "text") {
    output->stretch_ = {WithRowId("row_id", paths)};
    output->paths_ = std::move(paths);
  }
  if (format != "csv") return output;
  absl::StatusOr<CsvColumns> columns = CsvColumns::Of(type.descriptor(), paths, repeat);
  if (!columns.ok()) return columns.status();
  output->columns_ = *std::move(columns);
  return output;
}

std::string RecordOutput::Begin() const {
  return format_ == "csv" ? CsvLine(WithRowId("row_id", columns_->header())) : "";
}

absl::StatusOr<std::string> RecordOutput::Row(absl::string_view row_id, absl::string_view record) {
  if (!record_->ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return absl::DataLossError("a row is not a message of its record type");
  }
  if (format_ == "ndjson") return RecordToJson(*record_, row_id) + "\n";
  if (format_ == "csv") {
    absl::StatusOr<std::vector<std::string>> cells = columns_->Write(*record_);
    if (!cells.ok()) return cells.status();
    return CsvLine(WithRowId(row_id, *std::move(cells)));
  }
  stretch_.push_back(TextCells(row_id));
  return stretch_.size() < kStretch ? "" : End();
}

std::vector<std::string> RecordOutput::TextCells(absl::string_view row_id) const {
  std::vector<std::string> cells = {std::string(row_id)};
  for (const std::string& path : paths_) {
    cells.push_back(Printable(absl::StrJoin(TextsAt(*record_, path), "; ")));
  }
  return cells;
}

std::string RecordOutput::End() {
  std::string text = TableText(stretch_);
  stretch_.clear();
  return text;
}

}  // namespace sluice::client
