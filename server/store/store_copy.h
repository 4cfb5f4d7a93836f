// Moves a store from one database to another, of either engine, while no gateway is at it: all of
// it or nothing. Rows are copied as they stand, sealed as they are, and compared with the source's,
// each byte; the log is hashed anew. So the copy goes on with the log where the source has ended.
//
// Two databases that both serve would make two logs of one. So the copy is committed as one that
// has not arrived, then the source is marked as moved, then the copy as arrived: at no moment do
// both serve, and who was interrupted between the two runs it again.
#ifndef SLUICE_SERVER_STORE_STORE_COPY_H_
#define SLUICE_SERVER_STORE_STORE_COPY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/checkpoint.h"
#include "server/audit/signed_note.h"
#include "server/key_encryption_keys.h"
#include "server/store/name_hash.h"
#include "server/store/schema.h"
#include "server/store/store_database.h"

namespace sluice::server {

struct StoreCopyOptions {
  Hash16 key_check{};
  const KeyEncryptionKeys* keks = nullptr;
  const NoteVerifier* log = nullptr;
  const Schema* schema = &CurrentSchema();
  // What is under way ("copied", "compared", "hashed"), of which table, and how many rows of it are
  // done: now and then, and `whole` at a table's end.
  std::function<void(absl::string_view what, absl::string_view table, int64_t rows, bool whole)>
      progress;
};

struct StoreCopyReport {
  int64_t tables = 0;
  int64_t rows = 0;
  bool went_on = false;  // with a copy that was made before
  Checkpoint log;
};

// FAILED_PRECONDITION, with a sentence for the operator: the source serves nobody, was moved
// elsewhere, or is another gateway's; the target is not empty. DATA_LOSS: what was copied is not
// what the source has, or the source's log does not hold. Nothing has changed then. Any other error
// is the engines', a full disk among them, and it can be begun again.
absl::StatusOr<StoreCopyReport> MoveStore(StoreDatabase& from, StoreDatabase& to,
                                          const StoreCopyOptions& options);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_COPY_H_
