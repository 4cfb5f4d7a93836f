// How many decisions a second one thread makes, by names, with 1,000 MOUs loaded.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/decide.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

constexpr int kMous = 1000;
constexpr int kRecipients = 50;

std::string Recipient(int i) { return absl::StrCat("district-", i % kRecipients); }

// One MOU of a program with a district: six grants, six purposes. Twenty MOUs share a district,
// each with purposes of its own.
std::string Document(int i) {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  std::string text =
      absl::StrCat("mou: mou-", i, "\nversion: 1\ntitle: Number ", i,
                   "\nparties:\n  - {organization: program, signatory_ca: ", digest,
                   "}\n  - {organization: ", Recipient(i), ", signatory_ca: ", digest,
                   "}\ncatalog: {", Pin("Candidate"),
                   "}\nauthority: [{basis: FERPA_DEIDENTIFIED, citation: x}]\n"
                   "term: {effective: 2026-07-01, expires: 2028-07-01}\npurposes:\n");
  for (int g = 0; g < 6; ++g) absl::StrAppend(&text, "  plan_hiring_", i, "_", g, ": Plan.\n");
  absl::StrAppend(&text,
                  "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\ngrants:\n");
  for (int g = 0; g < 6; ++g) {
    absl::StrAppend(&text, "  - name: grant-", g, "\n    from: program\n    to: [", Recipient(i),
                    "]\n    purpose: plan_hiring_", i, "_", g,
                    "\n    record: Candidate\n"
                    "    rows: {subject_area: {in: [MATHEMATICS, PHYSICS]}}\n"
                    "    fields: {candidate_id: pseudonymize, subject_area: pass, birth_date: "
                    "{generalize: {to: YEAR}}}\n");
  }
  return absl::StrCat(text, "prohibitions: []\n");
}

struct Workload {
  std::shared_ptr<const MouSet> mous;
  std::vector<std::string> names, organizations, purposes;
};

const Workload& TheWorkload() {
  static const Workload* const kWorkload = [] {
    auto* workload = new Workload();
    std::vector<MouVersion> versions;
    for (int i = 0; i < kMous; ++i) {
      versions.push_back(SignedForTest(Document(i)));
      workload->names.push_back(absl::StrCat("mou-", i));
      workload->organizations.push_back(Recipient(i));
      workload->purposes.push_back(absl::StrCat("plan_hiring_", i, "_", i % 6));
    }
    workload->mous = MouSet::Create(std::move(versions));
    return workload;
  }();
  return *kWorkload;
}

void RunDecide(benchmark::State& state, bool named) {
  const Workload& workload = TheWorkload();
  Request request;
  request.record_type = "Candidate";
  request.operation = v1::OPERATION_READ;
  request.time = absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone());
  // A step that is coprime to their number: neighbors in the workload are not in memory.
  size_t i = 0;
  for (auto _ : state) {
    i = (i + 379) % kMous;
    request.organization = workload.organizations[i];
    request.purpose = workload.purposes[i];
    if (named) request.mou = workload.names[i];
    const Decision decision = Decide(*workload.mous, request);
    if (!std::holds_alternative<Permit>(decision)) std::abort();
    benchmark::DoNotOptimize(decision);
  }
  state.SetItemsProcessed(state.iterations());
}

void MouNamed(benchmark::State& state) { RunDecide(state, true); }
void MouNotNamed(benchmark::State& state) { RunDecide(state, false); }

void Load(benchmark::State& state) {
  std::vector<std::string> documents;
  for (int i = 0; i < kMous; ++i) documents.push_back(Document(i));
  for (auto _ : state) {
    std::vector<MouVersion> versions;
    for (const std::string& document : documents) versions.push_back(SignedForTest(document));
    benchmark::DoNotOptimize(MouSet::Create(std::move(versions)));
  }
  state.SetItemsProcessed(state.iterations() * kMous);
}

BENCHMARK(MouNamed);
BENCHMARK(MouNotNamed);
BENCHMARK(Load)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::policy

BENCHMARK_MAIN();
