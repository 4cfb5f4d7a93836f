// Which names are one subject: those of one person, by what the owner's identity records say.
// A merge or split gives each subject of which names came or went another ordinal and id; the
// records that name it are rewritten, in the same transaction, and have changed with it.
//
// On the writer's thread, within a group's transaction. Keeps nothing in memory from one call to
// the next.
#ifndef SLUICE_SERVER_STORE_SUBJECT_JOINS_H_
#define SLUICE_SERVER_STORE_SUBJECT_JOINS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/collection_seals.h"
#include "server/store/dictionary.h"
#include "server/store/identity_changes.h"
#include "server/store/opening_keys.h"
#include "server/store/opt_out_table.h"
#include "server/store/sealing_keys.h"
#include "server/store/sql.h"
#include "server/store/store.h"

namespace sluice::server {

class SubjectJoins {
 public:
  // What it stands on must outlive it.
  struct Parts {
    SqlConnection* connection;
    Dictionary* dictionary;
    CollectionSeals* seals;
    SealingKeys* sealing;
    OpeningKeys* opening;
    OptOutTable* opt_outs;
  };
  static absl::StatusOr<std::unique_ptr<SubjectJoins>> Create(const Parts& parts);

  // Takes the changes of an owner's identity records in, at the position of the change that made
  // them, after that has written all its records. The new subjects, in order of ordinal.
  // OUT_OF_RANGE if a person has more names, or more is to be rewritten, than the bounds of
  // store.h.
  absl::StatusOr<std::vector<NewSubject>> Apply(int64_t owner, const IdentityChanges& changes,
                                                int64_t position, absl::Time time);

 private:
  // A name that may have to change its subject, with its dictionary's entry and its person after
  // the change.
  struct Name {
    Hash16 hash{};
    DictionaryEntry entry;
    std::optional<Hash16> person;
  };
  // By the number of a name: whom it names from now on.
  using Moved = absl::flat_hash_map<uint32_t, NewSubject>;
  // A record that names one of those.
  struct Place {
    int64_t collection = 0;
    uint32_t ordinal = 0;
    Hash16 record_id{};
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  explicit SubjectJoins(const Parts& parts)
      : dictionary_(parts.dictionary),
        seals_(parts.seals),
        sealing_(parts.sealing),
        opening_(parts.opening),
        opt_outs_(parts.opt_outs) {}

  // Writes the identities; the names that are met and have, or had, a person that changed.
  absl::StatusOr<std::vector<Name>> Write(const IdentityChanges& changes);
  absl::Status AddNamesOf(const Hash16& person, std::map<Hash16, std::optional<Hash16>>& names,
                          bool now);
  absl::StatusOr<std::vector<Place>> FindPlaces(int64_t owner, const std::vector<Name>& names,
                                                const Moved& moved);
  absl::Status Rewrite(const Place& place, const Moved& moved, int64_t position, int64_t* bytes);

  Dictionary* const dictionary_;
  CollectionSeals* const seals_;
  SealingKeys* const sealing_;
  OpeningKeys* const opening_;
  OptOutTable* const opt_outs_;
  SqlStatement names_of_, forget_, put_, with_ordinal_, with_name_;
  SqlStatement find_record_, move_record_, move_key_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SUBJECT_JOINS_H_
