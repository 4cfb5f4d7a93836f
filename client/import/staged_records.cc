#include "client/import/staged_records.h"

#include <openssl/rand.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

constexpr int64_t kCacheBytes = 16 << 20;
constexpr size_t kDigestBytes = 16;

}  // namespace

StagedRecords::StagedRecords(std::unique_ptr<TemporaryDatabase> database)
    : database_(std::move(database)), digest_(EVP_MD_CTX_new(), &EVP_MD_CTX_free), left_out_(1) {}

absl::StatusOr<std::unique_ptr<StagedRecords>> StagedRecords::Create() {
  absl::StatusOr<std::unique_ptr<TemporaryDatabase>> database =
      TemporaryDatabase::Open(kCacheBytes);
  if (!database.ok()) return database.status();
  std::unique_ptr<StagedRecords> staged(new StagedRecords(*std::move(database)));
  const absl::Status prepared = staged->Prepare();
  if (!prepared.ok()) return prepared;
  return staged;
}

absl::Status StagedRecords::Prepare() {
  salt_.resize(kDigestBytes);
  if (digest_ == nullptr || RAND_bytes(reinterpret_cast<unsigned char*>(salt_.data()),
                                       static_cast<int>(salt_.size())) != 1) {
    return absl::InternalError("no randomness for the digests of keys");
  }
  // Apart, because the keys are sorted and the records are not.
  absl::Status made = database_->Run(
      "CREATE TABLE record (id INTEGER PRIMARY KEY, source INTEGER, line INTEGER, bytes BLOB, "
      "source_row BLOB);"
      "CREATE TABLE record_key (id INTEGER PRIMARY KEY, name BLOB, content BLOB, source INTEGER, "
      "line INTEGER);");
  const auto prepare = [&](std::optional<TemporaryStatement>& statement, const std::string& sql) {
    if (!made.ok()) return;
    absl::StatusOr<TemporaryStatement> prepared = database_->Prepare(sql);
    made = prepared.status();
    if (prepared.ok()) statement.emplace(*std::move(prepared));
  };
  prepare(add_record_,
          "INSERT INTO record (id, source, line, bytes, source_row) VALUES (?, ?, ?, ?, ?)");
  prepare(add_key_,
          "INSERT INTO record_key (id, name, content, source, line) VALUES (?, ?, ?, ?, ?)");
  prepare(next_, "SELECT id, source, line, bytes, source_row FROM record WHERE id > ? ORDER BY id");
  return made;
}

// Salted, so that the file says nothing of the keys; 128 bits, so that no two meet.
absl::StatusOr<std::string> StagedRecords::Digest(absl::string_view label,
                                                  absl::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  const char end = '\0';
  if (EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(digest_.get(), salt_.data(), salt_.size()) != 1 ||
      EVP_DigestUpdate(digest_.get(), label.data(), label.size()) != 1 ||
      EVP_DigestUpdate(digest_.get(), &end, 1) != 1 ||
      EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(digest_.get(), digest, nullptr) != 1) {
    return absl::InternalError("no digest of a key could be made");
  }
  return std::string(reinterpret_cast<char*>(digest), kDigestBytes);
}

absl::Status StagedRecords::Add(absl::string_view type, absl::string_view key,
                                const StagedRecord& record) {
  const auto id = static_cast<int64_t>(left_out_.size());
  left_out_.push_back(false);
  sources_.try_emplace(record.source, Range{id, id}).first->second.last = id;
  add_record_->Bind(1, id);
  add_record_->Bind(2, record.source);
  add_record_->Bind(3, record.line);
  add_record_->Bind(4, record.bytes);
  add_record_->Bind(5, record.row);
  absl::StatusOr<bool> added = add_record_->Step();
  if (!added.ok()) return added.status();
  const absl::StatusOr<std::string> name = Digest(type, key);
  const absl::StatusOr<std::string> content = Digest(type, record.bytes);
  if (!name.ok() || !content.ok()) return name.ok() ? content.status() : name.status();
  add_key_->Bind(1, id);
  add_key_->Bind(2, *name);
  add_key_->Bind(3, *content);
  add_key_->Bind(4, record.source);
  add_key_->Bind(5, record.line);
  added = add_key_->Step();
  return added.status();
}

absl::Status StagedRecords::Drop(int source) {
  const auto range = sources_.find(source);
  if (range == sources_.end()) return absl::OkStatus();
  const std::string ids =
      absl::StrCat(" WHERE id BETWEEN ", range->second.first, " AND ", range->second.last);
  sources_.erase(range);
  const absl::Status keys = database_->Run("DELETE FROM record_key" + ids);
  if (!keys.ok()) return keys;
  return database_->Run("DELETE FROM record" + ids);
}

absl::StatusOr<std::string> StagedRecords::RowOf(int64_t id) {
  absl::StatusOr<TemporaryStatement> find =
      database_->Prepare("SELECT source_row FROM record WHERE id = ?");
  if (!find.ok()) return find.status();
  find->Bind(1, id);
  const absl::StatusOr<bool> found = find->Step();
  if (!found.ok()) return found.status();
  return *found ? std::string(find->Bytes(0)) : "";
}

absl::Status StagedRecords::ResolveKeys(const std::function<void(const KeyConflict&)>& conflict,
                                        const std::function<void(int source)>& repeated) {
  absl::StatusOr<TemporaryStatement> sorted = database_->Prepare(
      "SELECT id, name, content, source, line FROM record_key ORDER BY name, id");
  if (!sorted.ok()) return sorted.status();
  left_out_.assign(left_out_.size(), false);
  struct Seen {
    int64_t id = 0;
    std::string name, content;
    StagedRecord place;
  };
  Seen first;
  while (true) {
    const absl::StatusOr<bool> row = sorted->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    Seen seen = {sorted->Integer(0),
                 std::string(sorted->Bytes(1)),
                 std::string(sorted->Bytes(2)),
                 {static_cast<int>(sorted->Integer(3)), sorted->Integer(4)}};
    if (seen.name != first.name) {
      first = std::move(seen);
      continue;
    }
    left_out_[seen.id] = true;
    if (seen.content == first.content) {
      repeated(seen.place.source);
      continue;
    }
    KeyConflict both = {first.place, seen.place, left_out_[first.id]};
    left_out_[first.id] = true;
    absl::StatusOr<std::string> rows[2] = {RowOf(first.id), RowOf(seen.id)};
    for (const auto& each : rows) {
      if (!each.ok()) return each.status();
    }
    both.first.row = *std::move(rows[0]);
    both.second.row = *std::move(rows[1]);
    conflict(both);
  }
}

void StagedRecords::Rewind(int source) {
  const auto range = sources_.find(source);
  last_ = range == sources_.end() ? 0 : range->second.last;
  next_->Reset();
  next_->Bind(1, range == sources_.end() ? 0 : range->second.first - 1);
}

absl::StatusOr<std::optional<StagedRecord>> StagedRecords::Next() {
  while (true) {
    const absl::StatusOr<bool> row = next_->Step();
    if (!row.ok()) return row.status();
    if (!*row || next_->Integer(0) > last_) {
      next_->Reset();
      return std::nullopt;
    }
    if (left_out_[next_->Integer(0)]) continue;
    return StagedRecord{static_cast<int>(next_->Integer(1)), next_->Integer(2),
                        std::string(next_->Bytes(3)), ""};
  }
}

}  // namespace sluice::client
