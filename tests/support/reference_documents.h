// Random documents, as the reference evaluator has them and as YAML.
#ifndef SLUICE_TESTS_SUPPORT_REFERENCE_DOCUMENTS_H_
#define SLUICE_TESTS_SUPPORT_REFERENCE_DOCUMENTS_H_

#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"
#include "policy/reference_evaluator.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy::reference {

inline constexpr const char* kOrganizations[] = {"alpha", "beta", "gamma"};
inline constexpr const char* kPurposes[] = {"plan", "hire"};
inline constexpr const char* kRecords[] = {"Candidate", "ProgramEnrollment"};
inline constexpr const char* kSubjects[] = {"MATHEMATICS", "PHYSICS", "BIOLOGY"};

inline std::vector<std::string> FieldsOf(const std::string& record) {
  if (record == "Candidate") return {"sex", "subject_area", "expected_completion_year"};
  return {"pathway", "completer", "reason_exited"};
}

inline absl::CivilDay DayOf(int day) { return absl::CivilDay(2026, 7, 1) + day; }

inline std::string DayText(int day) { return absl::FormatCivilTime(DayOf(day)); }

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

  Rows MakeRows() {
    Rows rows;
    if (OneIn(3)) rows.at_least = Number(2026, 2028);
    if (OneIn(3)) rows.below = Number(2028, 2030);
    if (rows.at_least == rows.below) rows.below.reset();
    if (OneIn(2)) rows.subjects = Some(kSubjects);
    return rows;
  }

  Grant MakeGrant(int index, const Version& v) {
    Grant g;
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

  Prohibition MakeProhibition(int index, const Version& v) {
    Prohibition p;
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

  Version MakeVersion(int number) {
    Version v;
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
    for (const Grant& g : v.grants) {
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

inline std::string List(const Names& names) {
  return absl::StrCat("[", absl::StrJoin(names, ", "), "]");
}

inline std::string RowsText(const Rows& rows) {
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

inline std::string PeriodText(int effective, int expires) {
  return absl::StrCat(", period: {effective: ", DayText(effective), ", expires: ", DayText(expires),
                      "}");
}

inline std::string Yaml(const std::string& name, const Version& v) {
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
  for (const Grant& g : v.grants) {
    std::vector<std::string> rules;
    for (const std::string& field : g.fields) {
      rules.push_back(absl::StrCat(field, ": ", RuleOf(v, field)));
    }
    absl::StrAppend(&text, "  - {name: ", g.name, ", from: ", g.from, ", to: ", List(g.to),
                    ", purpose: ", g.purpose, ", record: ", g.record,
                    ", operations: ", List(g.operations), PeriodText(g.effective, g.expires),
                    RowsText(g.rows), ", fields: {", absl::StrJoin(rules, ", "), "}}\n");
  }
  if (v.grants.empty()) absl::StrReplaceAll({{"grants:\n", "grants: []\n"}}, &text);
  absl::StrAppend(&text, "prohibitions:", v.prohibitions.empty() ? " []" : "", "\n");
  for (const Prohibition& p : v.prohibitions) {
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

}  // namespace sluice::policy::reference

#endif  // SLUICE_TESTS_SUPPORT_REFERENCE_DOCUMENTS_H_
