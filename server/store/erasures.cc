#include "server/store/erasures.h"

#include "absl/strings/str_cat.h"
#include "server/store/dictionary.h"
#include "server/store/record_subjects.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

absl::StatusOr<bool> Any(SqlRun run) { return run.Next(); }

absl::StatusOr<bool> Names(absl::string_view subjects, uint32_t number) {
  const absl::StatusOr<size_t> count = CountRecordSubjects(subjects);
  if (!count.ok()) return count.status();
  for (size_t i = 0; i < *count; ++i) {
    if (RecordSubjectAt(subjects, i).name == number) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Hash16> ErasedName(const NameHasher& hasher, int64_t owner, uint32_t name) {
  return hasher.SubjectName("", "erased", absl::StrCat(owner, "/", name));
}

absl::StatusOr<std::unique_ptr<Erasures>> Erasures::Create(SqlConnection* connection,
                                                           const NameHasher* hasher,
                                                           OptOutTable* opt_outs) {
  std::unique_ptr<Erasures> erasures(new Erasures(hasher, opt_outs));
  constexpr absl::string_view kOpenings =
      "DELETE FROM log_opening WHERE idx >= $1 AND idx < $2 AND field = $3";
  absl::Status status = PrepareAll(
      connection,
      {{&erasures->find_,
        absl::StrCat("SELECT ", Dictionary::kRow, " FROM subject WHERE name_hash = $1")},
       {&erasures->former_, "SELECT ordinal FROM former_subject WHERE owner = $1 AND name = $2"},
       {&erasures->joined_, "SELECT 1 FROM identity WHERE name_hash = $1"},
       {&erasures->first_,
        "SELECT 1 FROM collection c JOIN record r ON r.collection = c.id AND r.ordinal = $1 "
        "WHERE c.owner = $2 LIMIT 1"},
       {&erasures->further_,
        "SELECT 1 FROM collection c JOIN further_name f ON f.collection = c.id AND f.name = $1 "
        "WHERE c.owner = $2 LIMIT 1"},
       {&erasures->rename_, "UPDATE subject SET name_hash = $1, tie = $2 WHERE name_hash = $3"},
       {&erasures->openings_of_owner_, absl::StrCat(kOpenings, " AND owner = $4 RETURNING owner")},
       {&erasures->openings_, absl::StrCat(kOpenings, " RETURNING owner")},
       {&erasures->forget_,
        "UPDATE record_history SET subjects = $1, identity = $1, sealed_position = 0, bytes = $1, "
        "tie = $2 WHERE position = $3 AND record_id = $4"},
       {&erasures->shrink_,
        "UPDATE record_change SET replaced_bytes = replaced_bytes - $1 "
        "WHERE collection = $2 AND position = $3"}});
  if (status.ok()) {
    // By the owner's changes, and not by all that anybody ever changed; and what is of no change
    // any more and about to be deleted.
    constexpr absl::string_view kHistory =
        "SELECT h.position, h.record_id, h.collection, h.content_position, h.subjects, "
        "h.identity, length(h.bytes) FROM collection c ";
    status = PrepareScans(
        connection,
        {{&erasures->history_,
          absl::StrCat(kHistory,
                       "CROSS JOIN record_change r CROSS JOIN record_history h "
                       "WHERE c.owner = $1 AND r.collection = c.id AND h.position = r.position "
                       "AND h.collection = c.id AND h.sealed_position > 0")},
         {&erasures->forgotten_,
          absl::StrCat(kHistory,
                       "JOIN record_history h ON h.collection = c.id WHERE c.owner = $1 "
                       "AND h.sealed_position > 0 AND h.position < coalesce("
                       "(SELECT position FROM record_change ORDER BY id LIMIT 1), "
                       "9223372036854775807)")}});
  }
  if (!status.ok()) return status;
  return erasures;
}

absl::StatusOr<std::vector<uint32_t>> Erasures::EraseSubject(
    absl::string_view owner, absl::Span<const policy::SubjectName> names) {
  std::set<uint32_t> ordinals;
  for (const policy::SubjectName& name : names) {
    const absl::StatusOr<Hash16> hash = hasher_.SubjectName(owner, name.id_space, name.id);
    if (!hash.ok()) return hash.status();
    if (absl::Status status = EraseName(*hash, ordinals); !status.ok()) return status;
  }
  if (ordinals.empty()) return absl::NotFoundError("no record ever named this subject");
  if (absl::Status raised = opt_outs_.Raise(owner); !raised.ok()) return raised;
  return std::vector<uint32_t>(ordinals.begin(), ordinals.end());
}

absl::Status Erasures::EraseName(const Hash16& name, std::set<uint32_t>& ordinals) {
  NameHasher::SubjectRow row;
  {
    SqlRun run = find_.Bind(SqlBlob(name));
    const absl::StatusOr<bool> found = run.Next();
    if (!found.ok()) return found.status();
    if (!*found) return absl::OkStatus();
    // Nothing is renamed that is not as it was written.
    if (absl::Status s = Dictionary::Entry(hasher_, run).status(); !s.ok()) return s;
    const absl::StatusOr<Hash16> id = run.Array<16>(4);
    if (!id.ok()) return id.status();
    row = {.owner = run.Int(1), .name = run.Int(2), .ordinal = run.Int(3), .subject_id = *id};
  }
  absl::Status status = CheckUnnamed(row.owner, name, static_cast<uint32_t>(row.name),
                                     static_cast<uint32_t>(row.ordinal));
  if (!status.ok()) return status;
  status = ForgetHistory(row.owner, name, static_cast<uint32_t>(row.name));
  if (!status.ok()) return status;
  ordinals.insert(static_cast<uint32_t>(row.ordinal));
  {
    SqlRun run = former_.Bind(row.owner, row.name);
    for (;;) {
      const absl::StatusOr<bool> more = run.Next();
      if (!more.ok()) return more.status();
      if (!*more) break;
      ordinals.insert(static_cast<uint32_t>(run.Int(0)));
    }
  }
  const absl::StatusOr<Hash16> erased =
      ErasedName(hasher_, row.owner, static_cast<uint32_t>(row.name));
  if (!erased.ok()) return erased.status();
  row.name_hash = *erased;
  const absl::StatusOr<Hash16> tie = hasher_.SubjectTie(row);
  if (!tie.ok()) return tie.status();
  return rename_.Bind(SqlBlob(row.name_hash), SqlBlob(*tie), SqlBlob(name)).Finish();
}

absl::Status Erasures::CheckUnnamed(int64_t owner, const Hash16& name, uint32_t number,
                                    uint32_t ordinal) {
  const absl::StatusOr<bool> joined = Any(joined_.Bind(SqlBlob(name)));
  if (!joined.ok()) return joined.status();
  const absl::StatusOr<bool> first = Any(first_.Bind(ordinal, owner));
  if (!first.ok()) return first.status();
  const absl::StatusOr<bool> further = Any(further_.Bind(number, owner));
  if (!further.ok()) return further.status();
  if (!*joined && !*first && !*further) return absl::OkStatus();
  return absl::FailedPreconditionError("records name this subject");
}

absl::Status Erasures::ForgetHistory(int64_t owner, const Hash16& name, uint32_t number) {
  struct Found {
    NameHasher::HistoryRow row;
    int64_t bytes;  // of its content
  };
  std::vector<Found> found;
  for (SqlStatement* const rows : {&history_, &forgotten_}) {
    SqlRun run = rows->Bind(owner);
    for (;;) {
      const absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      const absl::StatusOr<bool> names = Names(run.Bytes(4), number);
      if (!names.ok()) return names.status();
      if (!*names && run.Bytes(5).substr(0, name.size()) != SqlBlob(name).bytes) continue;
      const absl::StatusOr<Hash16> id = run.Array<16>(1);
      if (!id.ok()) return id.status();
      // A position of 0 is where nothing was ever sealed: with it goes what a withdraw would need.
      found.push_back({{.position = run.Int(0),
                        .record_id = *id,
                        .collection = run.Int(2),
                        .content_position = run.Int(3),
                        .sealed_position = 0},
                       static_cast<int64_t>(SealedContentSize(static_cast<size_t>(run.Int(6))))});
    }
  }
  const SqlBlob nothing{absl::string_view()};
  for (const Found& it : found) {
    const absl::StatusOr<Hash16> tie = hasher_.HistoryTie(it.row);
    if (!tie.ok()) return tie.status();
    absl::Status status =
        forget_.Bind(nothing, SqlBlob(*tie), it.row.position, SqlBlob(it.row.record_id)).Finish();
    if (status.ok()) {
      status = shrink_.Bind(it.bytes, it.row.collection, it.row.position).Finish();
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Erasures::EraseOpenings(absl::string_view owner,
                                                                 absl::string_view field,
                                                                 uint64_t begin, uint64_t end) {
  std::set<std::string> owners;
  SqlRun run = owner.empty() ? openings_.Bind(begin, end, field)
                             : openings_of_owner_.Bind(begin, end, field, owner);
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return std::vector<std::string>(owners.begin(), owners.end());
    owners.insert(std::string(run.Bytes(0)));
  }
}

}  // namespace sluice::server
