// What an erasure takes out of the tables, and nothing else: the name by which a person was found,
// and openings of the log's commitments. What commits to them stays, and so does every proof.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_ERASURES_H_
#define SLUICE_SERVER_STORE_ERASURES_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/record_validator.h"
#include "server/store/name_hash.h"
#include "server/store/opt_out_table.h"
#include "server/store/sql.h"

namespace sluice::server {

// What stands in the place of the hash of an owner's name, by its number, that was erased: of no
// name of anybody's, for the owner of those is not empty.
absl::StatusOr<Hash16> ErasedName(const NameHasher& hasher, int64_t owner, uint32_t name);

class Erasures {
 public:
  // All must outlive it.
  static absl::StatusOr<std::unique_ptr<Erasures>> Create(SqlConnection* connection,
                                                          const NameHasher* hasher,
                                                          OptOutTable* opt_outs);

  // As Transaction::EraseSubject. In the place of a name's hash stands ErasedName from then on:
  // numbers and ordinals stay taken.
  absl::StatusOr<std::vector<uint32_t>> EraseSubject(absl::string_view owner,
                                                     absl::Span<const policy::SubjectName> names);
  // As Transaction::EraseOpenings.
  absl::StatusOr<std::vector<std::string>> EraseOpenings(absl::string_view owner,
                                                         absl::string_view field, uint64_t begin,
                                                         uint64_t end);

 private:
  Erasures(const NameHasher* hasher, OptOutTable* opt_outs)
      : hasher_(*hasher), opt_outs_(*opt_outs) {}
  // Adds the ordinals of a name that is known.
  absl::Status EraseName(const Hash16& name, std::set<uint32_t>& ordinals);
  // Of what changes of the owner replaced, nothing that names it or says whose id it is is kept.
  absl::Status ForgetHistory(int64_t owner, const Hash16& name, uint32_t number);
  // FAILED_PRECONDITION if a live record names it, or says whose id it is.
  absl::Status CheckUnnamed(int64_t owner, const Hash16& name, uint32_t number, uint32_t ordinal);

  const NameHasher& hasher_;
  OptOutTable& opt_outs_;
  SqlStatement find_, former_, joined_, first_, further_, rename_, openings_of_owner_, openings_;
  SqlStatement history_, forgotten_, forget_, shrink_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_ERASURES_H_
