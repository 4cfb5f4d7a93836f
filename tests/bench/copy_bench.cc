// How fast the store publishes new records on PostgreSQL, each batch durable before it is answered,
// beside one COPY of the same rows into a table with the same key index. Both reach the server over
// its Unix socket. And what the nights after that cost, when all keys are known.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "server/store/postgres_store.h"
#include "tests/bench/figure.h"
#include "tests/bench/psql.h"
#include "tests/bench/workload.h"
#include "tests/e2e/deployment.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::bench {
namespace {

using server::PostgresServer;
using server::Store;
using tests::Must;

constexpr char kCopy[] = "publish_vs_copy";
// Together: as many as wait while one is written.
constexpr int64_t kBatchesAtOnce = 4;

std::unique_ptr<Store> Open(const PostgresServer& server, const std::string& database) {
  server::PostgresStoreOptions options;
  options.settings = server.SocketSettings(database);
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<server::KeksForTest>();
  return Must(server::OpenPostgresStore(std::move(options)));
}

server::PublishBatch BatchOf(int64_t begin, int64_t end, const Night& night) {
  std::vector<policy::ValidRecord> records;
  for (int64_t i = begin; i < end; ++i) {
    const v1::MentorAssignment record = RecordOf(i, night.version);
    records.push_back(
        {.bytes = record.SerializeAsString(),
         .key = absl::StrCat("key ", i),
         .subjects = {{"candidate", record.candidate_id()}, {"staff", record.staff_id()}}});
  }
  server::PublishBatch batch =
      server::BatchOf(absl::StrCat("bench-", night.night, "-", begin), std::move(records));
  batch.record_type = kRecordType;
  return batch;
}

// Seconds, without those in which the batches are made.
double Publish(Store& store, int64_t count, const Night& night = {}) {
  double seconds = 0;
  for (int64_t sent = 0; sent < count; sent += kBatchesAtOnce * kBatchRecords) {
    std::vector<server::PublishBatch> batches;
    for (int64_t begin = sent; begin < std::min(sent + kBatchesAtOnce * kBatchRecords, count);
         begin += kBatchRecords) {
      batches.push_back(BatchOf(begin, std::min(begin + kBatchRecords, count), night));
    }
    absl::BlockingCounter left(static_cast<int>(batches.size()));
    const absl::Time begin = absl::Now();
    for (const server::PublishBatch& batch : batches) {
      store.Submit({.bytes = batch.records.size() * 220,
                    .apply = [&](server::Transaction& t) { return t.Publish(batch).status(); },
                    .done =
                        [&](const absl::Status& status) {
                          Must(status);
                          left.DecrementCount();
                        }});
    }
    left.Wait();
    seconds += absl::ToDoubleSeconds(absl::Now() - begin);
  }
  Say(absl::StrFormat("published %d records in %.1f s", count, seconds));
  return seconds;
}

// Copies the rows that the store has written into an empty table with its key; seconds.
double Copy(PostgresServer& server, const std::string& database, const std::string& directory) {
  const std::string settings = server.SocketSettings(database);
  const std::string rows =
      "SELECT k.key_hash, r.* FROM record_key k JOIN record r ON r.record_id = k.record_id";
  const std::string file = directory + "/rows";
  RunPsql(settings, absl::StrCat("CREATE TABLE bare AS ", rows, " WITH NO DATA"));
  RunPsql(settings, "ALTER TABLE bare ADD PRIMARY KEY (key_hash)");
  RunPsql(settings, absl::StrCat("\\copy (", rows, " ORDER BY k.position, k.key_hash) TO '", file,
                                 "' (FORMAT binary)"));
  const absl::Time begin = absl::Now();
  RunPsql(settings, absl::StrCat("\\copy bare FROM '", file, "' (FORMAT binary)"));
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  Say(absl::StrFormat("copied them in %.1f s", seconds));
  return seconds;
}

int Main(const Flags& flags) {
  const int64_t count = flags.RecordsOf(kCopy);
  const server::TestDirectory directory;
  const std::unique_ptr<PostgresServer> server = Must(PostgresServer::Start({.fsync = true}));
  const std::string database = Must(server->CreateDatabase());
  const std::unique_ptr<Store> store = Open(*server, database);
  const auto records = static_cast<double>(count);
  const double ours = Publish(*store, count);
  const double theirs = Copy(*server, database, directory.Path(""));
  const double again = Publish(*store, count, {.night = 1});
  const double changed = Publish(*store, count, {.night = 2, .version = 1});
  store->Stop();
  Print({.name = kCopy,
         .records = count,
         .value = records / ours,
         .unit = "records/s",
         .baseline = "one COPY of the rows, the same key index",
         .baseline_value = records / theirs,
         .ratio = theirs / ours,
         .details = {{"again_unchanged_records_per_s", records / again},
                     {"again_changed_records_per_s", records / changed}}});
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  return Main(ParseFlags(argc, argv, "Publishes new records to the store on PostgreSQL.",
                         {{kCopy, 1'000'000}}));
}
