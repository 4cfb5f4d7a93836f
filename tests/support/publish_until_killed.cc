// Publishes batch after batch until it is killed: publish_until_killed PATH. Prints a batch's
// number once the store says it is durable. Batch n is 20 records of its own, 5 that every batch
// rewrites, a merge of the first two people of the batch before, and row n of the log with the head
// that counts it.
#include <stdio.h>

#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

int main(int argc, char** argv) {
  using namespace sluice::server;
  if (argc != 2) return 2;
  SqliteStoreOptions options;
  options.path = argv[1];
  options.hash_key = sluice::policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<sluice::server::KeksForTest>();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
  if (!store.ok()) {
    fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  for (uint64_t n = (*store)->ReadLogHead()->size;; ++n) {
    std::vector<sluice::policy::ValidRecord> records;
    for (int i = 0; i < 20; ++i) {
      const std::string key = absl::StrCat("own ", n, ".", i);
      records.push_back(RecordOf(key, absl::StrCat("own ", n), {key}));
    }
    for (int i = 0; i < 5; ++i) {
      records.push_back(
          RecordOf(absl::StrCat("shared ", i), absl::StrCat("shared ", n), {absl::StrCat(i)}));
    }
    const PublishBatch batch = BatchOf(absl::StrCat("batch ", n), std::move(records));
    const std::string person = absl::StrCat("own ", n - 1);
    const PublishBatch identities =
        IdentitiesOf(absl::StrCat("identities ", n),
                     {IdentityOf(person + ".0", person), IdentityOf(person + ".1", person)});
    const absl::Status status = (*store)->Commit({.apply = [&](Transaction& transaction) {
      if (auto outcome = transaction.Publish(batch); !outcome.ok()) return outcome.status();
      if (auto outcome = transaction.Publish(identities); !outcome.ok()) return outcome.status();
      const LogRow row{.index = n, .writer = "w", .boot = "b", .wseq = n, .body = "x"};
      if (absl::Status inserted = transaction.InsertLogRow(row); !inserted.ok()) return inserted;
      return transaction.UpdateLogHead(n, {.size = n + 1});
    }});
    if (!status.ok()) return 1;
    printf("%llu\n", static_cast<unsigned long long>(n));
    fflush(stdout);
  }
}
