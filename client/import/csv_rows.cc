#include <istream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/row_source.h"
#include "client/record_csv.h"

namespace sluice::client {
namespace {

class CsvRows : public RowSource {
 public:
  explicit CsvRows(std::unique_ptr<DecodedFile> file)
      : RowSource(std::move(file)), in_(file_.get()), reader_(&in_) {}

  absl::Status ReadHeader() {
    SourceRow row;
    const absl::StatusOr<bool> read = ReadRow(row);
    if (!read.ok()) return read.status();
    if (!*read) return At(1, "there is no header: the file is empty");
    const auto parted = [&row](absl::string_view by) {
      return row.cells.size() == 1 && absl::StrContains(row.cells[0], by);
    };
    if (parted(";")) return At(1, "the columns are parted by semicolons: save it with commas");
    if (parted("\t")) return At(1, "the columns are parted by tabs: save it with commas");
    for (std::string& name : row.cells) absl::StripAsciiWhitespace(&name);
    columns_ = std::move(row.cells);
    if (columns_.front() == kReasonColumn) {
      columns_.erase(columns_.begin());
      rejects_ = true;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(SourceRow& row) override {
    do {
      const absl::StatusOr<bool> read = ReadRow(row);
      if (!read.ok() || !*read) return read;
    } while (row.cells.size() == 1 && row.cells[0].empty());  // an empty line
    row.status = absl::OkStatus();
    if (rejects_) {
      // Written by `Reject`: its reason first, and safe for a spreadsheet.
      row.cells.erase(row.cells.begin());
      for (std::string& cell : row.cells) cell = UnsafeCell(cell);
    }
    if (row.cells.size() != columns_.size()) {
      row.status = absl::InvalidArgumentError(absl::StrCat(
          "has ", row.cells.size(), " cells where the header has ", columns_.size(), " columns"));
    }
    return true;
  }

  std::string RejectsBegin() const override { return CsvLine(SafeCells(kReasonColumn, columns_)); }
  std::string Reject(const SourceRow& row, const std::string& reason) const override {
    return CsvLine(SafeCells(reason, row.cells));
  }
  std::string RejectsEnd() const override { return ""; }

 private:
  // The reason stands first, so that a row with too few cells keeps its number of them.
  static std::vector<std::string> SafeCells(absl::string_view reason,
                                            const std::vector<std::string>& cells) {
    std::vector<std::string> safe = {SafeCell(reason)};
    safe.reserve(cells.size() + 1);
    for (const std::string& cell : cells) safe.push_back(SafeCell(cell));
    return safe;
  }
  absl::Status At(int64_t line, absl::string_view reason) const {
    return absl::InvalidArgumentError(absl::StrCat(file_->PlaceOf(line), ": ", reason));
  }
  absl::StatusOr<bool> ReadRow(SourceRow& row) {
    absl::StatusOr<std::optional<std::vector<std::string>>> cells = reader_.Next();
    // What the file itself is wrong with explains what the text then is.
    if (!file_->status().ok()) return file_->status();
    row.line = reader_.line();
    if (!cells.ok()) return At(row.line, cells.status().message());
    if (!cells->has_value()) return false;
    row.cells = *std::move(*cells);
    return true;
  }

  std::istream in_;
  CsvReader reader_;
  bool rejects_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenCsvRows(std::unique_ptr<DecodedFile> file) {
  auto rows = std::make_unique<CsvRows>(std::move(file));
  const absl::Status header = rows->ReadHeader();
  if (!header.ok()) return header;
  return rows;
}

}  // namespace sluice::client
