#include "server/audit/witnessed_publication.h"

#include <optional>
#include <utility>

#include "server/audit/entry_encoding.h"

namespace sluice::server {

absl::StatusOr<std::unique_ptr<Witnesses>> OpenWitnesses(Witnesses::Parts parts, const Store& store,
                                                         const TileWriter::Published& published) {
  absl::StatusOr<std::unique_ptr<Witnesses>> witnesses = Witnesses::Create(std::move(parts));
  if (!witnesses.ok() || !(*witnesses)->IsCosigned(published.note)) return witnesses;
  std::optional<absl::Time> uncovered_since;
  const absl::Status read =
      store.ReadLogRows(published.size, published.size + 1, [&](const LogRow& row) {
        const absl::StatusOr<ParsedEntry> entry = ParseEntry(row.body);
        if (entry.ok()) uncovered_since = absl::FromUnixMillis(entry->time_ms);
        return false;
      });
  if (!read.ok()) return read;
  (*witnesses)->Resume(published.note, uncovered_since);
  return witnesses;
}

absl::Status PublishCosigned(Witnesses& witnesses, TileWriter& writer, uint64_t size,
                             const std::string& checkpoint) {
  const Witnesses::Due due = witnesses.Turn(size);
  if (!due.publish.empty()) {
    const absl::Status published = writer.Publish(due.publish_size, due.publish);
    if (!published.ok()) return published;
  }
  if (!due.next) return absl::OkStatus();
  const absl::Status prepared = writer.Prepare(size, checkpoint);
  if (prepared.ok()) witnesses.Ask(size, checkpoint);
  return prepared;
}

}  // namespace sluice::server
