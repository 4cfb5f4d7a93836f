// What the log costs those who go through it and those who read it: a row's wait for the two
// entries before it; the accounting of a release of everybody; the report on one person over many
// releases; the verification of the whole log by the command.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "server/store/sqlite_store.h"
#include "server/subject_disclosures.h"
#include "tests/bench/durable_append.h"
#include "tests/bench/figure.h"
#include "tests/bench/run_command.h"
#include "tests/e2e/deployment.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/releasable_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using bench::Median;
using bench::Print;
using bench::Quantile;
using bench::Say;
using tests::Must;

constexpr char kLatency[] = "audit_latency";
constexpr char kAccounting[] = "audit_accounting";
constexpr char kSubject[] = "audit_subject";
constexpr char kVerify[] = "audit_verify";

constexpr uint32_t kChunk = 65'536;  // rows that one disclosure covers at most
constexpr int kRuns = 5;

double MillisecondsSince(absl::Time begin) {
  return absl::ToDoubleMilliseconds(absl::Now() - begin);
}

// A log that makes nothing durable before a row is read and leaves: what is there without the rule.
// It exists here alone.
class LogOff final : public AuditLog {
 public:
  explicit LogOff(AuditLog* log) : log_(*log) {}

  absl::StatusOr<AuditReceipt> AppendPermit(const policy::Permit& permit, DecisionEntry,
                                            const v1::Decision&) override {
    return MakeReceipt(&permit.plan(), 0);
  }
  absl::StatusOr<AuditReceipt> AppendOwnerPermit(const OwnerPermit& permit,
                                                 DecisionEntry) override {
    return MakeReceipt(permit.id(), 0);
  }
  absl::StatusOr<AuditReceipt> AppendDisclosure(const Releasable& chunk, DisclosureEntry) override {
    return MakeReceipt(chunk.id(), 0);
  }
  absl::Status AppendDenial(DecisionEntry, const v1::Decision&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Append(Entry) override { return 0; }
  void AppendLater(Entry) override {}

  absl::StatusOr<uint64_t> AppendIn(Transaction& transaction, const Entry& entry) override {
    return log_.AppendIn(transaction, entry);
  }
  uint64_t NextIndexIn(const Transaction& transaction) const override {
    return log_.NextIndexIn(transaction);
  }
  absl::Status GrowDictionaryIn(Transaction& transaction, absl::string_view owner,
                                const std::vector<NewSubject>& subjects) override {
    return log_.GrowDictionaryIn(transaction, owner, subjects);
  }
  absl::Time NewestEntryTime() const override { return log_.NewestEntryTime(); }
  uint64_t size() const override { return log_.size(); }
  std::string Checkpoint() const override { return log_.Checkpoint(); }
  std::string CosignedCheckpoint() const override { return log_.CosignedCheckpoint(); }
  WitnessReport Witnessed() const override { return log_.Witnessed(); }
  std::string Vkey() const override { return log_.Vkey(); }
  absl::Status Health() const override { return log_.Health(); }
  absl::Status Confirm(uint64_t index, absl::string_view body) const override {
    return log_.Confirm(index, body);
  }
  absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size) const override {
    return log_.InclusionProof(index, size);
  }
  absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t from, uint64_t to) const override {
    return log_.ConsistencyProof(from, to);
  }
  void Tick() override {}
  void Stop() override {}

 private:
  AuditLog& log_;
};

// The gateway's own way of a request on SQLite, without gRPC.
class Way final : public ExchangeFixture {
 public:
  Way() {
    SqliteStoreOptions options;
    options.path = directory_.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'h'));
    options.keks = std::make_shared<KeksForTest>();
    sqlite_ = Must(OpenSqliteStore(std::move(options)));
    SetUp();
    disclosures_ = std::make_unique<SubjectDisclosures>(SubjectDisclosures::Parts{
        policy::CatalogForTest(), admission_.get(), &mous_, log_.get(), sqlite_.get()});
  }
  ~Way() override {
    sqlite_->Stop();
    TearDown();
  }
  void TestBody() override {}

  void Latency();
  void Accounting(uint32_t subjects);
  void Subject(int64_t releases);

 private:
  Store& store() override { return *sqlite_; }
  // Adds the milliseconds of each call.
  void Get(Exchange& exchange, int callers, const std::vector<std::string>& rows,
           std::vector<double>& took);
  // The disclosures of a release of the ordinals from 1 on, a chunk each.
  void Disclose(uint64_t release, uint32_t subjects);

  TestDirectory directory_;
  std::unique_ptr<Store> sqlite_;
  std::unique_ptr<SubjectDisclosures> disclosures_;
};

// --- The wait of a row ---

constexpr int kRows = 1000;
constexpr absl::Duration kRound = absl::Seconds(1);

void Way::Get(Exchange& exchange, int callers, const std::vector<std::string>& rows,
              std::vector<double>& took) {
  std::vector<std::vector<double>> of_caller(callers);
  std::vector<std::thread> threads;
  const absl::Time end = absl::Now() + kRound;
  for (int c = 0; c < callers; ++c) {
    threads.emplace_back([&, c] {
      v1::GetRecordRequest request;
      request.set_purpose("hiring_pipeline");
      request.set_record_type("Candidate");
      for (size_t next = c * 131; absl::Now() < end; next += 7) {
        request.set_row_id(rows[next % rows.size()]);
        RequestId id = NewRequestId().value();
        const absl::Time begin = absl::Now();
        Must(exchange.Get(Recipient(), id, request).status());
        of_caller[c].push_back(MillisecondsSince(begin));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<double>& some : of_caller) {
    took.insert(took.end(), some.begin(), some.end());
  }
}

void Way::Latency() {
  Publish(CoveredUpTo(kRows));
  KeptMessages sent;
  Must(Read(Request(), sent));
  std::vector<std::string> rows;
  for (const auto& [row_id, bytes] : sent.Rows()) rows.push_back(row_id);

  LogOff log_off(log_.get());
  Denials denials(&log_off, denial_window_);
  Admission::Parts parts;
  parts.catalog = policy::CatalogForTest();
  parts.log = &log_off;
  parts.mous = &mous_;
  parts.clock = clock_.get();
  parts.denials = &denials;
  parts.await_fresh = [] { return absl::OkStatus(); };
  parts.identity = [this] { return identity_; };
  parts.purpose_permitted = [](absl::string_view, absl::string_view) { return true; };
  Admission admission(std::move(parts));
  Exchange without(&admission, &log_off, &spare_cores_,
                   Release::Parts{sqlite_.get(), &keys_, &tokens_});

  std::vector<double> on, off, on_alone, off_alone;
  for (int run = 0; run < kRuns; ++run) {
    Get(without, 8, rows, off);
    Get(*exchange_, 8, rows, on);
    Get(without, 1, rows, off_alone);
    Get(*exchange_, 1, rows, on_alone);
    Say(absl::StrFormat("a row by 8 callers in %.3f ms, log off %.3f ms; by one in %.3f and %.3f",
                        Median(on), Median(off), Median(on_alone), Median(off_alone)));
  }
  Print(
      {.name = kLatency,
       .value = Median(on),
       .unit = "ms",
       .baseline = "the same with the log off, 8 callers, median",
       .baseline_value = Median(off),
       .ratio = Median(on) / Median(off),
       .details = {{"added_median_ms", Median(on) - Median(off)},
                   {"added_99th_ms", Quantile(on, 0.99) - Quantile(off, 0.99)},
                   {"alone_added_median_ms", Median(on_alone) - Median(off_alone)},
                   {"alone_added_99th_ms", Quantile(on_alone, 0.99) - Quantile(off_alone, 0.99)}}});
}

// --- Whom a release was about ---

void Way::Disclose(uint64_t release, uint32_t subjects) {
  std::vector<policy::PlanField> fields;
  for (const policy::Field* const leaf : policy::CatalogForTest()->Find("Candidate")->leaves()) {
    if (fields.size() < 6) fields.push_back({leaf, policy::FieldRule::Pass()});
  }
  for (uint32_t begin = 0; begin < subjects; begin += kChunk) {
    std::vector<uint32_t> ordinals(std::min(kChunk, subjects - begin));
    for (size_t i = 0; i < ordinals.size(); ++i) {
      ordinals[i] = begin + 1 + static_cast<uint32_t>(i);
    }
    const size_t rows = ordinals.size();
    const Releasable chunk = ReleasableForTest::Of(std::move(ordinals), rows);
    DisclosureEntry entry = DisclosureOf(release, 0);
    entry.chunk = begin / kChunk;
    entry.fields = fields;
    Must(log_->AppendDisclosure(chunk, std::move(entry)).status());
  }
}

void Way::Accounting(uint32_t subjects) {
  std::vector<double> took;
  uint64_t first = 0;
  for (int run = 0; run < kRuns; ++run) {
    first = log_->size();
    const absl::Time begin = absl::Now();
    Disclose(run, subjects);
    took.push_back(MillisecondsSince(begin));
  }
  size_t bytes = 0;
  Must(store().ReadLogRows(first, log_->size(), [&](const LogRow& row) {
    bytes += row.body.size();
    return true;
  }));
  for (uint64_t index = first; index < log_->size(); ++index) {
    for (const LogRow::Opening& opening : Must(store().ReadOpenings(index))) {
      bytes += opening.salt.size() + opening.value.size();
    }
  }
  constexpr double kAllowed = 30;
  Print({.name = kAccounting,
         .records = subjects,
         .value = Median(took),
         .unit = "ms",
         .baseline = "what is allowed, of a release",
         .baseline_value = kAllowed,
         .ratio = Median(took) / kAllowed,
         .details = {{"kilobytes", static_cast<double>(bytes) / 1000},
                     {"entries", static_cast<double>(log_->size() - first)}}});
}

void Way::Subject(int64_t releases) {
  constexpr uint32_t kSubjects = 1'000'000;
  constexpr double kAllowed = 50;
  // The person has the dictionary's first ordinal. The others need no names: a bitmap has none.
  Publish(CoveredUpTo(1));
  for (int64_t release = 0; release < releases; ++release) Disclose(release, kSubjects);
  Say("disclosed");
  std::vector<double> took;
  for (int run = 0; run < kRuns; ++run) {
    v1::ListSubjectDisclosuresRequest request;
    request.set_parent("organizations/state-university");
    request.set_id_space("candidate");
    request.set_id(Covered(0).candidate_id());
    request.set_page_size(1000);
    int64_t found = 0;
    const absl::Time begin = absl::Now();
    do {
      RequestId id = NewRequestId().value();
      const auto page = Must(disclosures_->List(
          IdentityForTest::Make(policy::PrincipalKind::kAuditor, "state-university", "quinn"), id,
          request));
      found += page.disclosures_size();
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    took.push_back(MillisecondsSince(begin));
    if (found != releases) Must(absl::InternalError("the report misses a release"));
  }
  Print({.name = kSubject,
         .records = releases,
         .value = Median(took),
         .unit = "ms",
         .baseline = "what is allowed, over releases of 1,000,000 subjects",
         .baseline_value = kAllowed,
         .ratio = Median(took) / kAllowed});
}

// --- The whole log ---

void Verify(int64_t entries) {
  constexpr double kAllowed = 10;
  const TestDirectory directory;
  std::string vkey;
  {
    bench::DurableAppends log(directory.Path("log"));
    vkey = log.Vkey();
    log.Fill(64, static_cast<uint64_t>(entries));
    log.Stop();
  }
  Say("the log is made");
  const std::string key = directory.Path("vkey");
  tests::WriteFile(key, vkey + "\n");
  std::vector<double> took;
  double peak = 0;
  for (int run = 0; run < 3; ++run) {
    // A state of its own: nothing was verified before.
    const std::string state = directory.Path(absl::StrFormat("state-%d", run));
    const bench::Run verified = bench::RunCommand(
        {{"XDG_STATE_HOME", state}},
        {"audit", "verify", "--vkey", key, "--directory", directory.Path("log/tiles")});
    took.push_back(verified.seconds);
    peak = std::max(peak, verified.peak_mebibytes);
  }
  Print({.name = kVerify,
         .records = entries,
         .value = Median(took),
         .unit = "s",
         .baseline = "what is allowed",
         .baseline_value = kAllowed,
         .ratio = Median(took) / kAllowed,
         .details = {{"entries_per_s", static_cast<double>(entries) / Median(took)},
                     {"peak_mib", peak}}});
}

int Main(const bench::Flags& flags) {
  if (flags.Wants(kLatency)) Way().Latency();
  if (flags.Wants(kAccounting)) {
    Way().Accounting(static_cast<uint32_t>(flags.RecordsOf(kAccounting)));
  }
  if (flags.Wants(kSubject)) Way().Subject(flags.RecordsOf(kSubject));
  if (flags.Wants(kVerify)) Verify(flags.RecordsOf(kVerify));
  return 0;
}

}  // namespace
}  // namespace sluice::server

int main(int argc, char** argv) {
  using namespace sluice::server;
  return Main(sluice::bench::ParseFlags(
      argc, argv, "Measures what the log costs, and what reading it costs.",
      {{kLatency}, {kAccounting, 1'000'000}, {kSubject, 1000}, {kVerify, 1'000'000}}));
}
