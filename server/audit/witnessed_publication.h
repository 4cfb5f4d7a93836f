// Between the log, its tile directory and its witnesses: what a start knows of them, and what is
// published by their leave.
//
// Whoever owns the TileWriter calls, one call at a time.
#ifndef SLUICE_SERVER_AUDIT_WITNESSED_PUBLICATION_H_
#define SLUICE_SERVER_AUDIT_WITNESSED_PUBLICATION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/tile_writer.h"
#include "server/audit/witnesses.h"
#include "server/store/store.h"

namespace sluice::server {

// `parts` is for the log in `store` whose directory shows `published`. If a quorum has cosigned
// that, it is waited for the rest since the rest is in the log: a restart does not begin the wait
// anew.
absl::StatusOr<std::unique_ptr<Witnesses>> OpenWitnesses(Witnesses::Parts parts, const Store& store,
                                                         const TileWriter::Published& published);

// What has its quorum is published, and the log's newest checkpoint goes to the witnesses.
absl::Status PublishCosigned(Witnesses& witnesses, TileWriter& writer, uint64_t size,
                             const std::string& checkpoint);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_WITNESSED_PUBLICATION_H_
