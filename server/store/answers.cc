#include "server/store/answers.h"

#include <utility>

namespace sluice::server {

absl::StatusOr<std::unique_ptr<Answers>> Answers::Create(SqliteConnection* connection) {
  std::unique_ptr<Answers> answers(new Answers);
  const std::pair<SqliteStatement*, absl::string_view> statements[] = {
      {&answers->find_,
       "SELECT content_hash, time_us, position, created, changed, unchanged, deleted, missing "
       "FROM answer WHERE request_hash = ?"},
      {&answers->put_,
       "INSERT OR REPLACE INTO answer (request_hash, content_hash, time_us, position, created, "
       "changed, unchanged, deleted, missing) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      // Ids grow with time: the oldest stand first. Few at a time, so no publish pays for a week.
      {&answers->forget_,
       "DELETE FROM answer WHERE id IN (SELECT id FROM answer ORDER BY id LIMIT 8) "
       "AND time_us < ?"}};
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<SqliteStatement> prepared = SqliteStatement::Prepare(connection, sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return answers;
}

absl::StatusOr<std::optional<Answer>> Answers::Find(const Hash16& request, const Hash16& content,
                                                    absl::Time now) {
  SqliteRun run = find_.Bind(SqliteBlob(request));
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
  absl::Status status =
      put_.Bind(SqliteBlob(request), SqliteBlob(content), absl::ToUnixMicros(now), answer.position,
                answer.created, answer.changed, answer.unchanged, answer.deleted, answer.missing)
          .Finish();
  if (!status.ok()) return status;
  return forget_.Bind(absl::ToUnixMicros(now - kAnswersRemembered)).Finish();
}

}  // namespace sluice::server
