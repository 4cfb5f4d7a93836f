// Ed-Fi's API JSON: resources in an array, or one after the other (NDJSON), each as a row. Only one
// resource is held at a time: its text is found first, then read.
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/import/row_source.h"

namespace sluice::client {
namespace {

constexpr size_t kMaxDepth = 64;

// Lays one resource flat. The second of an array is `races[2]`; the first has no number.
class Flattener : public nlohmann::json_sax<nlohmann::json> {
 public:
  Flattener(const std::map<std::string, size_t>& wanted, SourceRow& row, UnreadFields& unread)
      : wanted_(wanted), row_(row), unread_(unread) {}

  bool null() override { return Step(); }
  bool boolean(bool value) override { return Take(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return Take(absl::StrCat(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Take(absl::StrCat(value)); }
  // As it stands: a decimal is no double.
  bool number_float(number_float_t, const string_t& text) override { return Take(text); }
  bool string(string_t& value) override { return Take(value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(false); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (!level.names.insert(name).second) return Fail("a name stands twice in one object");
    level.at = level.path.empty() ? name : absl::StrCat(level.path, ".", name);
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override {
    if (levels_.empty()) return Fail("a resource is an object");
    return Open(true);
  }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Fail("the JSON is broken");
  }
  const std::string& problem() const { return problem_; }

 private:
  struct Level {
    std::string path;
    std::string at;  // of the value that comes next
    bool array = false;
    int count = 0;
    std::set<std::string> names;
  };
  bool Fail(absl::string_view problem) {
    if (problem_.empty()) problem_ = std::string(problem);
    return false;
  }
  // The path of the value that is here.
  std::string Here() {
    if (levels_.empty()) return "";
    Level& level = levels_.back();
    if (!level.array) return level.at;
    return ++level.count == 1 ? level.path : absl::StrCat(level.path, "[", level.count, "]");
  }
  bool Step() {
    Here();
    return true;
  }
  bool Take(absl::string_view value) {
    if (levels_.empty()) return Fail("a resource is an object");
    const std::string here = Here();
    const auto at = wanted_.find(here);
    if (at != wanted_.end()) {
      row_.cells[at->second] = std::string(value);
    } else if (!value.empty() && here != kReasonColumn) {
      unread_.Count(here);
    }
    return true;
  }
  bool Open(bool array) {
    if (levels_.size() == kMaxDepth) return Fail("it is nested more than 64 deep");
    Level level;
    level.path = Here();
    level.array = array;
    levels_.push_back(std::move(level));
    return true;
  }
  bool Close() {
    levels_.pop_back();
    return true;
  }

  const std::map<std::string, size_t>& wanted_;
  SourceRow& row_;
  UnreadFields& unread_;
  std::vector<Level> levels_;
  std::string problem_;
};

class JsonRows : public RowSource {
 public:
  JsonRows(std::unique_ptr<DecodedFile> file, std::vector<std::string> columns)
      : RowSource(std::move(file)) {
    columns_ = std::move(columns);
    for (size_t i = 0; i < columns_.size(); ++i) wanted_[columns_[i]] = i;
  }

  absl::StatusOr<bool> Next(SourceRow& row) override {
    const absl::StatusOr<bool> found = FindResource(row);
    if (!found.ok() || !*found) return found;
    row.status = absl::OkStatus();
    row.cells.assign(columns_.size(), "");
    Flattener flattener(wanted_, row, unread_);
    if (!nlohmann::json::sax_parse(row.source, &flattener)) {
      row.status = absl::InvalidArgumentError(flattener.problem());
    }
    return true;
  }

  // One resource a line, whatever form it came in; the reason is a name that no mapping reads.
  std::string RejectsBegin() const override { return ""; }
  std::string Reject(const SourceRow& row, const std::string& reason) const override {
    std::string source = row.source;
    for (char& c : source) {
      if (c == '\n' || c == '\r') c = ' ';
    }
    const std::string text =
        nlohmann::json(reason).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const bool empty = source.find_first_not_of(" \t", 1) == source.size() - 1;
    return absl::StrCat("{\"", kReasonColumn, "\":", text, empty ? "" : ",", source.substr(1),
                        "\n");
  }
  std::string RejectsEnd() const override { return ""; }

 private:
  absl::Status Wrong(absl::string_view reason) const {
    if (!file_->status().ok()) return file_->status();
    return absl::InvalidArgumentError(absl::StrCat(file_->PlaceOf(line_), ": ", reason));
  }
  // The next byte that is no white space; -1 at the end.
  int Skip() {
    int c;
    while ((c = file_->sbumpc()) == ' ' || c == '\t' || c == '\r' || c == '\n') line_ += c == '\n';
    return c == std::streambuf::traits_type::eof() ? -1 : c;
  }
  // The text of the next resource, from its brace to the one that closes it.
  absl::StatusOr<bool> FindResource(SourceRow& row) {
    int c = Skip();
    if (!begun_) {
      begun_ = true;
      array_ = c == '[';
      if (array_) {
        c = Skip();
        if (c == ']') return EndArray();
      }
    } else if (array_) {
      if (ended_)
        return c < 0 && file_->status().ok() ? absl::StatusOr<bool>(false)
                                             : Wrong("text after the array");
      if (c == ']') return EndArray();
      if (c != ',')
        return Wrong(c < 0 ? "the array never ends: is the file whole?"
                           : "a comma is missing between two resources");
      c = Skip();
    }
    if (c < 0 && !array_) {
      return file_->status().ok() ? absl::StatusOr<bool>(false) : file_->status();
    }
    if (c != '{') return Wrong("a resource is expected, an object in braces");
    row.line = line_;
    row.source = "{";
    int depth = 1;
    bool quoted = false, escaped = false;
    while (depth > 0) {
      c = file_->sbumpc();
      if (c == std::streambuf::traits_type::eof()) {
        line_ = row.line;
        return Wrong("a resource never ends: is the file whole?");
      }
      if (row.source.size() == kMaxResourceBytes) {
        line_ = row.line;
        return Wrong("the resource is larger than 2 MiB");
      }
      row.source.push_back(static_cast<char>(c));
      line_ += c == '\n';
      if (escaped) {
        escaped = false;
      } else if (quoted && c == '\\') {
        escaped = true;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted) {
        depth += (c == '{') - (c == '}');
      }
    }
    return true;
  }
  absl::StatusOr<bool> EndArray() {
    ended_ = true;
    if (Skip() >= 0) return Wrong("text after the array");
    if (!file_->status().ok()) return file_->status();
    return false;
  }

  std::map<std::string, size_t> wanted_;
  int64_t line_ = 1;
  bool begun_ = false;
  bool array_ = false;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenJsonRows(std::unique_ptr<DecodedFile> file,
                                                        std::vector<std::string> columns) {
  return std::make_unique<JsonRows>(std::move(file), std::move(columns));
}

}  // namespace sluice::client
