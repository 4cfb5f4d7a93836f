// A file as rows of named cells, read once from front to back: a line of a CSV, or a resource of
// Ed-Fi's JSON or XML laid flat (`Name.FirstName`, the second of its kind `Race[2]`).
//
// One a file; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_ROW_SOURCE_H_
#define SLUICE_CLIENT_IMPORT_ROW_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/import/decoded_file.h"

namespace sluice::client {

struct SourceRow {
  int64_t line = 0;  // where it begins, from 1
  // Not OK: this row can't be read, and why, without its place. The next can.
  absl::Status status;
  std::vector<std::string> cells;  // in the order of the source's columns
  std::string source;              // JSON, NDJSON, XML: its text
};

// Fields of resources that no column asked for: by their path without numbers, each with how often
// it had a value. So many names at most are kept of one file.
class UnreadFields {
 public:
  static constexpr size_t kMaxNames = 1000;

  void Count(absl::string_view path);
  const std::map<std::string, int64_t>& names() const { return names_; }

 private:
  std::map<std::string, int64_t> names_;
};

class RowSource {
 public:
  virtual ~RowSource() = default;

  const std::vector<std::string>& columns() const { return columns_; }
  // Overwrites the row; false at the end. Fails where nothing after it can be read either, with the
  // place.
  virtual absl::StatusOr<bool> Next(SourceRow& row) = 0;

  // --- The rows again, in the source's own form, to be mended and published anew. ---
  virtual std::string RejectsBegin() const = 0;
  // Of the row that Next gave last.
  virtual std::string Reject(const SourceRow& row, const std::string& reason) const = 0;
  virtual std::string RejectsEnd() const = 0;

  // ABORTED if the file changed while it was read. Only after the end.
  absl::Status CheckUnchanged() { return file_->CheckUnchanged(); }
  const DecodedFile& file() const { return *file_; }
  // XML, JSON: of the rows so far.
  const UnreadFields& unread() const { return unread_; }

 protected:
  explicit RowSource(std::unique_ptr<DecodedFile> file) : file_(std::move(file)) {}

  std::unique_ptr<DecodedFile> file_;
  std::vector<std::string> columns_;
  UnreadFields unread_;
};

// A CSV with a header. INVALID_ARGUMENT with the place for a header that can't be read, is empty or
// parts its columns by something else than commas.
absl::StatusOr<std::unique_ptr<RowSource>> OpenCsvRows(std::unique_ptr<DecodedFile> file);

// What is larger is refused at that bound.
inline constexpr size_t kMaxResourceBytes = 2 << 20;

struct XmlOptions {
  std::vector<std::string> namespaces;  // of the root; another is refused
  std::string resource;                 // the name of the elements that are rows
  std::vector<std::string> columns;     // paths in them; an attribute is `@name`
};

// INVALID_ARGUMENT with the place for what is no XML of one of the namespaces.
absl::StatusOr<std::unique_ptr<RowSource>> OpenXmlRows(std::unique_ptr<DecodedFile> file,
                                                       XmlOptions options);
absl::StatusOr<std::unique_ptr<RowSource>> OpenJsonRows(std::unique_ptr<DecodedFile> file,
                                                        std::vector<std::string> columns);

// One record a line; the rows have no cells, only their text.
std::unique_ptr<RowSource> OpenNdjsonRows(std::unique_ptr<DecodedFile> file);

// The column of a rejects file that says why; a source passes over it.
inline constexpr char kReasonColumn[] = "sluice_reason";

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_ROW_SOURCE_H_
