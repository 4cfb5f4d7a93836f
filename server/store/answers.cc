#include "server/store/answers.h"

#include <utility>

namespace sluice::server {

absl::StatusOr<std::unique_ptr<Answers>> Answers::Create(SqlConnection* connection) {
  std::unique_ptr<Answers> answers(new Answers);
  absl::Status status = PrepareAll(
      connection,
      {{&answers->find_,
        "SELECT content_hash, time_us, position, created, changed, unchanged, deleted, missing "
        "FROM answer WHERE request_hash = $1"},
       {&answers->put_,
        "INSERT INTO answer (request_hash, content_hash, time_us, position, created, "
        "changed, unchanged, deleted, missing) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
       // What is left of an older answer: an id says when its answer came.
       {&answers->drop_, "DELETE FROM answer WHERE request_hash = $1"},
       // Ids grow with time: the oldest stand first. Few at a time, so no publish pays for a week.
       {&answers->forget_,
        "DELETE FROM answer WHERE id IN (SELECT id FROM answer ORDER BY id LIMIT 8) "
        "AND time_us < $1"}});
  if (!status.ok()) return status;
  return answers;
}

absl::StatusOr<std::optional<Answer>> Answers::Find(const Hash16& request, const Hash16& content,
                                                    absl::Time now) {
  SqlRun run = find_.Bind(SqlBlob(request));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row || absl::FromUnixMicros(run.Int(1)) < now - kAnswersRemembered) return std::nullopt;
  absl::StatusOr<Hash16> stored = run.Array<16>(0);
  if (!stored.ok()) return stored.status();
  if (*stored != content) {
    return absl::AlreadyExistsError(
        "this request id was used for another content: give each request an id of its own");
  }
  return Answer{.position = run.Int(2),
                .created = static_cast<int32_t>(run.Int(3)),
                .changed = static_cast<int32_t>(run.Int(4)),
                .unchanged = static_cast<int32_t>(run.Int(5)),
                .deleted = static_cast<int32_t>(run.Int(6)),
                .missing = static_cast<int32_t>(run.Int(7))};
}

absl::Status Answers::Remember(const Hash16& request, const Hash16& content, absl::Time now,
                               const Answer& answer) {
  absl::Status status = drop_.Bind(SqlBlob(request)).Finish();
  if (!status.ok()) return status;
  status =
      put_.Bind(SqlBlob(request), SqlBlob(content), absl::ToUnixMicros(now), answer.position,
                answer.created, answer.changed, answer.unchanged, answer.deleted, answer.missing)
          .Finish();
  if (!status.ok()) return status;
  return forget_.Bind(absl::ToUnixMicros(now - kAnswersRemembered)).Finish();
}

}  // namespace sluice::server
