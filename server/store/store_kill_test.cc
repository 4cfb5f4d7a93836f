// kill -9 of a process that publishes, or takes a publish back, at seeded random moments: what it
// said was durable is there whole, and nothing is there by halves.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/owner_right.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

// Runs the child until it has acknowledged some batches and a little longer, and kills it. The last
// number it printed.
int64_t RunAndKill(const char* program, const std::string& path, const std::string& first,
                   std::mt19937_64& random) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    // An empty argument is none.
    execl(program, program, path.c_str(), first.empty() ? nullptr : first.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  FILE* out = fdopen(ends[0], "r");
  const int wanted = static_cast<int>(random() % 40);
  int64_t last = -1;
  long long number = 0;
  for (int i = 0; i < wanted && fscanf(out, "%lld", &number) == 1; ++i) last = number;
  // Into the middle of a commit.
  const timespec moment = {.tv_sec = 0, .tv_nsec = static_cast<long>(random() % 3'000'000)};
  nanosleep(&moment, nullptr);
  kill(child, SIGKILL);
  // What it had said before it died counts.
  while (fscanf(out, "%lld", &number) == 1) last = number;
  fclose(out);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  return last;
}

struct Kills {
  Kills() {
    const char* const kills_text = getenv("SLUICE_KILLS");
    const char* const seed_text = getenv("SLUICE_SEED");
    if (kills_text != nullptr) kills = atoi(kills_text);
    if (seed_text != nullptr) seed = strtoull(seed_text, nullptr, 10);
    random.seed(seed);
    ::testing::Test::RecordProperty("seed", std::to_string(seed));
  }
  int kills = 8;
  uint64_t seed = 20260701;
  std::mt19937_64 random;
};

std::unique_ptr<Store> OpenAfterKill(const std::string& path) {
  SqliteStoreOptions options;
  options.path = path;
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<KeksForTest>();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

TEST(StoreKill, LosesNothingAcknowledgedAndShowsNothingHalf) {
  Kills run;
  TestDirectory directory;
  const std::string path = directory.Path("store.db");
  int64_t acknowledged = -1;
  for (int left = run.kills; left > 0; --left) {
    acknowledged = std::max(acknowledged, RunAndKill(PUBLISH_UNTIL_KILLED, path, "", run.random));

    const std::unique_ptr<Store> store = OpenAfterKill(path);
    ASSERT_NE(store, nullptr) << "seed " << run.seed;
    const auto size = static_cast<int64_t>(store->ReadLogHead()->size);
    ASSERT_GE(size, acknowledged + 1) << "seed " << run.seed;
    ASSERT_EQ(store->ReadLeafHashes(0, size + 10)->size(), static_cast<size_t>(size));
    const ReadRight right({"state-university"});
    std::map<std::string, int> seen;
    const std::vector<ScannedRecord> records = Scan(*store, right).value();
    std::map<std::string, std::set<uint32_t>> people;
    for (const ScannedRecord& record : records) {
      ++seen[record.bytes];
      people[record.bytes].insert(record.ordinals.begin(), record.ordinals.end());
      // Its key knows where it stands.
      ASSERT_TRUE(store
                      ->ReadOne(right.permit, right.receipt, record.place.record_id,
                                [&](absl::string_view, const StoredRecord& found) {
                                  EXPECT_EQ(found.place, record.place);
                                })
                      .ok());
    }
    std::map<std::string, int> expected;
    for (int64_t n = 0; n < size; ++n) {
      expected[absl::StrCat("own ", n)] = 20;
      // Two are one person from the next batch on.
      ASSERT_EQ(people[absl::StrCat("own ", n)].size(), n == size - 1 ? 20u : 19u) << n;
    }
    if (size > 0) expected[absl::StrCat("shared ", size - 1)] = 5;
    ASSERT_EQ(seen, expected) << "seed " << run.seed;
  }
  EXPECT_GT(acknowledged, 0);
}

TEST(StoreKill, TakesAPublishBackWholeOrNotAtAll) {
  Kills run;
  TestDirectory directory;
  const std::string path = directory.Path("store.db");
  int64_t turns = 0;
  for (int left = run.kills; left > 0; --left) {
    const int64_t first = turns + 1;
    turns =
        std::max(turns, RunAndKill(WITHDRAW_UNTIL_KILLED, path, std::to_string(first), run.random));
    const std::unique_ptr<Store> store = OpenAfterKill(path);
    ASSERT_NE(store, nullptr) << "seed " << run.seed;
    const ReadRight right({"state-university"});
    std::map<std::string, size_t> seen;
    const std::vector<ScannedRecord> records = Scan(*store, right).value();
    for (const ScannedRecord& record : records) ++seen[record.bytes];
    if (records.empty()) continue;  // killed before the base was there
    // The turn that was begun last may be published; it is not half taken back.
    const std::string wrong = absl::StrCat("wrong ", turns + 1);
    const std::map<std::string, size_t> taken = {{"base", 300}};
    const std::map<std::string, size_t> published = {{"base", 100}, {wrong, 400}};
    ASSERT_TRUE(seen == taken || seen == published) << "seed " << run.seed << " turn " << turns;
    const OwnerRight owner("state-university");
    const CollectionStatus status =
        store->StatusOf(owner.permit, owner.receipt).value().collections.at(0);
    ASSERT_EQ(status.live, static_cast<int64_t>(records.size())) << "seed " << run.seed;
    // A turn that was durable and not yet said so has left its tombstones.
    const int64_t keys = status.live + status.tombstones;
    ASSERT_TRUE(keys == 500 || (keys == 300 && turns == 0)) << keys;
    // What was left is taken back now, by the request that was under way.
    if (seen == taken) continue;
    const int64_t position = status.last_publish.position;
    ASSERT_TRUE(
        Withdraw(*store, WithdrawalOf(absl::StrCat("back ", turns + 1), position, position)).ok());
    turns = turns + 1;
  }
  EXPECT_GT(turns, 0);
}

}  // namespace
}  // namespace sluice::server
