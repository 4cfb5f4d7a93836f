// A store over an engine's SQL: one writer behind group commit, a few connections that read, and
// the proof of right that each read asks for.
//
// Thread-safe.
#ifndef SLUICE_SERVER_STORE_SQL_STORE_H_
#define SLUICE_SERVER_STORE_SQL_STORE_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/group_commit.h"
#include "server/store/high_water_marks.h"
#include "server/store/name_hash.h"
#include "server/store/seal_keys.h"
#include "server/store/store.h"
#include "server/store/store_reader.h"

namespace sluice::server {

struct SqlStoreParts {
  bool shared = false;                  // see Store::IsShared
  std::function<absl::Status()> check;  // of the engine's health; what it holds goes last
  std::unique_ptr<const NameHasher> hasher;
  std::shared_ptr<const SealKeys> seal_keys;
  std::shared_ptr<HighWaterMarks> marks;              // the writer's, too
  std::vector<std::unique_ptr<StoreReader>> readers;  // two at least: one is never a scan's
  // In the place of one that has lost its connection.
  std::function<absl::StatusOr<std::unique_ptr<StoreReader>>()> open_reader;
  // In the place of a reader that others may hold for long; null: they don't.
  std::function<absl::StatusOr<int64_t>()> revision;
  std::unique_ptr<GroupCommit> commit;
};

std::unique_ptr<Store> MakeSqlStore(SqlStoreParts parts);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQL_STORE_H_
