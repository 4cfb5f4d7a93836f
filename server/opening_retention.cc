#include "server/opening_retention.h"

#include <algorithm>
#include <optional>

#include "server/audit/entry_encoding.h"

namespace sluice::server {

OpeningRetention::OpeningRetention(Store* store, AuditLog* log, const OpeningPeriods& periods)
    : store_(store),
      log_(log),
      classes_({{periods.filters, {"filter"}},
                {periods.callers, {"caller"}},
                {periods.counts, {"rows.considered", "rows.withheld", "subjects.n"}}}) {}

absl::Status OpeningRetention::Run(absl::Time now) {
  if (now < again_) return absl::OkStatus();
  for (const auto& [period, fields] : classes_) {
    if (period == absl::ZeroDuration()) continue;
    const absl::StatusOr<uint64_t> end = FirstSince(now - period);
    if (!end.ok()) return end.status();
    for (const std::string& field : fields) {
      if (absl::Status status = EraseBefore(field, *end); !status.ok()) return status;
    }
  }
  again_ = now + kEvery;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> OpeningRetention::FirstSince(absl::Time time) const {
  uint64_t begin = 0, end = log_->size();
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    std::optional<int64_t> time_ms;
    const absl::Status read = store_->ReadLogRows(middle, middle + 1, [&](const LogRow& row) {
      const absl::StatusOr<ParsedEntry> entry = ParseEntry(row.body);
      if (entry.ok()) time_ms = entry->time_ms;
      return false;
    });
    if (!read.ok()) return read;
    if (!time_ms) return absl::DataLossError("an entry of the log has no time");
    if (absl::FromUnixMillis(*time_ms) < time) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

absl::Status OpeningRetention::EraseBefore(const std::string& field, uint64_t end) {
  uint64_t& erased = erased_[field];
  while (erased < end) {
    const absl::StatusOr<std::optional<uint64_t>> first = store_->FirstOpening(field, erased, end);
    if (!first.ok()) return first.status();
    if (!first->has_value()) {
      erased = end;
      break;
    }
    const uint64_t begin = **first, bite_end = std::min(end, begin + kEntriesABite);
    const absl::Status status =
        store_->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
          absl::StatusOr<std::vector<std::string>> owners =
              transaction.EraseOpenings("", field, begin, bite_end);
          if (!owners.ok()) return owners.status();
          // Another gateway was first, and its entry says so.
          if (owners->empty()) return absl::OkStatus();
          ErasureEntry entry;
          entry.reason = "PERIOD_OVER";
          entry.openings = {{field, begin, bite_end}};
          // The operator, who has no name, sees every entry anyway.
          std::erase(*owners, "");
          entry.parties = *std::move(owners);
          return log_->AppendIn(transaction, entry).status();
        }});
    if (!status.ok()) return status;
    erased = bite_end;
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
