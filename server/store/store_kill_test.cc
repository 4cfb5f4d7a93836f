// kill -9 of a process that publishes, at seeded random moments: what it said was durable is there
// whole, and nothing is there by halves.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <random>

#include "server/store/sqlite_store.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

// Runs the child until it has acknowledged some batches and a little longer, and kills it. The last
// number it printed.
int64_t PublishAndKill(const std::string& path, std::mt19937_64& random) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl(PUBLISH_UNTIL_KILLED, PUBLISH_UNTIL_KILLED, path.c_str(), nullptr);
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

TEST(StoreKill, LosesNothingAcknowledgedAndShowsNothingHalf) {
  const char* kills = getenv("SLUICE_KILLS");
  const char* seed = getenv("SLUICE_SEED");
  const uint64_t seed_number = seed != nullptr ? strtoull(seed, nullptr, 10) : 20260701;
  std::mt19937_64 random(seed_number);
  RecordProperty("seed", std::to_string(seed_number));
  TestDirectory directory;
  const std::string path = directory.Path("store.db");
  int64_t acknowledged = -1;
  for (int left = kills != nullptr ? atoi(kills) : 8; left > 0; --left) {
    acknowledged = std::max(acknowledged, PublishAndKill(path, random));

    SqliteStoreOptions options;
    options.path = path;
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    const absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
    ASSERT_TRUE(store.ok()) << store.status() << " seed " << seed_number;
    const auto size = static_cast<int64_t>((*store)->ReadLogHead()->size);
    ASSERT_GE(size, acknowledged + 1) << "seed " << seed_number;
    ASSERT_EQ((*store)->ReadLeafHashes(0, size + 10)->size(), static_cast<size_t>(size));
    const ReadRight right({"state-university"});
    std::map<std::string, int> seen;
    const std::vector<ScannedRecord> records = Scan(**store, right).value();
    for (const ScannedRecord& record : records) ++seen[record.bytes];
    std::map<std::string, int> expected;
    for (int64_t n = 0; n < size; ++n) expected[absl::StrCat("own ", n)] = 20;
    if (size > 0) expected[absl::StrCat("shared ", size - 1)] = 5;
    ASSERT_EQ(seen, expected) << "seed " << seed_number;
  }
  EXPECT_GT(acknowledged, 0);
}

}  // namespace
}  // namespace sluice::server
