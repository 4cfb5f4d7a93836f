#include "server/audit/log_recovery.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/merkle.h"

namespace sluice::server {
namespace {

constexpr uint64_t kBlock = 4096;

// Folds entries, oldest first, into what is still open.
class TailFolder {
 public:
  explicit TailFolder(absl::string_view writer) : writer_(writer) {}

  absl::Status Add(const LogRow& row) {
    if (row.index != next_ && started_) return absl::DataLossError("the log misses an entry");
    started_ = true;
    next_ = row.index + 1;
    absl::StatusOr<ParsedEntry> entry = ParseEntry(row.body);
    if (!entry.ok() || LeafHash(row.body) != row.leaf_hash) {
      return absl::DataLossError("the log holds an entry that is not what was hashed");
    }
    tail_.newest_ms = std::max(tail_.newest_ms, entry->time_ms);
    if (!writer_.empty() && entry->writer != writer_) return absl::OkStatus();
    CountBoot(*entry);
    if (entry->type == "decision") {
      if (NeedsOutcome(*entry)) Open(row.index, *entry);
    } else if (entry->type == "disclosure") {
      Open(static_cast<uint64_t>(entry->json.FindInteger("of", 0)), *entry);
    } else if (entry->type == "outcome") {
      open_.erase(static_cast<uint64_t>(entry->json.FindInteger("of", 0)));
    }
    return absl::OkStatus();
  }

  LogTail Finish() {
    for (auto& [index, outcome] : open_) tail_.unknown.push_back(std::move(outcome));
    return std::move(tail_);
  }

 private:
  // A permit under an MOU, for an operation that ends in an outcome.
  static bool NeedsOutcome(const ParsedEntry& entry) {
    v1::Operation operation;
    return entry.json.FindString("result") == "PERMIT" && !entry.json.FindString("mou").empty() &&
           v1::Operation_Parse(absl::StrCat("OPERATION_", entry.json.FindString("operation")),
                               &operation);
  }

  void Open(uint64_t decision_index, const ParsedEntry& entry) {
    OutcomeEntry& outcome = open_[decision_index];
    outcome.request = std::string(entry.request);
    outcome.decision_index = decision_index;
    outcome.status = "unknown";
    outcome.aborted = true;
    if (const JsonValue* caller = entry.json.Find("caller", JsonValue::Kind::kObject)) {
      outcome.caller.principal.organization = std::string(caller->FindString("organization"));
      outcome.caller.principal.name = std::string(caller->FindString("system"));
      outcome.caller.spki = std::string(caller->FindString("spki"));
    }
    outcome.owner = std::string(entry.json.FindString("owner"));
  }

  void CountBoot(const ParsedEntry& entry) {
    const uint64_t wseq = static_cast<uint64_t>(entry.wseq);
    auto [next, first] = next_wseq_.try_emplace(std::string(entry.boot), wseq);
    if (!first && wseq > next->second) {
      tail_.gaps.push_back({std::string(entry.boot), next->second, wseq});
    }
    next->second = wseq + 1;
  }

  const absl::string_view writer_;
  LogTail tail_;
  bool started_ = false;
  uint64_t next_ = 0;
  absl::btree_map<uint64_t, OutcomeEntry> open_;
  absl::flat_hash_map<std::string, uint64_t> next_wseq_;
};

bool IsStart(absl::string_view body, absl::string_view writer) {
  absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  return entry.ok() && entry->type == "admin" && (writer.empty() || entry->writer == writer) &&
         entry->json.FindString("action") == "START";
}

// The index of the last START entry of this writer, or of any; 0 if there is none.
absl::StatusOr<uint64_t> LastStart(const Store& store, absl::string_view writer, uint64_t size) {
  for (uint64_t end = size; end > 0;) {
    const uint64_t begin = end - std::min(end, kBlock);
    std::optional<uint64_t> start;
    const absl::Status read = store.ReadLogRows(begin, end, [&](const LogRow& row) {
      if (IsStart(row.body, writer)) start = row.index;
      return true;
    });
    if (!read.ok()) return read;
    if (start) return *start;
    end = begin;
  }
  return 0;
}

}  // namespace

absl::StatusOr<LogTail> ReadLogTail(const Store& store, absl::string_view writer, uint64_t size) {
  if (size == 0) return LogTail();
  absl::StatusOr<uint64_t> start = LastStart(store, writer, size);
  if (!start.ok()) return start.status();
  TailFolder folder(writer);
  uint64_t count = 0;
  absl::Status status;
  const absl::Status read = store.ReadLogRows(*start, size, [&](const LogRow& row) {
    ++count;
    status = folder.Add(row);
    return status.ok();
  });
  if (!read.ok()) return read;
  if (!status.ok()) return status;
  if (count != size - *start) return absl::DataLossError("the log misses an entry");
  return folder.Finish();
}

}  // namespace sluice::server
