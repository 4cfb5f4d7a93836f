#include "server/store/subject_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/associated_data.h"
#include "server/store/opening_bytes.h"

namespace sluice::server {

absl::StatusOr<std::unique_ptr<SubjectReader>> SubjectReader::Create(SqlConnection* connection,
                                                                     OpeningKeys* opening) {
  std::unique_ptr<SubjectReader> reader(new SubjectReader(opening));
  // All in one statement, so that no merge comes in between.
  constexpr absl::string_view kNames =
      "SELECT s.name_hash, s.owner, s.name, s.ordinal, s.subject_id, s.tie, "
      "coalesce(f.ordinal, 0) FROM subject s "
      "LEFT JOIN former_subject f ON f.owner = s.owner AND f.name = s.name ";
  absl::Status status = PrepareAll(
      connection, {{&reader->ordinals_,
                    absl::StrCat(kNames, "WHERE s.name_hash = $1 UNION ", kNames,
                                 "WHERE s.name_hash IN (SELECT i.name_hash FROM identity i "
                                 "WHERE i.person_hash = "
                                 "(SELECT j.person_hash FROM identity j WHERE j.name_hash = $1))")},
                   {&reader->first_opening_,
                    "SELECT idx FROM log_opening WHERE idx >= $1 AND idx < $2 AND field = $3 "
                    "ORDER BY idx LIMIT 1"}});
  if (!status.ok()) return status;
  status = PrepareScans(
      connection,
      {{&reader->bitmaps_,
        "SELECT c.idx, CASE WHEN o.idx IS NULL THEN 0 ELSE 1 END, o.opening, "
        "(SELECT key_generation FROM store) FROM disclosed_container c "
        "LEFT JOIN log_opening o ON o.idx = c.idx AND o.owner = c.owner AND o.field = 'subjects' "
        "WHERE c.owner = $1 AND c.container = $2 AND c.idx >= $3 AND c.idx < $4 ORDER BY c.idx"},
       {&reader->openings_,
        "SELECT idx, field, opening, (SELECT key_generation FROM store) FROM log_opening "
        "WHERE idx >= $1 AND idx < $2 AND owner = $3 AND ($4 = '' OR field = $4) "
        "ORDER BY idx, field"}});
  if (!status.ok()) return status;
  return reader;
}

absl::StatusOr<std::vector<uint32_t>> SubjectReader::OrdinalsOf(
    const Hash16& name,
    absl::FunctionRef<absl::StatusOr<Hash16>(const NameHasher::SubjectRow&)> tie_of) {
  std::vector<uint32_t> ordinals;
  SqlRun run = ordinals_.Bind(SqlBlob(name));
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) break;
    const absl::StatusOr<Hash16> hash = run.Array<16>(0), id = run.Array<16>(4);
    if (!hash.ok()) return hash.status();
    if (!id.ok()) return id.status();
    const absl::StatusOr<Hash16> tie = tie_of({.name_hash = *hash,
                                               .owner = run.Int(1),
                                               .name = run.Int(2),
                                               .ordinal = run.Int(3),
                                               .subject_id = *id});
    if (!tie.ok()) return tie.status();
    if (run.Bytes(5) != SqlBlob(*tie).bytes) {
      return absl::DataLossError("a name has another's subject");
    }
    ordinals.push_back(static_cast<uint32_t>(run.Int(3)));
    // 0 is nobody's.
    if (run.Int(6) != 0) ordinals.push_back(static_cast<uint32_t>(run.Int(6)));
  }
  if (ordinals.empty()) return absl::NotFoundError("no record ever named this subject");
  std::sort(ordinals.begin(), ordinals.end());
  ordinals.erase(std::unique(ordinals.begin(), ordinals.end()), ordinals.end());
  return ordinals;
}

absl::Status SubjectReader::ReadSubjects(
    absl::string_view owner, uint32_t container, uint64_t begin, uint64_t end,
    absl::FunctionRef<bool(uint64_t, std::optional<absl::string_view>)> visit) {
  SqlRun run = bitmaps_.Bind(owner, container, begin, end);
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    const auto index = static_cast<uint64_t>(run.Int(0));
    if (run.Int(1) == 0) return absl::DataLossError("whom a disclosure is about is not there");
    opening_.AsOf(run.Int(3));
    const absl::StatusOr<absl::string_view> content = opening_.Open(
        OfLogOpening{.owner = owner, .field = "subjects", .index = index}, run.Bytes(2));
    if (DestroyedKeyOf(content.status())) {
      if (!visit(index, std::nullopt)) return absl::OkStatus();
      continue;
    }
    if (!content.ok()) return content.status();
    const absl::StatusOr<std::pair<std::string, std::string>> opening = SplitOpening(*content);
    if (!opening.ok()) return opening.status();
    if (!visit(index, opening->second)) return absl::OkStatus();
  }
}

absl::Status SubjectReader::ReadOpenings(
    absl::string_view owner, absl::string_view field, uint64_t begin, uint64_t end,
    absl::FunctionRef<bool(uint64_t, const LogRow::Opening&)> visit) {
  SqlRun run = openings_.Bind(begin, end, owner, field);
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    const auto index = static_cast<uint64_t>(run.Int(0));
    LogRow::Opening opening{.owner = std::string(owner), .field = std::string(run.Bytes(1))};
    opening_.AsOf(run.Int(3));
    const absl::StatusOr<absl::string_view> content = opening_.Open(
        OfLogOpening{.owner = owner, .field = opening.field, .index = index}, run.Bytes(2));
    if (!DestroyedKeyOf(content.status())) {
      if (!content.ok()) return content.status();
      absl::StatusOr<std::pair<std::string, std::string>> parts = SplitOpening(*content);
      if (!parts.ok()) return parts.status();
      opening.salt = std::move(parts->first);
      opening.value = std::move(parts->second);
    }
    if (!visit(index, opening)) return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<uint64_t>> SubjectReader::FirstOpening(absl::string_view field,
                                                                    uint64_t begin, uint64_t end) {
  SqlRun run = first_opening_.Bind(begin, end, field);
  const absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row ? std::optional<uint64_t>(run.Int(0)) : std::nullopt;
}

}  // namespace sluice::server
