// Finds one person in an owner's dictionary, the disclosures that may be about him, and what opens
// the owner's commitments in the log: what a report on a subject is made from, and proved by.
//
// One a connection, one thread at a time.
#ifndef SLUICE_SERVER_STORE_SUBJECT_READER_H_
#define SLUICE_SERVER_STORE_SUBJECT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/sql.h"
#include "server/store/store.h"

namespace sluice::server {

class SubjectReader {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<SubjectReader>> Create(SqlConnection* connection,
                                                               OpeningKeys* opening);

  // Of a name by its hash, as Store::OrdinalsOf. DATA_LOSS if a name has another's subject:
  // `tie_of` is NameHasher::SubjectTie.
  absl::StatusOr<std::vector<uint32_t>> OrdinalsOf(
      const Hash16& name,
      absl::FunctionRef<absl::StatusOr<Hash16>(const NameHasher::SubjectRow&)> tie_of);
  // As Store::ReadSubjects.
  absl::Status ReadSubjects(
      absl::string_view owner, uint32_t container, uint64_t begin, uint64_t end,
      absl::FunctionRef<bool(uint64_t index, std::optional<absl::string_view> bitmap)> visit);
  // As Store::ReadOwnOpenings.
  absl::Status ReadOpenings(
      absl::string_view owner, absl::string_view field, uint64_t begin, uint64_t end,
      absl::FunctionRef<bool(uint64_t index, const LogRow::Opening& opening)> visit);
  // As Store::FirstOpening.
  absl::StatusOr<std::optional<uint64_t>> FirstOpening(absl::string_view field, uint64_t begin,
                                                       uint64_t end);

 private:
  explicit SubjectReader(OpeningKeys* opening) : opening_(*opening) {}

  OpeningKeys& opening_;
  SqlStatement ordinals_, first_opening_, bitmaps_, openings_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SUBJECT_READER_H_
