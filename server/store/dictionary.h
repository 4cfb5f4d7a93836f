// The owners' dictionaries: each subject by the keyed hash of its name, with its random id and its
// ordinal. Append-only; ordinals are dense, in the order in which subjects come, never reused.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_DICTIONARY_H_
#define SLUICE_SERVER_STORE_DICTIONARY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/record_validator.h"
#include "server/store/name_hash.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace sluice::server {

// One subject in its owner's dictionary.
using DictionaryEntry = NewSubject;

class Dictionary {
 public:
  struct Resolved {
    std::vector<DictionaryEntry> subjects;  // one for each name, in their order
    std::vector<NewSubject> added;          // those that were not there, in order of ordinal
  };

  static absl::StatusOr<std::unique_ptr<Dictionary>> Create(SqliteConnection* connection,
                                                            const NameHasher* hasher);

  // Finds the subjects of these names, adds those that are new. A name may stand there often.
  // RESOURCE_EXHAUSTED when the ordinals are used up.
  absl::StatusOr<Resolved> Resolve(absl::string_view owner, int64_t owner_id,
                                   const std::vector<const policy::SubjectName*>& names);

 private:
  struct Subject {
    Hash16 name{};
    size_t first = 0;  // where in the names it first stands
    bool is_new = false;
    DictionaryEntry entry;
  };

  explicit Dictionary(const NameHasher* hasher) : hasher_(hasher) {}
  absl::Status Find(Subject& subject);
  // Gives the new ones among `subjects` their ordinals and ids, and stores them.
  absl::StatusOr<std::vector<NewSubject>> Add(int64_t owner_id, std::vector<Subject>& subjects);

  const NameHasher* const hasher_;
  SqliteStatement find_, insert_, count_, set_count_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_DICTIONARY_H_
