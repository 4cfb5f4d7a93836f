// The store's own figures: durable publishes in batches of 1,000, and scans. Records are of about
// 220 bytes, each about a person.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "absl/synchronization/blocking_counter.h"
#include "server/store/associated_data.h"
#include "server/store/sealed_bytes.h"
#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

constexpr int kBatch = 1000;

std::unique_ptr<Store> Open(const TestDirectory& directory) {
  SqliteStoreOptions options;
  options.path = directory.Path("store.db");
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<KeksForTest>();
  return OpenSqliteStore(std::move(options)).value();
}

// Batch `number`; `version` changes the bytes.
PublishBatch BenchBatch(int64_t number, int64_t version) {
  std::vector<policy::ValidRecord> records;
  records.reserve(kBatch);
  for (int64_t i = 0; i < kBatch; ++i) {
    const std::string key = absl::StrCat("candidate ", number * kBatch + i);
    std::string bytes = absl::StrCat(key, " version ", version);
    bytes.resize(220, 'x');
    records.push_back(RecordOf(key, std::move(bytes), {key}));
  }
  return BatchOf(absl::StrCat(number, " ", version), std::move(records));
}

// Publishes batches [begin, end), at most 16 at a time, as a stream does.
void PublishAll(Store& store, int64_t begin, int64_t end, int64_t version) {
  constexpr int64_t kUnacknowledged = 16;
  for (int64_t first = begin; first < end; first += kUnacknowledged) {
    const int64_t count = std::min(kUnacknowledged, end - first);
    absl::BlockingCounter left(static_cast<int>(count));
    std::vector<PublishBatch> batches;
    for (int64_t i = 0; i < count; ++i) batches.push_back(BenchBatch(first + i, version));
    for (const PublishBatch& batch : batches) {
      store.Submit({.bytes = 220 * kBatch,
                    .apply = [&](Transaction& t) { return t.Publish(batch).status(); },
                    .done =
                        [&](absl::Status status) {
                          if (!status.ok()) abort();
                          left.DecrementCount();
                        }});
    }
    left.Wait();
  }
}

// New records into a store that holds `range(0)` of them already.
void BM_PublishNew(benchmark::State& state) {
  const TestDirectory directory;
  const std::unique_ptr<Store> store = Open(directory);
  int64_t batch = state.range(0) / kBatch;
  PublishAll(*store, 0, batch, 0);
  for (auto _ : state) {
    PublishAll(*store, batch, batch + 16, 0);
    batch += 16;
  }
  state.SetItemsProcessed(state.iterations() * 16 * kBatch);
}
BENCHMARK(BM_PublishNew)->Arg(0)->Arg(1'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

// The same, one batch at a time.
void BM_PublishNewAlone(benchmark::State& state) {
  const TestDirectory directory;
  const std::unique_ptr<Store> store = Open(directory);
  int64_t batch = state.range(0) / kBatch;
  PublishAll(*store, 0, batch, 0);
  for (auto _ : state) {
    PublishAll(*store, batch, batch + 1, 0);
    ++batch;
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(BM_PublishNewAlone)->Arg(0)->Unit(benchmark::kMillisecond)->UseRealTime();

// A night's publish of what the store holds: range(1) is whether every record changed.
void BM_PublishAgain(benchmark::State& state) {
  const TestDirectory directory;
  const std::unique_ptr<Store> store = Open(directory);
  const int64_t batches = state.range(0) / kBatch;
  PublishAll(*store, 0, batches, 0);
  int64_t version = 0;
  for (auto _ : state) {
    ++version;
    // Another request each time; the same bytes, or others.
    if (state.range(1) != 0) {
      PublishAll(*store, 0, batches, version);
    } else {
      for (int64_t i = 0; i < batches; ++i) {
        PublishBatch batch = BenchBatch(i, 0);
        batch.request_id = absl::StrCat("again ", version, " ", i);
        if (!Publish(*store, batch).ok()) abort();
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * batches * kBatch);
}
BENCHMARK(BM_PublishAgain)
    ->Args({200'000, 0})
    ->Args({200'000, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// The largest publish that one withdraw takes back: of new records, or of changed ones (range(0)).
// Everything else waits for it.
void BM_Withdraw(benchmark::State& state) {
  const TestDirectory directory;
  const std::unique_ptr<Store> store = Open(directory);
  constexpr int64_t kBatches = kMaxWithdrawRecords / kBatch;
  if (state.range(0) != 0) PublishAll(*store, 0, kBatches, 0);
  int64_t version = 0;
  for (auto _ : state) {
    state.PauseTiming();
    ++version;
    const int64_t before = store->LastPublishOf("state-university", "Candidate")->position;
    PublishAll(*store, 0, kBatches, version);
    WithdrawBatch batch = WithdrawalOf(absl::StrCat("w", version), before + 1, before + kBatches);
    state.ResumeTiming();
    const absl::StatusOr<WithdrawOutcome> outcome = Withdraw(*store, batch);
    if (!outcome.ok() || outcome->deleted_count + outcome->restored_count != kMaxWithdrawRecords) {
      abort();
    }
  }
  state.SetItemsProcessed(state.iterations() * kMaxWithdrawRecords);
}
BENCHMARK(BM_Withdraw)->Arg(0)->Arg(1)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

// One append at a time: what a decision waits for.
void BM_Append(benchmark::State& state) {
  const TestDirectory directory;
  const std::unique_ptr<Store> store = Open(directory);
  uint64_t index = 0;
  LogRow row{.writer = "gateway", .boot = "boot", .body = std::string(500, 'x')};
  row.openings = {{.owner = "o", .field = "f", .salt = std::string(32, 's'), .value = "v"}};
  for (auto _ : state) {
    const absl::Status status =
        store->Commit({.is_append = true, .apply = [&](Transaction& transaction) {
                         row.index = row.wseq = index;
                         if (absl::Status s = transaction.InsertLogRow(row); !s.ok()) return s;
                         return transaction.UpdateLogHead(index, {.size = index + 1});
                       }});
    if (!status.ok()) abort();
    ++index;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Append)->Unit(benchmark::kMicrosecond)->UseRealTime();

class Filled {
 public:
  Filled() : store_(Open(directory_)) { PublishAll(*store_, 0, kRecords / kBatch, 0); }
  static constexpr int64_t kRecords = 1'000'000;
  const Store& store() const { return *store_; }

 private:
  TestDirectory directory_;
  const std::unique_ptr<Store> store_;
};

const Store& FilledStore() {
  static const Filled filled;
  return filled.store();
}

void BM_Scan(benchmark::State& state) {
  const Store& store = FilledStore();
  const ReadRight right({"state-university"});
  for (auto _ : state) {
    uint64_t sum = 0;
    int64_t count = 0;
    const absl::Status status =
        store.Read(right.permit, right.receipt, "state-university", std::nullopt, std::nullopt,
                   [&](const StoredRecord& record) {
                     sum += record.ordinals[0] + static_cast<uint8_t>(record.bytes[10]);
                     ++count;
                     return true;
                   });
    if (!status.ok() || count != Filled::kRecords) abort();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * Filled::kRecords);
}
BENCHMARK(BM_Scan)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_PointRead(benchmark::State& state) {
  const Store& store = FilledStore();
  const ReadRight right({"state-university"});
  std::vector<policy::RecordId> ids;
  const absl::Status scanned =
      store.Read(right.permit, right.receipt, "state-university", std::nullopt, std::nullopt,
                 [&](const StoredRecord& record) {
                   ids.push_back(record.place.record_id);
                   return true;
                 });
  if (!scanned.ok()) abort();
  std::shuffle(ids.begin(), ids.end(), std::mt19937_64(1));
  size_t next = 0;
  for (auto _ : state) {
    size_t size = 0;
    const absl::Status status = store.ReadOne(
        right.permit, right.receipt, ids[next++ % ids.size()],
        [&](absl::string_view, const StoredRecord& record) { size = record.bytes.size(); });
    if (!status.ok()) abort();
    benchmark::DoNotOptimize(size);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PointRead)->UseRealTime();

// What sealing adds to each record that is written, and opening to each that is read.
constexpr size_t kRecordBytes = 220;

OfRecord RecordToSeal() {
  static const std::string subjects(24, 's');
  return {
      .owner = "state-university", .record_type = "Candidate", .position = 7, .subjects = subjects};
}

void BM_Seal(benchmark::State& state) {
  SealingKey key = SealingKey::Create(1, policy::Secret::Copy(std::string(32, 'k'))).value();
  const std::string content(kRecordBytes, 'x');
  std::string associated, buffer;
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.Seal(AssociatedData(RecordToSeal(), associated), content, buffer));
  }
}
BENCHMARK(BM_Seal);

void BM_Open(benchmark::State& state) {
  const policy::Secret subkey = policy::Secret::Copy(std::string(32, 'k'));
  SealingKey sealing = SealingKey::Create(1, subkey).value();
  const OpeningKey opening = OpeningKey::Create(subkey).value();
  std::string associated, sealed, buffer;
  const std::string content(kRecordBytes, 'x');
  if (!sealing.Seal(AssociatedData(RecordToSeal(), associated), content, sealed).ok()) abort();
  for (auto _ : state) {
    if (!opening.Open(AssociatedData(RecordToSeal(), associated), *ParseSealed(sealed), buffer)
             .ok()) {
      abort();
    }
  }
}
BENCHMARK(BM_Open);

// The other layout: records side by side in segments of range(0) bytes, each sealed as one. Read,
// they share what a sealing costs beside its bytes; to update one, all of them are opened and
// sealed again.
class Segment {
 public:
  explicit Segment(size_t bytes) : content_(bytes, 'x') {
    const policy::Secret subkey = policy::Secret::Copy(std::string(32, 'k'));
    sealing_ = SealingKey::Create(1, subkey).value();
    opening_ = OpeningKey::Create(subkey).value();
    Seal(content_);
  }
  absl::string_view Open() {
    return opening_
        ->Open(AssociatedData(RecordToSeal(), associated_), *ParseSealed(sealed_), content_)
        .value();
  }
  void Seal(absl::string_view content) {
    sealed_ = std::string(
        sealing_->Seal(AssociatedData(RecordToSeal(), associated_), content, buffer_).value());
  }
  void Update() {
    std::string content(Open());
    content[content.size() / 2] ^= 1;
    Seal(content);
  }

 private:
  std::optional<SealingKey> sealing_;
  std::optional<OpeningKey> opening_;
  std::string content_, associated_, buffer_, sealed_;
};

void BM_OpenSegment(benchmark::State& state) {
  Segment segment(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(segment.Open());
  state.SetItemsProcessed(state.iterations() * state.range(0) / int64_t{kRecordBytes});
}
BENCHMARK(BM_OpenSegment)->Arg(4 << 10)->Arg(16 << 10)->Arg(64 << 10);

void BM_UpdateInSegment(benchmark::State& state) {
  Segment segment(static_cast<size_t>(state.range(0)));
  for (auto _ : state) segment.Update();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_UpdateInSegment)->Arg(4 << 10)->Arg(16 << 10)->Arg(64 << 10);

}  // namespace
}  // namespace sluice::server

BENCHMARK_MAIN();
