// What a gateway notes of its collections outside the database, in a file beside the log's
// checkpoint: how far each of them, and the store, has come. A collection that was put back as a
// whole, its seal and keys with it, while no gateway ran is found by it at the next start. It is
// written once a second where something was published, and when the gateway stops: what was put
// back to within the last second before a crash is not found.
//
// One thread at a time.
#ifndef SLUICE_SERVER_COLLECTION_NOTE_H_
#define SLUICE_SERVER_COLLECTION_NOTE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/store.h"

namespace sluice::server {

class CollectionNote {
 public:
  // `store` must outlive it.
  CollectionNote(const Store* store, absl::string_view tile_directory);

  // At start. DATA_LOSS, with a sentence for the operator, if a collection is not as far as it was;
  // FAILED_PRECONDITION if the note can't be read.
  absl::Status Check();
  // Notes how far they are now, if that is further; nothing before Check was content. DATA_LOSS,
  // and the store's health says so, if one is not as far as this gateway has seen it.
  absl::Status Keep();

 private:
  const Store& store_;
  const std::string path_;
  bool checked_ = false;  // before it nothing is noted
  CollectionProgress noted_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_COLLECTION_NOTE_H_
