#include "server/store/key_renewal.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::server {
namespace {

// After a turn that failed.
constexpr absl::Duration kPause = absl::Seconds(5);

absl::Status Stopped() { return absl::CancelledError("the gateway stops"); }

// Of each key those versions that a newer one has replaced, and that may still hold something.
std::vector<std::vector<StoredKeyVersion>> ReplacedVersions(
    const std::vector<StoredKeyVersion>& versions) {
  std::vector<std::vector<StoredKeyVersion>> keys;
  for (size_t i = 0; i + 1 < versions.size(); ++i) {
    const StoredKeyVersion& version = versions[i];
    const StoredKeyVersion& next = versions[i + 1];  // they stand in the order of key and version
    if (next.name.owner != version.name.owner || next.name.scope != version.name.scope ||
        version.empty || version.destroyed_index) {
      continue;
    }
    if (keys.empty() || keys.back().front().name.owner != version.name.owner ||
        keys.back().front().name.scope != version.name.scope) {
      keys.emplace_back();
    }
    keys.back().push_back(version);
  }
  return keys;
}

std::vector<int64_t> IdsOf(const std::vector<StoredKeyVersion>& versions) {
  std::vector<int64_t> ids;
  for (const StoredKeyVersion& version : versions) ids.push_back(version.id);
  return ids;
}

}  // namespace

void KeyRenewal::Start() {
  thread_ = std::thread([this] { Run(); });
}

void KeyRenewal::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void KeyRenewal::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

bool KeyRenewal::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void KeyRenewal::Run() {
  const auto something = [this]()
                             ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || woken_; };
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something));
      if (stopping_) return;
      woken_ = false;
    }
    const absl::Status turn = Turn();
    if (turn.ok() || absl::IsCancelled(turn)) continue;
    failed_(turn);
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kPause)) return;
    woken_ = true;
  }
}

absl::Status KeyRenewal::Turn() {
  const absl::StatusOr<std::vector<StoredKeyVersion>> versions = store_.KeyVersions();
  if (!versions.ok()) return versions.status();
  absl::Status status;
  for (const std::vector<StoredKeyVersion>& replaced : ReplacedVersions(*versions)) {
    const absl::Status renewed = Renew(replaced);
    if (absl::IsCancelled(renewed)) return renewed;
    // What is wrong with one key is no reason to leave the others.
    if (!renewed.ok()) status = renewed;
  }
  return status;
}

absl::Status KeyRenewal::Renew(const std::vector<StoredKeyVersion>& replaced) {
  for (int64_t before = 0;;) {
    const absl::StatusOr<int64_t> left = CountAll(replaced);
    if (!left.ok()) return left.status();
    if (*left == 0) break;
    // What does not open stays, and its version with it: it takes the operator's word to destroy
    // it.
    if (*left == before) return absl::OkStatus();
    before = *left;
    const absl::StatusOr<int64_t> sealed = SealAll(replaced);
    if (!sealed.ok()) return sealed.status();
    if (*sealed > 0) before = 0;
  }
  const absl::Status marked = store_.Commit({.apply = [&](Transaction& transaction) {
    absl::Status status;
    for (const StoredKeyVersion& version : replaced) {
      if (status.ok()) status = transaction.keys()->MarkEmpty(version.name);
    }
    return status;
  }});
  if (!marked.ok()) return marked;
  absl::MutexLock lock(&mutex_);
  for (const StoredKeyVersion& version : replaced) remaining_.erase(version.name);
  return absl::OkStatus();
}

std::optional<KeyRenewal::Remaining> KeyRenewal::RemainingUnder(const KekName& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = remaining_.find(name);
  if (found == remaining_.end()) return std::nullopt;
  return found->second;
}

absl::Status KeyRenewal::Walk(KekScope scope, absl::string_view owner,
                              absl::Span<const int64_t> versions,
                              absl::FunctionRef<absl::Status(std::vector<SealedRow>)> visit) const {
  std::optional<SealedPlace> from;
  do {
    if (stopping()) return Stopped();
    absl::StatusOr<SealedRows> found =
        store_.FindSealed(scope, owner, versions, from, limits_.looked_at);
    if (!found.ok()) return found.status();
    if (absl::Status status = visit(std::move(found->rows)); !status.ok()) return status;
    from = std::move(found->next);
  } while (from.has_value());
  return absl::OkStatus();
}

absl::StatusOr<KeyRenewal::Counted> KeyRenewal::Count(const StoredKeyVersion& version,
                                                      const std::function<bool()>& given_up) const {
  Counted counted;
  const absl::Status walked =
      Walk(version.name.scope, version.name.owner, {version.id}, [&](std::vector<SealedRow> rows) {
        if (given_up && given_up()) return absl::CancelledError("nobody waits for the count");
        for (const SealedRow& row : rows) {
          counted.bytes += row.bytes;
          switch (row.place.table) {
            case SealedTable::kRecord:
              ++counted.records;
              break;
            case SealedTable::kRecordHistory:
              ++counted.replaced_records;
              break;
            case SealedTable::kLogOpening:
              ++counted.log_openings;
              break;
            case SealedTable::kDictionaryOpening:
              ++counted.dictionary_openings;
              break;
          }
        }
        return absl::OkStatus();
      });
  if (!walked.ok()) return walked;
  return counted;
}

absl::StatusOr<int64_t> KeyRenewal::CountAll(const std::vector<StoredKeyVersion>& replaced) {
  const KekName& key = replaced.front().name;
  std::map<int64_t, Remaining> counted;
  const absl::Status walked =
      Walk(key.scope, key.owner, IdsOf(replaced), [&](std::vector<SealedRow> rows) {
        for (const SealedRow& row : rows) {
          ++counted[row.data_key].rows;
          counted[row.data_key].bytes += row.bytes;
        }
        return absl::OkStatus();
      });
  if (!walked.ok()) return walked;
  int64_t rows = 0;
  absl::MutexLock lock(&mutex_);
  for (const StoredKeyVersion& version : replaced) {
    rows += counted[version.id].rows;
    remaining_[version.name] = counted[version.id];
  }
  return rows;
}

absl::StatusOr<int64_t> KeyRenewal::SealAll(const std::vector<StoredKeyVersion>& replaced) {
  const KekName& key = replaced.front().name;
  std::map<int64_t, KekName> names;
  for (const StoredKeyVersion& version : replaced) names.emplace(version.id, version.name);
  int64_t sealed = 0;
  const absl::Status walked =
      Walk(key.scope, key.owner, IdsOf(replaced), [&](std::vector<SealedRow> rows) -> absl::Status {
        // A group is of one version, so that it is known of which what it sealed was.
        std::stable_sort(rows.begin(), rows.end(), [](const SealedRow& a, const SealedRow& b) {
          return a.data_key < b.data_key;
        });
        for (size_t begin = 0; begin < rows.size();) {
          size_t end = begin;
          int64_t bytes = 0;
          while (end < rows.size() && rows[end].data_key == rows[begin].data_key &&
                 end - begin < limits_.rows && bytes < limits_.bytes) {
            bytes += rows[end++].bytes;
          }
          const absl::StatusOr<int64_t> group =
              SealGroup(absl::MakeConstSpan(rows).subspan(begin, end - begin), bytes);
          if (!group.ok()) return group.status();
          sealed += *group;
          absl::MutexLock lock(&mutex_);
          Remaining& remaining = remaining_[names[rows[begin].data_key]];
          remaining.rows = std::max<int64_t>(remaining.rows - *group, 0);
          remaining.bytes = std::max<int64_t>(remaining.bytes - bytes, 0);
          begin = end;
        }
        return absl::OkStatus();
      });
  if (!walked.ok()) return walked;
  return sealed;
}

absl::StatusOr<int64_t> KeyRenewal::SealGroup(absl::Span<const SealedRow> rows, int64_t bytes) {
  if (stopping()) return Stopped();
  const auto began = std::chrono::steady_clock::now();
  int64_t sealed = 0;
  const absl::Status committed = store_.Commit(
      {.bytes = static_cast<size_t>(bytes), .apply = [&](Transaction& transaction) -> absl::Status {
         const absl::StatusOr<int64_t> done = transaction.keys()->SealAnew(rows);
         if (!done.ok()) return done.status();
         sealed = *done;
         return absl::OkStatus();
       }});
  if (!committed.ok()) return committed;
  // Half of the writer's time at most, so that nobody who publishes finds it taken.
  const auto took = absl::FromChrono(std::chrono::steady_clock::now() - began);
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopping_), took);
  return sealed;
}

}  // namespace sluice::server
