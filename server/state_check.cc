#include "server/state_check.h"

#include <algorithm>
#include <optional>

#include "server/audit/entry_encoding.h"
#include "server/audit/merkle.h"

namespace sluice::server {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr int kTries = 10;

absl::Status SealThrough(Store& store, uint64_t size) {
  return store.Commit(
      {.apply = [size](Transaction& transaction) { return transaction.SealState(size); }});
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
  for (uint64_t begin = **through; begin < size; begin += kBlock) {
    absl::Status status;
    const absl::Status read =
        store.ReadLogRows(begin, std::min(size, begin + kBlock), [&](const LogRow& row) {
          // Its leaf is the tree's: the log has looked at all of them when it was recovered.
          if (LeafHash(row.body) != row.leaf_hash) {
            status = absl::DataLossError("the log holds an entry that is not what was hashed");
          } else if (IsOfState(row.body)) {
            status = absl::DataLossError(
                "the log says more of MOUs and organizations than the store holds: they were taken "
                "out, or are as they were before; restore the store");
          }
          return status.ok();
        });
    if (!read.ok()) return read;
    if (!status.ok()) return status;
  }
  return **through < size ? SealThrough(store, size) : absl::OkStatus();
}

absl::Status CheckStateNow(Store& store, const AuditLog& log) {
  const uint64_t size = log.size();
  const absl::StatusOr<std::optional<uint64_t>> through = store.CheckState();
  if (absl::IsDataLoss(through.status())) return through.status();
  // What can't be told now is looked at again.
  if (!through.ok() || !through->has_value() || size < **through + kBlock) return absl::OkStatus();
  return SealThrough(store, size);
}

}  // namespace sluice::server
