#include "server/store/store_findings.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {

void StoreFindings::Add(StoreFinding finding, std::optional<uint64_t> log_index) {
  Count& count = found_[std::move(finding)];
  if (count.times++ == 0) count.log_index = log_index;
}

void StoreFindings::Looked(absl::string_view table, int64_t rows) {
  if (progress_ != nullptr) progress_(table, rows);
}

std::vector<std::string> StoreFindings::Lines() const {
  std::vector<std::string> lines;
  for (const auto& [finding, count] : found_) {
    std::string line = absl::StrCat(finding.table, ": ", finding.what);
    if (!finding.owner.empty()) absl::StrAppend(&line, "; owner ", finding.owner);
    if (!finding.record_type.empty()) absl::StrAppend(&line, "; type ", finding.record_type);
    if (count.log_index) absl::StrAppend(&line, "; log index ", *count.log_index);
    if (count.times > 1) absl::StrAppend(&line, "; ", count.times, " times");
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace sluice::server
