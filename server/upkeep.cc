#include "server/upkeep.h"

#include <algorithm>

#include "server/json_log.h"
#include "server/state_check.h"

namespace sluice::server {
namespace {

// What is forgotten of replaced records at a time, and how often in a row.
constexpr int kRecordsABite = 512;
constexpr int kBitesARun = 16;

}  // namespace

void Upkeep::Run(absl::Time now) {
  ForgetHistory(now - parts_.history);
  EraseOpenings(now);
  LookAtState();
  NoteCollections();
  FollowKeys();
}

// What changes before `before` replaced goes a bite at a time, so that no publish waits for long.
void Upkeep::ForgetHistory(absl::Time before) {
  for (int bite = 0; bite < kBitesARun; ++bite) {
    const absl::StatusOr<bool> there = parts_.store->HistoryBefore(before);
    if (!there.ok() || !*there) return;
    const absl::Status forgotten =
        parts_.store->Commit({.apply = [before](Transaction& transaction) {
          return transaction.ForgetHistory(before, kRecordsABite).status();
        }});
    if (forgotten.ok()) continue;
    LogLine(LogLine::Level::kWarning, "history").With("cause", forgotten.message());
    return;
  }
}

void Upkeep::EraseOpenings(absl::Time now) {
  const absl::Status erased = retention_.Run(now);
  if (erased.ok()) return;
  LogLine(LogLine::Level::kWarning, "openings").With("cause", erased.message());
}

// Each second, where that costs little: of very many versions as seldom as to take a fiftieth of
// one core at the most. What is wrong is in the store's health from then on.
void Upkeep::LookAtState() {
  const absl::Time before = parts_.clock();
  if (before < state_again_) return;
  if (const absl::Status s = CheckStateNow(*parts_.store, *parts_.log); !s.ok()) {
    LogLine(LogLine::Level::kError, "state").With("cause", s.message());
  }
  const absl::Time after = parts_.clock();
  state_again_ = after + 50 * std::max(after - before, absl::ZeroDuration());
}

void Upkeep::NoteCollections() {
  const absl::Status noted = parts_.note->Keep();
  if (noted.ok()) return;
  LogLine(LogLine::Level::kWarning, "collections").With("cause", noted.message());
}

// What another gateway did to keys is done here, too; what could not be done is tried again.
void Upkeep::FollowKeys() {
  const absl::Status followed = parts_.keys->Follow();
  if (followed.ok() == keys_followed_) return;
  keys_followed_ = followed.ok();
  if (followed.ok()) return;
  LogLine(LogLine::Level::kWarning, "keys").With("cause", followed.message());
}

}  // namespace sluice::server
