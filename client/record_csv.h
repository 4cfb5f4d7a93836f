// Records as CSV (RFC 4180, UTF-8). The header names fields by path (`program.program_name`,
// `race[0]`, `cohorts[1].term`); an empty cell is an absent field, and an element of a repeated
// field whose cells are all empty is left out.
//
// A spreadsheet would run a text cell that begins with = + - @ (in full width, too) or a control
// character: such a cell is written with a ' before it, and read without.
#ifndef SLUICE_CLIENT_RECORD_CSV_H_
#define SLUICE_CLIENT_RECORD_CSV_H_

#include <cstddef>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"

namespace sluice::client {

// Splits CSV text into rows of cells. One a text; not thread-safe.
class CsvReader {
 public:
  static constexpr size_t kMaxRowBytes = 2 << 20;

  // `in` must outlive it.
  explicit CsvReader(std::istream* in) : in_(in) {}

  // The next row, or nothing at the end. INVALID_ARGUMENT on a quote out of place or one that never
  // closes, on a bare CR, or on a row that is too large.
  absl::StatusOr<std::optional<std::vector<std::string>>> Next();
  // Of the row that Next gave last: where it begins, from 1.
  int line() const { return line_; }

 private:
  std::istream* const in_;
  int line_ = 0;
  int next_line_ = 1;
};

// One step of a column's path.
struct ColumnStep {
  const google::protobuf::FieldDescriptor* field;
  int index = -1;  // in a repeated field; -1: singular
};

// The columns of a table of records of one type. Immutable.
class CsvColumns {
 public:
  // Binds a header. INVALID_ARGUMENT with the column's number: an unknown or doubled path, a path
  // to a message, an index where there is nothing repeated, or none where there is.
  static absl::StatusOr<CsvColumns> Bind(const google::protobuf::Descriptor& type,
                                         const std::vector<std::string>& header);
  // A header for the fields named (leaves, or messages whose leaves all get a column), `repeat`
  // columns for each repeated step.
  static absl::StatusOr<CsvColumns> Of(const google::protobuf::Descriptor& type,
                                       const std::vector<std::string>& paths, int repeat);

  const std::vector<std::string>& header() const { return header_; }
  // Fills an empty record. INVALID_ARGUMENT with the column's name.
  absl::Status Read(const std::vector<std::string>& cells, google::protobuf::Message& record) const;
  // OUT_OF_RANGE where a value has no column: nothing is left out silently.
  absl::StatusOr<std::vector<std::string>> Write(const google::protobuf::Message& record) const;

 private:
  using Path = std::vector<ColumnStep>;
  CsvColumns() = default;
  absl::Status Add(const google::protobuf::Descriptor& type, const std::string& column);

  std::vector<std::string> header_;
  std::vector<Path> paths_;
};

// A line with its end. Cells of text are made safe for spreadsheets by `SafeCell` before.
std::string CsvLine(const std::vector<std::string>& cells);
std::string SafeCell(absl::string_view text);
std::string UnsafeCell(absl::string_view cell);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_RECORD_CSV_H_
