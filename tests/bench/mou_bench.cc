// What documents cost: 1,000 MOUs of 20 grants from bytes to plans, signatures apart; and the diff
// of two versions of one with 360,000 cells (1,000 grants, each to 15 recipients, of 12 fields, for
// two operations) and 21 dates, of which every tenth grant changed.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/decide.h"
#include "policy/mou_diff.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

constexpr int kMous = 1000;
constexpr int kOwners = 10;
constexpr int kRecipients = 15;
constexpr int kPurposes = 100;
constexpr int kCells = kOwners * kPurposes * kRecipients * 12 * 2;
static_assert(kCells == 360'000);

std::string Head(const std::string& name, const std::vector<std::string>& parties) {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  std::string text = absl::StrCat("mou: ", name, "\nversion: 1\ntitle: ", name, "\nparties:\n");
  for (const std::string& party : parties) {
    absl::StrAppend(&text, "  - {organization: ", party, ", signatory_ca: ", digest, "}\n");
  }
  return absl::StrCat(text, "catalog: {", Pin("Candidate"),
                      "}\nauthority: [{basis: FERPA_CONSENT, citation: x}]\n"
                      "term: {effective: 2026-07-01, expires: 2029-07-01}\n"
                      "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\n"
                      "prohibitions: []\npurposes:\n");
}

// One with 20 grants, for a purpose each.
std::string Small(int i) {
  std::string text = Head(absl::StrCat("mou-", i), {"program", absl::StrCat("district-", i % 50)});
  for (int g = 0; g < 20; ++g) absl::StrAppend(&text, "  plan_", g, ": Plan.\n");
  text += "grants:\n";
  for (int g = 0; g < 20; ++g) {
    absl::StrAppend(&text, "  - {name: grant-", g, ", from: program, to: [district-", i % 50,
                    "], purpose: plan_", g,
                    ", record: Candidate, rows: {subject_area: {in: [MATHEMATICS, PHYSICS]}}, "
                    "fields: {candidate_id: pass, subject_area: pass, birth_date: {generalize: "
                    "{to: YEAR}}}}\n");
  }
  return text;
}

std::string Large(bool changed) {
  std::vector<std::string> parties;
  for (int i = 0; i < kOwners; ++i) parties.push_back(absl::StrCat("program-", i));
  std::string recipients;
  for (int i = 0; i < kRecipients; ++i) {
    parties.push_back(absl::StrCat("district-", i));
    absl::StrAppend(&recipients, i == 0 ? "" : ", ", parties.back());
  }
  std::string text = Head("large", parties);
  for (int p = 0; p < kPurposes; ++p) absl::StrAppend(&text, "  plan_", p, ": Plan.\n");
  text += "grants:\n";
  for (int g = 0; g < kOwners * kPurposes; ++g) {
    const bool is_changed = changed && g % 10 == 0;
    // Nineteen dates between the term's two.
    const int month = g % 9 + 1;
    absl::StrAppend(
        &text, "  - {name: grant-", g, ", from: program-", g / kPurposes, ", to: [", recipients,
        "], purpose: plan_", g % kPurposes, ", record: Candidate, period: {effective: 2027-0",
        month, "-01, expires: 202", g % 90 == 0 ? "8-12" : absl::StrCat("8-0", month), "-15}",
        ", rows: {expected_completion_year: {at_least: ", is_changed && g % 20 == 0 ? 2026 : 2027,
        "}}, fields: {sex: pass, race: pass, birth_city: pass, birth_state: pass, birth_country: "
        "pass, county_fips: pass, previous_career: pass, program_degree: pass, subject_area: pass, "
        "expected_completion_year: pass, source_system: pass, ",
        is_changed ? "birth_date: {generalize: {to: MONTH}}"
                   : "birth_date: {generalize: {to: YEAR}}",
        "}}\n");
  }
  return text;
}

void MouLoad(benchmark::State& state) {
  std::vector<std::string> documents;
  for (int i = 0; i < kMous; ++i) documents.push_back(Small(i));
  for (auto _ : state) {
    std::vector<MouVersion> versions;
    for (const std::string& document : documents) versions.push_back(SignedForTest(document));
    benchmark::DoNotOptimize(MouSet::Create(std::move(versions)));
  }
  state.SetItemsProcessed(state.iterations() * kMous);
}

void MouDifference(benchmark::State& state) {
  const auto before = CompileForTest(Large(false)), after = CompileForTest(Large(true));
  for (auto _ : state) {
    const absl::StatusOr<MouDiff> diff = Diff(*before, *after);
    if (!diff.ok() || diff->changes.empty()) std::abort();
    benchmark::DoNotOptimize(diff);
    state.counters["changes"] = static_cast<double>(diff->changes.size());
  }
  state.SetItemsProcessed(state.iterations() * kCells);
}

BENCHMARK(MouLoad)->Unit(benchmark::kMillisecond);
BENCHMARK(MouDifference)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::policy

BENCHMARK_MAIN();
