// Projection at the wire against parse, reflect, serialize: the same records, the same rules, the
// same box around the rows.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "google/type/date.pb.h"
#include "policy/projector.h"
#include "sluice/v1/candidate_records.pb.h"
#include "tests/support/record_generator.h"

namespace sluice::policy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kRecords = 2000;

Pseudonymizer Pseudonyms() { return Pseudonymizer::Create(Secret(32)).value(); }

FieldRule Rule(v1::DatePrecision to, int band) {
  v1::FieldRule rule;
  rule.mutable_generalize()->set_to(to);
  rule.mutable_generalize()->set_band(band);
  return FieldRule::FromProto(rule).value();
}

FieldRule Zip3() {
  v1::FieldRule rule;
  rule.mutable_generalize()->set_zip3("CENSUS_2000");
  return FieldRule::FromProto(rule).value();
}

// The id's pseudonym, two generalized, six passed, the rest dropped; the rows in a box.
std::shared_ptr<const Plan> NewPlan(bool boxed) {
  auto plan = std::make_shared<Plan>();
  plan->catalog = Catalog::BuiltIn().value();
  plan->type = plan->catalog->Find("Candidate");
  const auto field = [&](const char* path) { return plan->type->Find(path); };
  std::vector<Box::Constraint> rows;
  if (boxed) {
    rows.push_back(
        {field("subject_area"), ValueSet::Codes(field("subject_area")->code_set->codes())});
    rows.push_back({field("expected_completion_year"), ValueSet::Interval(2020, std::nullopt)});
  }
  plan->grants.push_back({"g",
                          "owner",
                          Box(std::move(rows), Box::Unset::kExcluded),
                          {{field("candidate_id"), FieldRule::Pseudonymize()},
                           {field("birth_date"), Rule(v1::DATE_PRECISION_YEAR, 5)},
                           {field("home_postal_code"), Zip3()},
                           {field("sex"), FieldRule::Pass()},
                           {field("race"), FieldRule::Pass()},
                           {field("hispanic_latino_ethnicity"), FieldRule::Pass()},
                           {field("first_generation_student"), FieldRule::Pass()},
                           {field("subject_area"), FieldRule::Pass()},
                           {field("expected_completion_year"), FieldRule::Pass()}},
                          1});
  return plan;
}

std::vector<std::string> Records() {
  const sluice::testing::RecordGenerator records(7);
  std::vector<std::string> bytes;
  for (int i = 0; i < kRecords; ++i) bytes.push_back(records.Candidate(i).SerializeAsString());
  return bytes;
}

void Project(benchmark::State& state) {
  const std::vector<std::string> records = Records();
  const auto projector =
      Projector::Create(NewPlan(state.range(0) != 0), "owner", {}, Pseudonyms()).value();
  const std::vector<SubjectId> subjects(1);
  size_t in = 0, released = 0;
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (const std::string& record : records) {
      if (projector->Project(record, subjects, &out) != Projector::Outcome::kReleased) std::abort();
      in += record.size();
    }
    released += out.size();
  }
  const auto rows = static_cast<double>(state.iterations() * kRecords);
  state.SetItemsProcessed(state.iterations() * kRecords);
  state.counters["bytes_in"] = static_cast<double>(in) / rows;
  state.counters["bytes_out"] = static_cast<double>(released) / rows;
}
BENCHMARK(Project)->Arg(0)->Arg(1)->ArgName("boxed");

// What a masking layer does that knows the types by reflection: parses, asks whether the row is in
// the box, goes over the fields that are there, drops, rewrites, serializes. It does the
// projector's work on these records and less than that on others: it looks at no calendar, no order
// of fields and one postal code area alone.
class ReflectingMasker {
 public:
  explicit ReflectingMasker(bool boxed) : plan_(NewPlan(boxed)), pseudonyms_(Pseudonyms()) {
    const PlanGrant& grant = plan_->grants[0];
    for (const PlanField& f : grant.fields) rules_.emplace(f.field->number, f.rule.kind());
    for (const Box::Constraint& c : grant.rows.constraints()) {
      box_.push_back({v1::Candidate::descriptor()->FindFieldByNumber(c.field->number),
                      &c.values,
                      {c.values.codes().begin(), c.values.codes().end()}});
    }
  }

  // Whether the row leaves.
  bool Mask(const std::string& record, const SubjectId& subject, std::string* out) {
    if (!message_.ParseFromString(record) || !InBox()) return false;
    const Reflection& r = *message_.GetReflection();
    r.ListFields(message_, &fields_);
    for (const FieldDescriptor* const field : fields_) {
      const auto rule = rules_.find(field->number());
      if (rule == rules_.end()) {
        r.ClearField(&message_, field);
        continue;
      }
      switch (rule->second) {
        case FieldRule::Kind::kPseudonymize:
          r.SetString(&message_, field, pseudonyms_.Of(subject));
          break;
        case FieldRule::Kind::kDate: {
          Message* const date = r.MutableMessage(&message_, field);
          const Reflection& d = *date->GetReflection();
          d.SetInt32(date, kYear, d.GetInt32(*date, kYear) / 5 * 5);
          d.ClearField(date, kMonth);
          d.ClearField(date, kDay);
          break;
        }
        case FieldRule::Kind::kZip3: {
          std::string area = r.GetStringReference(message_, field, &scratch_).substr(0, 3);
          if (area == "036") area = "000";
          r.SetString(&message_, field, std::move(area));
          break;
        }
        default:
          break;
      }
    }
    return message_.AppendToString(out);
  }

 private:
  struct Constraint {
    const FieldDescriptor* field;
    const ValueSet* values;
    absl::flat_hash_set<std::string> codes;
  };

  bool InBox() {
    const Reflection& r = *message_.GetReflection();
    for (const Constraint& c : box_) {
      if (!r.HasField(message_, c.field)) return false;
      if (c.codes.empty()) {
        const int64_t value = r.GetInt32(message_, c.field);
        if (c.values->at_least() && value < *c.values->at_least()) return false;
        if (c.values->below() && value >= *c.values->below()) return false;
      } else if (!c.codes.contains(r.GetStringReference(message_, c.field, &scratch_))) {
        return false;
      }
    }
    return true;
  }

  const FieldDescriptor* const kYear = google::type::Date::descriptor()->FindFieldByNumber(1);
  const FieldDescriptor* const kMonth = google::type::Date::descriptor()->FindFieldByNumber(2);
  const FieldDescriptor* const kDay = google::type::Date::descriptor()->FindFieldByNumber(3);
  const std::shared_ptr<const Plan> plan_;
  const Pseudonymizer pseudonyms_;
  absl::flat_hash_map<int, FieldRule::Kind> rules_;
  std::vector<Constraint> box_;
  std::string scratch_;
  v1::Candidate message_;
  std::vector<const FieldDescriptor*> fields_;
};

void ParseReflectSerialize(benchmark::State& state) {
  const std::vector<std::string> records = Records();
  const bool boxed = state.range(0) != 0;
  ReflectingMasker masker(boxed);
  const SubjectId subject{};
  // The same bytes as the projector's, or the comparison means nothing.
  const auto projector = Projector::Create(NewPlan(boxed), "owner", {}, Pseudonyms()).value();
  const std::vector<SubjectId> subjects(1);
  for (const std::string& record : records) {
    std::string masked, projected;
    if (!masker.Mask(record, subject, &masked)) std::abort();
    projector->Project(record, subjects, &projected);
    if (masked != projected) std::abort();
  }
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (const std::string& record : records) masker.Mask(record, subject, &out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * kRecords);
}
BENCHMARK(ParseReflectSerialize)->Arg(0)->Arg(1)->ArgName("boxed");

}  // namespace
}  // namespace sluice::policy

BENCHMARK_MAIN();
