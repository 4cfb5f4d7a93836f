// The owners' dictionaries: each name of a subject, by its keyed hash, with the subject's random id
// and its ordinal. Append-only; ordinals are dense, in the order in which subjects come, never
// reused. Names of one person (see SubjectJoins) have one subject between them.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_DICTIONARY_H_
#define SLUICE_SERVER_STORE_DICTIONARY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/record_validator.h"
#include "server/store/name_hash.h"
#include "server/store/opt_out_table.h"
#include "server/store/record_subjects.h"
#include "server/store/sql.h"
#include "server/store/store.h"

namespace sluice::server {

class Dictionary {
 public:
  struct Resolved {
    std::vector<DictionaryEntry> subjects;  // one for each name, in their order
    std::vector<NewSubject> added;          // those that were not there, in order of ordinal
  };

  // All must outlive it.
  static absl::StatusOr<std::unique_ptr<Dictionary>> Create(SqlConnection* connection,
                                                            const NameHasher* hasher,
                                                            OptOutTable* opt_outs);

  // What `Entry` reads.
  static constexpr char kRow[] = "name_hash, owner, name, ordinal, subject_id, tie";
  // DATA_LOSS unless it is as it was written.
  static absl::StatusOr<DictionaryEntry> Entry(const NameHasher& hasher, const SqlRow& row);

  // Finds the subjects of these names, adds those that are new. A name may stand there often.
  // RESOURCE_EXHAUSTED when the ordinals are used up.
  absl::StatusOr<Resolved> Resolve(absl::string_view owner, int64_t owner_id,
                                   const std::vector<const policy::SubjectName*>& names);

  // The entry of a name by its hash; nullopt if no record ever named it.
  absl::StatusOr<std::optional<DictionaryEntry>> Find(const Hash16& name);
  // Brings the subjects of stored records, as they were once, to those that their names have now.
  // HistoryIsForgotten if one of the names was erased.
  absl::StatusOr<std::vector<std::string>> Current(int64_t owner_id,
                                                   std::vector<std::string> records_subjects);
  // So many subjects that are new; RESOURCE_EXHAUSTED when the ordinals are used up.
  absl::StatusOr<std::vector<NewSubject>> Grow(int64_t owner_id, size_t count);
  // Gives a name another subject, and keeps whom it named before.
  absl::Status Repoint(int64_t owner_id, const Hash16& name, const DictionaryEntry& before,
                       const NewSubject& now);

 private:
  struct Name {
    Hash16 hash{};
    size_t first = 0;  // where in the names it first stands
    bool is_new = false;
    DictionaryEntry entry;
  };

  Dictionary(const NameHasher* hasher, OptOutTable* opt_outs)
      : hasher_(hasher), opt_outs_(opt_outs) {}
  // Numbers the new ones among `names`, finds or makes their subjects, and stores them.
  absl::StatusOr<std::vector<NewSubject>> Add(int64_t owner_id, std::vector<Name>& names);
  // Of which person each of these is, if of one.
  absl::StatusOr<std::vector<std::optional<Hash16>>> PersonsOf(const std::vector<Name*>& names);
  // The subject that a person's other names have, if any was ever met.
  absl::StatusOr<std::optional<NewSubject>> SubjectOf(const Hash16& person);

  const NameHasher* const hasher_;
  OptOutTable* const opt_outs_;
  SqlStatement find_, subject_of_, any_person_, counts_, set_subjects_, set_names_, repoint_,
      keep_former_;
  SqlMany current_, find_names_, find_persons_, insert_names_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_DICTIONARY_H_
