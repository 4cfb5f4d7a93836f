// Decide against the reference evaluator, over random documents, states and requests; and the
// properties that hold of both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_join.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/nearest_grants.h"
#include "policy/reference_evaluator.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using reference::Asked;
using reference::Names;

const char* const kOrganizations[] = {"alpha", "beta", "gamma"};
const char* const kPurposes[] = {"plan", "hire"};
const char* const kRecords[] = {"Candidate", "ProgramEnrollment"};
const char* const kSubjects[] = {"MATHEMATICS", "PHYSICS", "BIOLOGY"};

std::vector<std::string> FieldsOf(const std::string& record) {
  if (record == "Candidate") return {"sex", "subject_area", "expected_completion_year"};
  return {"pathway", "completer", "reason_exited"};
}

absl::CivilDay DayOf(int day) { return absl::CivilDay(2026, 7, 1) + day; }

std::string DayText(int day) { return absl::FormatCivilTime(DayOf(day)); }

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  int Number(int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random_);
  }
  bool OneIn(int n) { return Number(1, n) == 1; }
  template <typename Array>
  std::string Pick(const Array& array) {
    return array[Number(0, static_cast<int>(std::size(array)) - 1)];
  }
  template <typename Array>
  Names Some(const Array& array) {
    Names names = {Pick(array)};
    for (const auto& name : array) {
      if (OneIn(3)) names.insert(name);
    }
    return names;
  }

  reference::Rows MakeRows() {
    reference::Rows rows;
    if (OneIn(3)) rows.at_least = Number(2026, 2028);
    if (OneIn(3)) rows.below = Number(2028, 2030);
    if (rows.at_least == rows.below) rows.below.reset();
    if (OneIn(2)) rows.subjects = Some(kSubjects);
    return rows;
  }

  reference::Grant MakeGrant(int index, const reference::Version& v) {
    reference::Grant g;
    g.name = absl::StrCat("g", index);
    g.from = Pick(kOrganizations);
    g.to = Some(kOrganizations);
    g.purpose = Pick(kPurposes);
    g.record = Pick(kRecords);
    g.operations = OneIn(2) ? Names{"READ", "SYNC"} : Names{OneIn(2) ? "READ" : "SYNC"};
    g.effective = OneIn(2) ? v.effective : Number(v.effective, v.expires - 1);
    g.expires = OneIn(2) ? v.expires : Number(g.effective + 1, v.expires);
    if (g.record == "Candidate") g.rows = MakeRows();
    g.fields = Some(FieldsOf(g.record));
    return g;
  }

  reference::Prohibition MakeProhibition(int index, const reference::Version& v) {
    reference::Prohibition p;
    p.name = absl::StrCat("p", index);
    if (OneIn(3)) p.from = Some(kOrganizations);
    if (!OneIn(3)) p.to = Some(kOrganizations);
    if (OneIn(3)) p.purposes = Some(kPurposes);
    if (OneIn(2)) p.record = Pick(kRecords);
    if (p.record == "Candidate" && OneIn(2)) p.rows = MakeRows();
    if (p.record.has_value() && OneIn(2)) p.fields = Some(FieldsOf(*p.record));
    p.effective = OneIn(2) ? v.effective : Number(v.effective, v.expires - 1);
    p.expires = OneIn(2) ? v.expires : Number(p.effective + 1, v.expires);
    return p;
  }

  reference::Version MakeVersion(int number) {
    reference::Version v;
    v.number = number;
    v.parties = {"alpha", "beta", "gamma"};
    if (OneIn(4)) v.parties.insert("delta");
    v.effective = Number(0, 4) + 3 * (number - 1);
    v.expires = v.effective + Number(2, 8);
    const int grants = Number(0, 5);
    for (int i = 0; i < grants; ++i) v.grants.push_back(MakeGrant(i, v));
    const int prohibitions = OneIn(2) ? 0 : Number(1, 3);
    for (int i = 0; i < prohibitions; ++i) v.prohibitions.push_back(MakeProhibition(i, v));
    if (OneIn(6)) v.not_signed_by = {"beta"};
    v.ever_signed = v.not_signed_by.empty() || OneIn(2);
    v.suspended = v.ever_signed && OneIn(8);
    if (v.ever_signed && OneIn(8)) v.terminated_on = Number(v.effective - 2, v.expires);
    for (const reference::Grant& g : v.grants) {
      if (OneIn(8)) v.withdrawn.insert(g.name);
    }
    return v;
  }

  Asked MakeAsked() {
    Asked asked;
    asked.organization = OneIn(12) ? "delta" : Pick(kOrganizations);
    if (!OneIn(4)) asked.mou = OneIn(12) ? "m9" : "m1";
    asked.purpose = OneIn(12) ? "other" : Pick(kPurposes);
    asked.record = OneIn(12) ? "Employment" : Pick(kRecords);
    asked.operation = OneIn(2) ? "READ" : "SYNC";
    asked.day = Number(-1, 14);
    return asked;
  }

  std::mt19937 random_;
};

std::string List(const Names& names) { return absl::StrCat("[", absl::StrJoin(names, ", "), "]"); }

std::string RowsText(const reference::Rows& rows) {
  std::vector<std::string> parts, ends;
  if (rows.at_least) ends.push_back(absl::StrCat("at_least: ", *rows.at_least));
  if (rows.below) ends.push_back(absl::StrCat("below: ", *rows.below));
  if (!ends.empty()) {
    parts.push_back(absl::StrCat("expected_completion_year: {", absl::StrJoin(ends, ", "), "}"));
  }
  if (rows.subjects) {
    parts.push_back(absl::StrCat("subject_area: {in: ", List(*rows.subjects), "}"));
  }
  return parts.empty() ? "" : absl::StrCat(", rows: {", absl::StrJoin(parts, ", "), "}");
}

std::string PeriodText(int effective, int expires) {
  return absl::StrCat(", period: {effective: ", DayText(effective), ", expires: ", DayText(expires),
                      "}");
}

std::string Yaml(const std::string& name, const reference::Version& v) {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  std::string text = absl::StrCat("mou: ", name, "\nversion: ", v.number, "\ntitle: T\nparties:\n");
  for (const std::string& party : v.parties) {
    absl::StrAppend(&text, "  - {organization: ", party, ", signatory_ca: ", digest, "}\n");
  }
  absl::StrAppend(&text, "catalog: {", Pin("Candidate"), ", ", Pin("ProgramEnrollment"),
                  "}\nauthority: [{basis: FERPA_CONSENT, citation: C}]\nterm: {effective: ",
                  DayText(v.effective), ", expires: ", DayText(v.expires),
                  "}\npurposes: {plan: P, hire: H}\n"
                  "obligations: {destroy_within_days: 1, redisclosure: PROHIBITED}\ngrants:\n");
  for (const reference::Grant& g : v.grants) {
    absl::StrAppend(&text, "  - {name: ", g.name, ", from: ", g.from, ", to: ", List(g.to),
                    ", purpose: ", g.purpose, ", record: ", g.record,
                    ", operations: ", List(g.operations), PeriodText(g.effective, g.expires),
                    RowsText(g.rows), ", fields: {", absl::StrJoin(g.fields, ": pass, "),
                    ": pass}}\n");
  }
  if (v.grants.empty()) absl::StrReplaceAll({{"grants:\n", "grants: []\n"}}, &text);
  absl::StrAppend(&text, "prohibitions:", v.prohibitions.empty() ? " []" : "", "\n");
  for (const reference::Prohibition& p : v.prohibitions) {
    absl::StrAppend(&text, "  - {name: ", p.name, ", reason: R",
                    p.from ? absl::StrCat(", from: ", List(*p.from)) : "",
                    p.to ? absl::StrCat(", to: ", List(*p.to)) : "",
                    p.purposes ? absl::StrCat(", purposes: ", List(*p.purposes)) : "",
                    p.record ? absl::StrCat(", record: ", *p.record) : "", RowsText(p.rows),
                    p.fields ? absl::StrCat(", fields: ", List(*p.fields)) : "",
                    PeriodText(p.effective, p.expires), "}\n");
  }
  return text;
}

// Null if check refuses the document: a grant may be wholly removed (P006).
std::shared_ptr<const MouSet> Compile(const reference::Mous& mous) {
  std::vector<MouVersion> versions;
  for (const auto& [name, all] : mous) {
    for (const reference::Version& v : all) {
      const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", Yaml(name, v));
      EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].ToString() << Yaml(name, v);
      auto mou = CompiledMou::Compile(parsed.document, CatalogForTest());
      if (!mou.ok()) {
        EXPECT_THAT(std::string(mou.status().message()), ::testing::HasSubstr("P006"))
            << Yaml(name, v);
        return nullptr;
      }
      MouVersion version;
      version.mou = *std::move(mou);
      version.unsigned_parties.assign(v.not_signed_by.begin(), v.not_signed_by.end());
      version.ever_signed = v.ever_signed;
      version.suspended = v.suspended;
      if (v.terminated_on) version.terminated_on = DayOf(*v.terminated_on);
      version.withdrawn_grants.insert(v.withdrawn.begin(), v.withdrawn.end());
      versions.push_back(std::move(version));
    }
  }
  return MouSet::Create(std::move(versions));
}

Decision Ask(const MouSet& mous, const Asked& asked) {
  Request request;
  request.organization = asked.organization;
  if (asked.mou) request.mou = *asked.mou;
  request.purpose = asked.purpose;
  request.record_type = asked.record;
  request.operation = asked.operation == "READ" ? v1::OPERATION_READ : v1::OPERATION_SYNC;
  request.time = absl::FromCivil(DayOf(asked.day), absl::UTCTimeZone()) + absl::Hours(5);
  return Decide(mous, request);
}

std::string CodeOf(const Decision& decision) {
  const auto* denial = std::get_if<Denial>(&decision);
  return denial == nullptr ? "PERMIT" : CodeName(denial->code);
}

Value ValueOf(const reference::Row& row, const Field& field) {
  static const CodeSet& subjects =
      *CatalogForTest()->Find("Candidate")->Find("subject_area")->code_set;
  if (field.name == "expected_completion_year" && row.year) return Value::Number(*row.year);
  if (field.name == "subject_area" && row.subject) {
    for (const std::string& code : subjects.codes()) {
      if (CodeSet::ShortName(code) == *row.subject) return Value::Code(code);
    }
  }
  return Value::Unset();
}

// What the plan releases of a row: a grant and no prohibition.
Names ReleasedBy(const Plan& plan, const std::string& owner, const reference::Row& row) {
  const auto value_of = [&](const Field& f) { return ValueOf(row, f); };
  Names released;
  for (const PlanGrant& grant : plan.grants) {
    if (grant.owner != owner || !grant.rows.Contains(value_of)) continue;
    for (const PlanField& f : grant.fields) {
      const bool prohibited = std::any_of(
          plan.prohibitions.begin(), plan.prohibitions.end(), [&](const PlanProhibition& p) {
            const bool owned = p.owners.empty() ||
                               std::find(p.owners.begin(), p.owners.end(), owner) != p.owners.end();
            const bool listed =
                !p.fields.has_value() ||
                std::find(p.fields->begin(), p.fields->end(), f.field) != p.fields->end();
            return owned && listed && p.rows.Contains(value_of);
          });
      if (!prohibited) released.insert(f.field->path);
    }
  }
  return released;
}

constexpr uint32_t kSeed = 20260701;
constexpr int kDocuments = 400;
constexpr int kRequests = 60;

reference::Mous MakeMous(Generator& generator, int most_versions) {
  reference::Mous mous;
  const int count = generator.Number(1, 3);
  for (int m = 1; m <= count; ++m) {
    const int versions = generator.Number(1, most_versions);
    for (int v = 1; v <= versions; ++v) {
      mous[absl::StrCat("m", m)].push_back(generator.MakeVersion(v));
    }
  }
  return mous;
}

TEST(DecideReference, AgreesOnCodesAndOnEachRow) {
  Generator generator(kSeed);
  std::map<std::string, int> seen;
  for (int d = 0; d < kDocuments; ++d) {
    const reference::Mous mous = MakeMous(generator, 3);
    const auto compiled = Compile(mous);
    if (compiled == nullptr) continue;
    for (int r = 0; r < kRequests; ++r) {
      const Asked asked = generator.MakeAsked();
      const reference::Answer expected = reference::Evaluate(mous, asked);
      const Decision decision = Ask(*compiled, asked);
      ASSERT_EQ(CodeOf(decision), expected.code)
          << "document " << d << " request " << r << " " << Explain(decision);
      ++seen[expected.code];
      const auto* permit = std::get_if<Permit>(&decision);
      if (permit == nullptr) continue;
      ASSERT_EQ(permit->mou().name(), expected.mou);
      ASSERT_EQ(permit->mou().version(), expected.version->number);
      for (const reference::Row& row : reference::AllRows()) {
        for (const char* owner : kOrganizations) {
          ASSERT_EQ(ReleasedBy(permit->plan(), owner, row),
                    reference::Released(*expected.version, asked, owner, row))
              << "document " << d << " request " << r;
        }
      }
    }
  }
  // The comparison is worth what it reached.
  for (const char* code :
       {"PERMIT", "NO_MOU", "AMBIGUOUS_MOU", "NOT_SIGNED", "SUSPENDED", "TERMINATED",
        "OUTSIDE_PERIOD", "NOT_A_RECIPIENT", "PURPOSE_NOT_GRANTED", "RECORD_NOT_GRANTED",
        "OPERATION_NOT_GRANTED", "WITHDRAWN", "PROHIBITED"}) {
    EXPECT_GT(seen[code], 0) << code;
  }
}

TEST(DecideReference, WithoutGrantsAllIsDenied) {
  Generator generator(kSeed);
  reference::Version v = generator.MakeVersion(1);
  v.grants.clear();
  const auto compiled = Compile({{"m1", {v}}});
  ASSERT_NE(compiled, nullptr);
  for (int r = 0; r < 1000; ++r) {
    EXPECT_NE(CodeOf(Ask(*compiled, generator.MakeAsked())), "PERMIT");
  }
}

TEST(DecideReference, TheOrderOfGrantsIsIrrelevant) {
  Generator generator(kSeed + 1);
  for (int d = 0; d < 100; ++d) {
    const reference::Mous mous = MakeMous(generator, 1);
    reference::Mous other = mous;
    for (auto& [name, versions] : other) {
      std::shuffle(versions[0].grants.begin(), versions[0].grants.end(), generator.random_);
    }
    const auto a = Compile(mous), b = Compile(other);
    ASSERT_EQ(a == nullptr, b == nullptr);
    if (a == nullptr) continue;
    for (int r = 0; r < kRequests; ++r) {
      const Asked asked = generator.MakeAsked();
      const Decision x = Ask(*a, asked), y = Ask(*b, asked);
      ASSERT_EQ(CodeOf(x), CodeOf(y));
      if (CodeOf(x) != "PERMIT") continue;
      for (const reference::Row& row : reference::AllRows()) {
        for (const char* owner : kOrganizations) {
          ASSERT_EQ(ReleasedBy(std::get<Permit>(x).plan(), owner, row),
                    ReleasedBy(std::get<Permit>(y).plan(), owner, row));
        }
      }
    }
  }
}

TEST(DecideReference, AProhibitionMoreNeverAddsAPair) {
  Generator generator(kSeed + 2);
  for (int d = 0; d < 150; ++d) {
    reference::Version v = generator.MakeVersion(1);
    reference::Version more = v;
    more.prohibitions.push_back(generator.MakeProhibition(9, v));
    const auto a = Compile({{"m1", {v}}}), b = Compile({{"m1", {more}}});
    if (a == nullptr || b == nullptr) continue;
    for (int r = 0; r < kRequests; ++r) {
      const Asked asked = generator.MakeAsked();
      const Decision before = Ask(*a, asked), after = Ask(*b, asked);
      if (CodeOf(after) != "PERMIT") continue;
      ASSERT_EQ(CodeOf(before), "PERMIT");
      for (const reference::Row& row : reference::AllRows()) {
        for (const char* owner : kOrganizations) {
          const Names was = ReleasedBy(std::get<Permit>(before).plan(), owner, row);
          const Names is = ReleasedBy(std::get<Permit>(after).plan(), owner, row);
          ASSERT_TRUE(std::includes(was.begin(), was.end(), is.begin(), is.end()));
        }
      }
    }
  }
}

// Mends one condition: of the request where the caller can, of the document or its state otherwise.
void Repair(v1::DenialCode code, const std::string& name, reference::Version& v, Asked& asked) {
  const auto grant = std::find_if(v.grants.begin(), v.grants.end(),
                                  [&](const reference::Grant& g) { return g.name == name; });
  ASSERT_NE(grant, v.grants.end());
  if (code == v1::DENIAL_CODE_NOT_A_RECIPIENT) grant->to.insert(asked.organization);
  if (code == v1::DENIAL_CODE_PURPOSE_NOT_GRANTED) asked.purpose = grant->purpose;
  if (code == v1::DENIAL_CODE_RECORD_NOT_GRANTED) asked.record = grant->record;
  if (code == v1::DENIAL_CODE_OPERATION_NOT_GRANTED) asked.operation = *grant->operations.begin();
  if (code == v1::DENIAL_CODE_OUTSIDE_PERIOD) {
    asked.day = std::clamp(asked.day, grant->effective, grant->expires - 1);
  }
  if (code == v1::DENIAL_CODE_WITHDRAWN) v.withdrawn.clear();
  if (code == v1::DENIAL_CODE_PROHIBITED) v.prohibitions.clear();
  if (code == v1::DENIAL_CODE_SUSPENDED) v.suspended = false;
  if (code == v1::DENIAL_CODE_TERMINATED) v.terminated_on.reset();
  if (code == v1::DENIAL_CODE_NOT_SIGNED) {
    v.not_signed_by.clear();
    v.ever_signed = true;
  }
}

TEST(DecideReference, RepairOfASingleNamedConditionGivesAPermit) {
  Generator generator(kSeed + 3);
  std::map<v1::DenialCode, int> repaired;
  for (int d = 0; d < 500; ++d) {
    const reference::Version v = generator.MakeVersion(1);
    const auto compiled = Compile({{"m1", {v}}});
    if (compiled == nullptr) continue;
    for (int r = 0; r < kRequests; ++r) {
      Asked asked = generator.MakeAsked();
      const Decision decision = Ask(*compiled, asked);
      const auto* denial = std::get_if<Denial>(&decision);
      if (denial == nullptr || denial->nearest.empty()) continue;
      ASSERT_LE(denial->nearest.size(), 3u);
      const v1::NearestGrant& near = denial->nearest[0];
      ASSERT_GE(near.failed_size(), 1);
      if (near.failed_size() > 1) continue;
      const v1::DenialCode code = near.failed(0).code();
      reference::Version mended = v;
      Repair(code, near.grant(), mended, asked);
      const auto again = Compile({{"m1", {mended}}});
      if (again == nullptr) continue;
      ASSERT_EQ(CodeOf(Ask(*again, asked)), "PERMIT")
          << Explain(decision) << "\nthen " << Explain(Ask(*again, asked)) << "\n"
          << Yaml("m1", mended);
      ++repaired[code];
    }
  }
  for (v1::DenialCode code :
       {v1::DENIAL_CODE_NOT_A_RECIPIENT, v1::DENIAL_CODE_PURPOSE_NOT_GRANTED,
        v1::DENIAL_CODE_RECORD_NOT_GRANTED, v1::DENIAL_CODE_OPERATION_NOT_GRANTED,
        v1::DENIAL_CODE_OUTSIDE_PERIOD, v1::DENIAL_CODE_WITHDRAWN, v1::DENIAL_CODE_PROHIBITED,
        v1::DENIAL_CODE_SUSPENDED, v1::DENIAL_CODE_TERMINATED, v1::DENIAL_CODE_NOT_SIGNED}) {
    EXPECT_GT(repaired[code], 0) << v1::DenialCode_Name(code);
  }
}

}  // namespace
}  // namespace sluice::policy
