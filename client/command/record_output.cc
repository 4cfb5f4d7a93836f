#include "client/command/record_output.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"
#include "client/record_json.h"
#include "client/record_value.h"

namespace sluice::client {
std::vector<std::string> RecordOutput::WithRowId(absl::string_view row_id,
                                                 std::vector<std::string> cells) const {
  if (row_ids_) cells.insert(cells.begin(), std::string(row_id));
  return cells;
}

absl::StatusOr<std::unique_ptr<RecordOutput>> RecordOutput::Create(const policy::RecordType& type,
                                                                   const v1::ReleaseHeader& header,
                                                                   const std::string& format,
                                                                   int repeat) {
  std::vector<std::string> paths;
  for (const v1::ReleasedField& field : header.fields()) {
    if (type.Find(field.path()) == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("the gateway releases ", field.path(), ", which this client's version of ",
                       type.name(), " has not: use a newer `sluice`"));
    }
    paths.push_back(field.path());
  }
  return Make(type, std::move(paths), format, repeat, /*row_ids=*/true);
}

absl::StatusOr<std::unique_ptr<RecordOutput>> RecordOutput::CreateOwn(
    const policy::RecordType& type, const std::string& format, int repeat) {
  std::vector<std::string> paths;
  for (const policy::Field* leaf : type.leaves()) paths.push_back(leaf->path);
  return Make(type, std::move(paths), format, repeat, /*row_ids=*/false);
}

absl::StatusOr<std::unique_ptr<RecordOutput>> RecordOutput::Make(const policy::RecordType& type,
                                                                 std::vector<std::string> paths,
                                                                 const std::string& format,
                                                                 int repeat, bool row_ids) {
  auto output = std::unique_ptr<RecordOutput>(new RecordOutput);
  output->format_ = format;
  output->row_ids_ = row_ids;
  output->record_.reset(type.prototype().New());
  if (format == "text") {
    output->paths_ = std::move(paths);
    return output;
  }
  if (format != "csv") return output;
  absl::StatusOr<CsvColumns> columns = CsvColumns::Of(type.descriptor(), paths, repeat);
  if (!columns.ok()) return columns.status();
  output->columns_ = *std::move(columns);
  return output;
}

std::string RecordOutput::Begin() const {
  if (format_ == "json") return "[";
  return format_ == "csv" ? CsvLine(WithRowId("row_id", columns_->header())) : "";
}

absl::StatusOr<std::string> RecordOutput::Row(absl::string_view row_id, absl::string_view record) {
  if (!record_->ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return absl::DataLossError("a row is not a message of its record type");
  }
  ++rows_;
  if (format_ == "ndjson") return RecordToJson(*record_, row_id) + "\n";
  if (format_ == "json") {
    return absl::StrCat(rows_ == 1 ? "\n" : ",\n", RecordToJson(*record_, row_id));
  }
  if (format_ == "csv") {
    absl::StatusOr<std::vector<std::string>> cells = columns_->Write(*record_);
    if (!cells.ok()) return cells.status();
    return CsvLine(WithRowId(SafeCell(row_id), *std::move(cells)));
  }
  if (!stretch_.has_value()) stretch_ = NewStretch();
  stretch_->Add(TextCells(row_id));
  return stretch_->size() < kStretch ? "" : TakeStretch();
}

std::vector<std::string> RecordOutput::TextCells(absl::string_view row_id) const {
  std::vector<std::string> cells;
  for (const std::string& path : paths_) {
    cells.push_back(absl::StrJoin(TextsAt(*record_, path), "; "));
  }
  return WithRowId(row_id, std::move(cells));
}

std::string RecordOutput::End() {
  if (format_ == "json") return rows_ == 0 ? "]\n" : "\n]\n";
  if (format_ != "text") return "";
  if (rows_ == 0) stretch_ = NewStretch();
  return stretch_.has_value() ? TakeStretch() : "";
}

Table RecordOutput::NewStretch() const {
  std::vector<Table::Column> columns;
  // Whoever asks for the row again copies its id.
  for (const std::string& title : WithRowId("row_id", paths_)) {
    columns.push_back({title, title == "row_id" ? Table::Fit::kWhole : Table::Fit::kMayShorten});
  }
  return Table(std::move(columns));
}

std::string RecordOutput::TakeStretch() {
  // In one color: the caller prints this form as any other.
  Terminal terminal = StandardOutput();
  terminal.colors = false;
  std::string text = stretch_->Text(terminal);
  stretch_.reset();
  return text;
}

}  // namespace sluice::client
