// Publishes over a base and takes it back, again and again, until it is killed:
// withdraw_until_killed PATH FIRST. The base is records 0 to 299; turn n, from FIRST on, changes
// 200 of them and adds 200, as one publish, and withdraws it. Prints a turn's number once its
// withdraw is durable.
#include <stdio.h>
#include <stdlib.h>

#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

int main(int argc, char** argv) {
  using namespace sluice::server;
  if (argc != 3) return 2;
  SqliteStoreOptions options;
  options.path = argv[1];
  options.hash_key = sluice::policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<sluice::server::KeksForTest>();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
  if (!store.ok()) {
    fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  const auto records = [](int begin, int end, const std::string& bytes) {
    std::vector<sluice::policy::ValidRecord> made;
    for (int i = begin; i < end; ++i) {
      made.push_back(RecordOf(absl::StrCat(i), bytes, {absl::StrCat(i, " of ", bytes)}));
    }
    return made;
  };
  // Once: what an earlier run left published is taken back by whoever started it.
  if (!Publish(**store, BatchOf("base", records(0, 300, "base"))).ok()) return 1;
  for (long long n = atoll(argv[2]);; ++n) {
    const auto wrong = Publish(
        **store, BatchOf(absl::StrCat("wrong ", n), records(100, 500, absl::StrCat("wrong ", n))));
    if (!wrong.ok()) return 1;
    const WithdrawBatch batch =
        WithdrawalOf(absl::StrCat("back ", n), wrong->position, wrong->position);
    if (!Withdraw(**store, batch).ok()) return 1;
    printf("%lld\n", n);
    fflush(stdout);
  }
}
