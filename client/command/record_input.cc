#include "client/command/record_input.h"

#include <cerrno>
#include <cstring>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/record_json.h"
#include "google/protobuf/message.h"

namespace sluice::client {
namespace {

constexpr size_t kMaxLineBytes = 4 << 20;

}  // namespace

RecordInput::RecordInput(const policy::RecordType& type, std::string file)
    : file_(std::move(file)), record_(type.prototype().New()) {}

absl::StatusOr<std::unique_ptr<RecordInput>> RecordInput::Open(const policy::RecordType& type,
                                                               const std::string& file,
                                                               const std::string& format) {
  auto input =
      std::unique_ptr<RecordInput>(new RecordInput(type, file == "-" ? "standard input" : file));
  if (file == "-") {
    input->in_ = &std::cin;
  } else {
    input->opened_.open(file, std::ios::binary);
    if (!input->opened_) {
      return absl::NotFoundError(absl::StrCat("can't open ", file, ": ", std::strerror(errno)));
    }
    input->in_ = &input->opened_;
  }
  if (format != "csv") return input;
  input->csv_ = std::make_unique<CsvReader>(input->in_);
  const absl::StatusOr<std::optional<std::vector<std::string>>> header = input->csv_->Next();
  if (!header.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(input->PlaceOf(1), ": ", header.status().message()));
  }
  if (!header->has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(input->PlaceOf(1), ": there is no header"));
  }
  absl::StatusOr<CsvColumns> columns = CsvColumns::Bind(type.descriptor(), **header);
  if (!columns.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(input->PlaceOf(1), ": ", columns.status().message()));
  }
  input->columns_ = *std::move(columns);
  return input;
}

absl::StatusOr<std::optional<InputRecord>> RecordInput::Next() {
  return csv_ == nullptr ? NextLine() : NextRow();
}

absl::StatusOr<std::optional<InputRecord>> RecordInput::NextLine() {
  std::string text;
  while (true) {
    text.clear();
    ++line_;
    std::streambuf& buffer = *in_->rdbuf();
    constexpr int kEnd = std::streambuf::traits_type::eof();
    int c;
    while ((c = buffer.sbumpc()) != kEnd && c != '\n') {
      if (text.size() == kMaxLineBytes) {
        return absl::InvalidArgumentError(
            absl::StrCat(PlaceOf(line_), ": the line is longer than 4 MiB"));
      }
      text.push_back(static_cast<char>(c));
    }
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (text.find_first_not_of(" \t") != std::string::npos) break;
    if (c == kEnd) return std::nullopt;
  }
  InputRecord input;
  input.line = line_;
  record_->Clear();
  input.status = RecordFromJson(text, *record_);
  if (input.status.ok()) input.bytes = record_->SerializeAsString();
  return input;
}

absl::StatusOr<std::optional<InputRecord>> RecordInput::NextRow() {
  while (true) {
    const absl::StatusOr<std::optional<std::vector<std::string>>> cells = csv_->Next();
    if (!cells.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(PlaceOf(csv_->line()), ": ", cells.status().message()));
    }
    if (!cells->has_value()) return std::nullopt;
    if ((*cells)->size() == 1 && (*cells)->front().empty()) continue;  // an empty line
    InputRecord input;
    input.line = csv_->line();
    record_->Clear();
    input.status = columns_->Read(**cells, *record_);
    if (input.status.ok()) input.bytes = record_->SerializeAsString();
    return input;
  }
}

std::string RecordInput::PlaceOf(int line) const { return absl::StrCat(file_, ":", line); }

}  // namespace sluice::client
