// Decide against the reference evaluator, over random documents, states and requests; and the
// properties that hold of both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/nearest_grants.h"
#include "policy/reference_evaluator.h"
#include "tests/support/mou_for_test.h"
#include "tests/support/reference_documents.h"

namespace sluice::policy {
namespace {

using reference::Asked;
using reference::DayOf;
using reference::Generator;
using reference::kOrganizations;
using reference::Names;
using reference::Yaml;

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
      version.over = v.over;
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
      // One that another has followed may have been superseded.
      if (v < versions) mous[absl::StrCat("m", m)].back().over = generator.OneIn(3);
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
