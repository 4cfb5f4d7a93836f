// Records in our own form as JSON: one a line, each line as the row's text.
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/row_source.h"

namespace sluice::client {
namespace {

constexpr size_t kMaxLineBytes = 4 << 20;

class NdjsonRows : public RowSource {
 public:
  explicit NdjsonRows(std::unique_ptr<DecodedFile> file)
      : RowSource(std::move(file)), reason_(absl::StrCat("{\"", kReasonColumn, "\":")) {}

  absl::StatusOr<bool> Next(SourceRow& row) override {
    row.status = absl::OkStatus();
    do {
      const absl::StatusOr<bool> read = ReadLine(row.source);
      if (!read.ok() || !*read) return read;
    } while (row.source.find_first_not_of(" \t") == std::string::npos ||
             absl::StartsWith(row.source, reason_));
    row.line = line_;
    return true;
  }

  // The reason stands on a line of its own, so that the row's is as it was, whatever it holds.
  std::string RejectsBegin() const override { return ""; }
  std::string Reject(const SourceRow& row, const std::string& reason) const override {
    return absl::StrCat(
        reason_,
        nlohmann::json(reason).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
        "}\n", row.source, "\n");
  }
  std::string RejectsEnd() const override { return ""; }

 private:
  absl::StatusOr<bool> ReadLine(std::string& line) {
    line.clear();
    ++line_;
    constexpr int kEnd = std::streambuf::traits_type::eof();
    int c;
    while ((c = file_->sbumpc()) != kEnd && c != '\n') {
      if (line.size() == kMaxLineBytes) {
        return absl::InvalidArgumentError(
            absl::StrCat(file_->PlaceOf(line_), ": the line is longer than 4 MiB"));
      }
      line.push_back(static_cast<char>(c));
    }
    if (!file_->status().ok()) return file_->status();
    if (c == kEnd && line.empty()) return false;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return true;
  }

  const std::string reason_;  // what a line of a reason begins with
  int64_t line_ = 0;
};

}  // namespace

std::unique_ptr<RowSource> OpenNdjsonRows(std::unique_ptr<DecodedFile> file) {
  return std::make_unique<NdjsonRows>(std::move(file));
}

}  // namespace sluice::client
