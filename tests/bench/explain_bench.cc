// Where the time of a read goes: its steps one after the other on one core, by the code that serves
// it, without gRPC and without a reader. Nanoseconds of computing a record, one JSON object a step;
// of the log, what is waited for.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/release.h"
#include "server/store/associated_data.h"
#include "server/store/record_page.h"
#include "server/store/record_subjects.h"
#include "server/store/sealed_bytes.h"
#include "server/store/sqlite_store.h"
#include "tests/bench/figure.h"
#include "tests/bench/workload.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

constexpr char kOwner[] = "state-university";
constexpr int64_t kBatch = 1000;
constexpr int kRuns = 3;

// What this thread has computed: that others are busy, too, changes nothing of it.
double Computed() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Takes messages as gRPC does, into memory of their own, and sends them nowhere.
class NoReader final : public MessageSink {
 public:
  absl::Status WaitForRoom() override { return absl::OkStatus(); }
  absl::Status Write(size_t size, absl::FunctionRef<void(char*)> fill) override {
    message_ = std::make_unique<char[]>(size);
    fill(message_.get());
    return absl::OkStatus();
  }
  bool cancelled() const override { return false; }

 private:
  std::unique_ptr<char[]> message_;
};

policy::Permit PermitOfTheWorkload() {
  const std::string ca = absl::StrCat("sha256:", std::string(64, 'a'));
  std::vector<policy::MouVersion> versions;
  versions.push_back(
      policy::SignedForTest(bench::Document(bench::kMou, ca, ca, "2026-07-01", "2028-07-01")));
  const std::shared_ptr<const policy::MouSet> mous = policy::MouSet::Create(std::move(versions));
  policy::Request request;
  request.organization = "river-unified";
  request.purpose = "hiring_pipeline";
  request.record_type = bench::kRecordType;
  request.operation = v1::OPERATION_READ;
  request.time = absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone());
  return std::get<policy::Permit>(policy::Decide(*mous, request));
}

struct Steps {
  std::vector<double> scan, open, project, make, log, send;  // nanoseconds a record, one a run
};

class Explained {
 public:
  explicit Explained(int64_t records)
      : records_(records), admitted_{PermitOfTheWorkload(), Receipt(), {}} {
    SqliteStoreOptions options;
    options.path = directory_.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    store_ = OpenSqliteStore(std::move(options)).value();
    AuditLogOptions log_options;
    log_options.origin = kTestOrigin;
    log_options.writer = "explain";
    log_options.tile_directory = directory_.Path("tiles");
    log_options.append_timeout = absl::Seconds(60);
    log_ = AuditLog::Open(log_options, store_.get(), log_key_.get(), [] {
             return absl::Now();
           }).value();
    admitted_.receipt = AuditReceiptForTest::Make(admitted_.permit.shared_plan().get());
    admitted_.entry.request = NewRequestId().value();
    admitted_.entry.caller = RiverUnified();
    admitted_.entry.terms = PipelineTerms();
  }
  ~Explained() {
    store_->Stop();
    log_->Stop();
  }

  void Publish() {
    for (int64_t begin = 0; begin < records_; begin += kBatch) {
      std::vector<policy::ValidRecord> records;
      for (int64_t i = begin; i < std::min(begin + kBatch, records_); ++i) {
        const v1::MentorAssignment record = bench::RecordOf(i);
        records.push_back(
            {.bytes = record.SerializeAsString(),
             .key = absl::StrCat("key ", i),
             .subjects = {{"candidate", record.candidate_id()}, {"staff", record.staff_id()}}});
      }
      PublishBatch batch = BatchOf(absl::StrCat("explain-", begin), std::move(records));
      batch.record_type = bench::kRecordType;
      if (!server::Publish(*store_, batch).ok()) std::abort();
    }
  }

  void Measure(Steps& steps) {
    const auto records = static_cast<double>(records_);
    steps.scan.push_back(Scan() / records);
    steps.open.push_back(Open());
    steps.project.push_back(Project());
    Read(steps);
  }

 private:
  static AuditReceipt Receipt() { return AuditReceiptForTest::Make(nullptr); }

  // Every record out of the store, and nothing done with it.
  double Scan() {
    int64_t seen = 0;
    size_t bytes = 0;
    const double begin = Computed();
    const absl::Status read =
        store_->Read(admitted_.permit, admitted_.receipt, kOwner, std::nullopt, std::nullopt,
                     [&](const StoredRecord& record) {
                       if (kept_.size() < kKept) kept_.push_back(Keep(record));
                       ++seen;
                       bytes += record.bytes.size();
                       return true;
                     });
    const double took = Computed() - begin;
    if (!read.ok() || seen != records_ || bytes == 0) std::abort();
    return took;
  }

  // Records that are in memory, sealed as the store seals them; nanoseconds a record.
  double Open() {
    const policy::Secret subkey = policy::Secret::Copy(std::string(32, 's'));
    SealingKey sealing = SealingKey::Create(1, subkey).value();
    const OpeningKey opening = OpeningKey::Create(subkey).value();
    const std::string subjects(2 * kRecordSubjectBytes, 's');
    std::string associated, content;
    const auto of = [&](const ScannedRecord& kept) {
      return AssociatedData(OfRecord{.owner = kOwner,
                                     .record_type = bench::kRecordType,
                                     .record_id = kept.place.record_id.bytes,
                                     .position = 1,
                                     .subjects = subjects},
                            associated);
    };
    std::vector<std::string> sealed(kept_.size());
    for (size_t i = 0; i < kept_.size(); ++i) {
      if (!sealing.Seal(of(kept_[i]), kept_[i].bytes, sealed[i]).ok()) std::abort();
      sealed[i].resize(kSealBytes + kept_[i].bytes.size());
    }
    const double begin = Computed();
    for (size_t i = 0; i < kept_.size(); ++i) {
      if (!opening.Open(of(kept_[i]), *ParseSealed(sealed[i]), content).ok()) std::abort();
    }
    return (Computed() - begin) / static_cast<double>(kept_.size());
  }

  // Records that are in memory, a page at a time; nanoseconds a record.
  double Project() {
    const std::unique_ptr<Projection> projection =
        Projection::Create({store_.get(), &keys_}, admitted_.permit, kOwner, {}).value();
    std::vector<StoredRecord> records;
    for (const ScannedRecord& kept : kept_) {
      records.push_back({kept.place, kept.bytes, kept.subjects, kept.ordinals});
    }
    std::string out;
    char row_id[Projection::kRowIdLength];
    const double begin = Computed();
    for (size_t at = 0; at < records.size(); at += RecordPage::kMostRecords) {
      const auto page = absl::MakeConstSpan(records).subspan(at, RecordPage::kMostRecords);
      if (out.size() > Release::kChunkBytes) out.clear();
      projection->Begin(page);
      for (size_t i = 0; i < page.size(); ++i) {
        if (projection->Project(i, &out) != policy::Projector::Outcome::kReleased) std::abort();
        projection->WriteRowId(i, row_id);
      }
    }
    return (Computed() - begin) / static_cast<double>(kept_.size());
  }

  // The whole way, chunk by chunk.
  void Read(Steps& steps) {
    const Caller caller =
        IdentityForTest::Make(policy::PrincipalKind::kSystem, "river-unified", "hiring");
    const std::unique_ptr<Release> release =
        Release::Create({store_.get(), &keys_, &tokens_}, caller, admitted_, bench::ReadRequest())
            .value();
    NoReader reader;
    Answer answer(&reader);
    if (!answer.Begin(release->Header()).ok()) std::abort();
    double make = 0, log = 0, send = 0;
    const auto ok = [] { return absl::OkStatus(); };
    while (true) {
      const double begin = Computed();
      std::optional<Releasable> chunk = release->Next(ok).value();
      make += Computed() - begin;
      if (!chunk) break;
      const absl::Time made = absl::Now();
      AuditReceipt receipt = log_->AppendDisclosure(*chunk, release->Disclosure(*chunk)).value();
      log += absl::ToDoubleNanoseconds(absl::Now() - made);
      const double logged = Computed();
      const ReleasedRows& rows = chunk->rows();
      const auto token = [&](absl::string_view id) { return release->PageToken(rows, id); };
      if (!answer.Send(*std::move(chunk), std::move(receipt), ok, token).ok()) std::abort();
      send += Computed() - logged;
    }
    if (answer.rows() != records_) std::abort();
    const auto records = static_cast<double>(records_);
    steps.make.push_back(make / records);
    steps.log.push_back(log / records);
    steps.send.push_back(send / records);
  }

  static constexpr size_t kKept = 50'000;

  const int64_t records_;
  const TestDirectory directory_;
  const std::unique_ptr<const LogKey> log_key_ = MakeLogKey();
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
  KeysForTest keys_;
  const PageTokens tokens_{keys_.PageTokenKey().value()};
  Admitted admitted_;
  std::vector<ScannedRecord> kept_;
};

void PrintStep(const char* step, double nanoseconds, const char* what) {
  std::printf("{\"step\":\"%s\",\"ns\":%.0f,\"what\":\"%s\"}\n", step, nanoseconds, what);
}

int Main(int64_t records) {
  Explained explained(records);
  explained.Publish();
  Steps steps;
  for (int run = 0; run <= kRuns; ++run) {
    if (run == 1) steps = Steps();  // the first run warms up
    explained.Measure(steps);
  }
  const double scan = bench::Median(steps.scan), open = bench::Median(steps.open);
  const double project = bench::Median(steps.project);
  PrintStep("scan", std::max(0.0, scan - open), "the store finds the record and its subjects");
  PrintStep("open", open, "AES-256-GCM, with what the record belongs to");
  PrintStep("project", project, "the projector, the pseudonyms, the row id");
  PrintStep("order", std::max(0.0, bench::Median(steps.make) - scan - project),
            "the chunk in order of row ids, its subjects each once");
  PrintStep("log", bench::Median(steps.log), "the chunk's entry, durable");
  PrintStep("assemble", bench::Median(steps.send), "the batches' bytes, the rows' digest, tokens");
  return 0;
}

}  // namespace
}  // namespace sluice::server

int main(int argc, char** argv) {
  const sluice::bench::Flags flags = sluice::bench::ParseFlags(
      argc, argv, "Says of a read where its time goes, without gRPC.", {{"explain", 200'000}});
  return sluice::server::Main(flags.RecordsOf("explain"));
}
