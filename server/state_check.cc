#include "server/state_check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/audit/entry_encoding.h"

namespace sluice::server {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr int kTries = 10;

absl::Status SealThrough(Store& store, uint64_t size) {
  return store.Commit(
      {.apply = [size](Transaction& transaction) { return transaction.SealState(size); }});
}

// That entries [begin, end) say nothing of the state, that none of them is missing, and that each
// is the one in the log's tree.
absl::Status LookAtEntries(const Store& store, const AuditLog& log, uint64_t begin, uint64_t end) {
  uint64_t next = begin;
  while (next < end) {
    const uint64_t block_end = std::min(end, next + kBlock);
    // The tree asks the store, too, and is asked when this has let go of it.
    std::vector<std::string> bodies;
    const absl::Status read = store.ReadLogRows(next, block_end, [&](const LogRow& row) {
      if (row.index != next + bodies.size()) return false;
      bodies.push_back(row.body);
      return true;
    });
    if (!read.ok()) return read;
    if (bodies.size() < block_end - next) return absl::DataLossError("the log lacks an entry");
    for (const std::string& body : bodies) {
      if (const absl::Status s = log.Confirm(next, body); !s.ok()) return s;
      ++next;
      if (!IsOfState(body)) continue;
      return absl::DataLossError(
          "the log says more of MOUs and organizations than the store holds: they were taken out, "
          "or are as they were before; restore the store");
    }
  }
  return absl::OkStatus();
}

// Of a state that others may be changing at this moment.
absl::StatusOr<std::optional<uint64_t>> Settled(const Store& store) {
  absl::StatusOr<std::optional<uint64_t>> through = store.CheckState();
  for (int i = 1; i < kTries && absl::IsAborted(through.status()); ++i) {
    through = store.CheckState();
  }
  return through;
}

}  // namespace

bool IsOfState(absl::string_view body) {
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  if (!entry.ok()) return false;
  return entry->type == "mou" ||
         (entry->type == "admin" && entry->json.FindString("action") == "ORGANIZATION");
}

absl::Status CheckStateAtStart(Store& store, const AuditLog& log) {
  // Before the state is read: what another gateway adds to both meanwhile is in the state.
  const uint64_t size = log.size();
  const absl::StatusOr<std::optional<uint64_t>> through = Settled(store);
  if (!through.ok()) return through.status();
  if (!through->has_value()) return absl::OkStatus();
  if (const absl::Status s = LookAtEntries(store, log, **through, size); !s.ok()) return s;
  return **through < size ? SealThrough(store, size) : absl::OkStatus();
}

absl::Status CheckStateNow(Store& store, const AuditLog& log) {
  const uint64_t size = log.size();
  const absl::StatusOr<std::optional<uint64_t>> through = store.CheckState();
  if (absl::IsDataLoss(through.status())) return through.status();
  // What can't be told now is looked at again.
  if (!through.ok() || !through->has_value()) return absl::OkStatus();
  // Nothing is sealed that was not read: what was put back may be sound by itself, and new to us.
  absl::Status status = LookAtEntries(store, log, **through, size);
  if (status.ok() && size >= **through + kBlock) status = SealThrough(store, size);
  return absl::IsDataLoss(status) ? store.FoundUnsound(std::move(status)) : absl::OkStatus();
}

}  // namespace sluice::server
