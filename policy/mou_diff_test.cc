// Diff against the truth: every cell, day by day and row by row, asked of the reference.
#include "policy/mou_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "policy/reference_evaluator.h"
#include "tests/support/mou_for_test.h"
#include "tests/support/reference_documents.h"

namespace sluice::policy {
namespace {

using reference::Asked;
using reference::FieldsOf;
using reference::Generator;
using reference::kOrganizations;
using reference::kPurposes;
using reference::kRecords;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kDays = 20;
constexpr const char* kOperations[] = {"READ", "SYNC"};

// Of the year; the other fields always pass.
const std::map<std::string, int (*)(int)>& YearRules() {
  static const auto* const kRules = new std::map<std::string, int (*)(int)>{
      {"pass", [](int year) { return year; }},
      {"{generalize: {band: 2}}", [](int year) { return year / 2; }},
      {"{generalize: {band: 4}}", [](int year) { return year / 4; }},
      {"{generalize: {cap: 2028}}", [](int year) { return std::min(year, 2028); }},
  };
  return *kRules;
}

// Whether what `a` shows can be computed from what `b` shows.
bool Stronger(const std::string& a, const std::string& b) {
  const auto shows_a = YearRules().at(a), shows_b = YearRules().at(b);
  for (int x = 1990; x < 2050; ++x) {
    for (int y = 1990; y < 2050; ++y) {
      if (shows_b(x) == shows_b(y) && shows_a(x) != shows_a(y)) return false;
    }
  }
  return true;
}

std::string RandomYearRule(Generator& generator) {
  auto rule = YearRules().begin();
  std::advance(rule, generator.Number(0, static_cast<int>(YearRules().size()) - 1));
  return rule->first;
}

// Null if check refuses the document: a grant may be wholly removed (P006).
std::shared_ptr<const CompiledMou> CompileOrNull(const reference::Version& version) {
  const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", reference::Yaml("m1", version));
  auto mou = CompiledMou::Compile(parsed.document, CatalogForTest());
  if (!mou.ok()) {
    EXPECT_THAT(std::string(mou.status().message()), HasSubstr("P006"));
    return nullptr;
  }
  return *std::move(mou);
}

struct Cell {
  std::string recipient, owner, purpose, record, operation, field;
  friend auto operator<=>(const Cell&, const Cell&) = default;
};

std::vector<Cell> AllCells() {
  std::vector<Cell> cells;
  for (const char* recipient : kOrganizations) {
    for (const char* owner : kOrganizations) {
      for (const char* purpose : kPurposes) {
        for (const char* record : kRecords) {
          for (const char* operation : kOperations) {
            for (const std::string& field : FieldsOf(record)) {
              cells.push_back({recipient, owner, purpose, record, operation, field});
            }
          }
        }
      }
    }
  }
  return cells;
}

using Rows = std::vector<reference::Row>;

// Of a cell, by day and row: whether its field leaves.
struct Held {
  std::array<std::vector<bool>, kDays> on;
  std::vector<bool> ever;  // by row
  bool anything = false;
};

Held HeldOf(const reference::Version& v, const Cell& cell, const Rows& rows) {
  Held held;
  held.on.fill(std::vector<bool>(rows.size(), false));
  held.ever.assign(rows.size(), false);
  for (const reference::Grant& g : v.grants) {
    if (g.from != cell.owner || !g.to.contains(cell.recipient) || g.purpose != cell.purpose ||
        g.record != cell.record || !g.operations.contains(cell.operation) ||
        !g.fields.contains(cell.field)) {
      continue;
    }
    for (int day = g.effective; day < g.expires; ++day) {
      const Asked asked{cell.recipient, "m1", cell.purpose, cell.record, cell.operation, day};
      for (size_t row = 0; row < rows.size(); ++row) {
        if (!reference::InRows(g.rows, rows[row], false) ||
            reference::Prohibited(v, asked, cell.owner, rows[row], cell.field)) {
          continue;
        }
        held.on.at(static_cast<size_t>(day))[row] = true;
        held.ever[row] = held.anything = true;
      }
    }
  }
  return held;
}

// What has changed of a field of a row on a day, "" if nothing.
std::string Truth(const Held& before, const Held& after, size_t day, size_t row,
                  const std::string& rule_before, const std::string& rule_after) {
  const bool was = before.on[day][row], is = after.on[day][row];
  if (was && is) {
    if (rule_before == rule_after) return "";
    return Stronger(rule_after, rule_before) ? "STRONGER_RULE" : "WEAKER_RULE";
  }
  if (is) {
    if (!before.anything) return "NEWLY_DISCLOSED";
    return before.ever[row] ? "LONGER_PERIOD" : "WIDER_ROWS";
  }
  if (was) {
    if (!after.anything) return "NO_LONGER_DISCLOSED";
    return after.ever[row] ? "SHORTER_PERIOD" : "NARROWER_ROWS";
  }
  return "";
}

bool InPiece(const Change& change, const reference::Row& row) {
  for (size_t i = 0; i < change.frame.size(); ++i) {
    const Field& field = *change.frame[i];
    std::optional<int64_t> value;
    if (field.name == "expected_completion_year" && row.year) value = *row.year;
    if (field.name == "subject_area" && row.subject) {
      const std::vector<std::string>& codes = field.code_set->codes();
      value =
          std::find_if(codes.begin(), codes.end(),
                       [&](const auto& code) { return CodeSet::ShortName(code) == *row.subject; }) -
          codes.begin();
    }
    const FieldRegion& region = change.rows[i];
    const bool in = value.has_value()
                        ? std::any_of(region.runs.begin(), region.runs.end(),
                                      [&](const FieldRegion::Run& run) {
                                        return run.first <= *value && *value <= run.last;
                                      })
                        : region.unset;
    if (!in) return false;
  }
  return true;
}

// The diff's answer by cell, day and row; each is said once at most.
using Said = std::map<std::tuple<Cell, int, size_t>, std::string>;

Said SaidBy(const MouDiff& diff, const Rows& rows) {
  Said said;
  for (const Change& change : diff.changes) {
    for (v1::Operation operation : change.operations) {
      for (const ChangedField& changed : change.fields) {
        const Cell cell{change.recipient,
                        change.owner,
                        change.purpose,
                        change.type->name(),
                        operation == v1::OPERATION_READ ? "READ" : "SYNC",
                        changed.field->path};
        for (int day = 0; day < kDays; ++day) {
          if (!change.period.Contains(reference::DayOf(day))) continue;
          for (size_t row = 0; row < rows.size(); ++row) {
            if (!InPiece(change, rows[row])) continue;
            const bool first =
                said.emplace(std::tuple(cell, day, row), ChangeKindName(change.kind)).second;
            EXPECT_TRUE(first) << "said twice: " << change.Witness();
          }
        }
      }
    }
  }
  return said;
}

TEST(MouDiff, IsTheTruthDayByDayAndRowByRow) {
  Generator generator(20260701);
  const Rows rows = reference::AllRows();
  const std::vector<Cell> cells = AllCells();
  std::map<std::string, int> seen;
  for (int pair = 0; pair < 200; ++pair) {
    reference::Version a = generator.MakeVersion(1);
    reference::Version b = generator.OneIn(2) ? a : generator.MakeVersion(1);
    // A document that is amended: other rows, a grant less, a grant more, other prohibitions.
    for (reference::Grant& grant : b.grants) {
      if (grant.record == "Candidate" && generator.OneIn(2)) grant.rows = generator.MakeRows();
    }
    if (generator.OneIn(2) && !b.grants.empty()) b.grants.erase(b.grants.begin());
    if (generator.OneIn(2)) b.grants.push_back(generator.MakeGrant(9, b));
    if (generator.OneIn(3)) b.prohibitions.push_back(generator.MakeProhibition(9, b));
    if (generator.OneIn(8)) a.grants.clear();
    a.rules["expected_completion_year"] = generator.OneIn(2) ? "pass" : RandomYearRule(generator);
    b.rules["expected_completion_year"] = RandomYearRule(generator);
    const auto before = CompileOrNull(a), after = CompileOrNull(b);
    if (before == nullptr || after == nullptr) continue;
    const absl::StatusOr<MouDiff> diff = Diff(*before, *after);
    ASSERT_TRUE(diff.ok()) << diff.status();
    const Said said = SaidBy(*diff, rows);
    size_t expected = 0;
    for (const Cell& cell : cells) {
      const Held was = HeldOf(a, cell, rows), is = HeldOf(b, cell, rows);
      if (!was.anything && !is.anything) continue;
      for (size_t day = 0; day < kDays; ++day) {
        for (size_t row = 0; row < rows.size(); ++row) {
          const std::string truth = Truth(was, is, day, row, reference::RuleOf(a, cell.field),
                                          reference::RuleOf(b, cell.field));
          const auto it = said.find({cell, static_cast<int>(day), row});
          ASSERT_EQ(it == said.end() ? "" : it->second, truth)
              << "pair " << pair << " " << cell.recipient << " " << cell.record << "." << cell.field
              << " day " << day << " row " << row;
          if (!truth.empty()) ++expected, ++seen[truth];
        }
      }
    }
    // What is said of days and rows that are not looked at above would be too much.
    EXPECT_EQ(said.size(), expected);
  }
  EXPECT_THAT(seen, SizeIs(8));
}

class MouDiffText : public ::testing::Test {
 protected:
  static std::vector<Change> Changes(const std::string& before, const std::string& after) {
    return Diff(*CompileForTest(before), *CompileForTest(after)).value().changes;
  }
};

TEST_F(MouDiffText, IsEmptyOfTheSameDocument) {
  EXPECT_THAT(Changes(ExampleMou(), ExampleMou()), IsEmpty());
}

TEST_F(MouDiffText, SaysASubjectMoreInOneLineForAllFields) {
  const std::vector<Change> changes =
      Changes(ExampleMou(), ExampleMouWith("[MATHEMATICS, PHYSICS, CHEMISTRY]",
                                           "[MATHEMATICS, PHYSICS, CHEMISTRY, BIOLOGY]"));
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].kind, ChangeKind::kWiderRows);
  EXPECT_THAT(changes[0].fields, SizeIs(5));
  EXPECT_EQ(PieceText(changes[0].rows, changes[0].frame),
            "subject_area=BIOLOGY, expected_completion_year>=2027");
  EXPECT_EQ(changes[0].Witness(),
            "2026-07-01, subject_area=BIOLOGY, expected_completion_year=2027");
}

TEST_F(MouDiffText, SaysAYearMoreOfTheTermInOneLine) {
  const std::vector<Change> changes =
      Changes(ExampleMou(), ExampleMouWith("expires: 2028-07-01", "expires: 2029-07-01"));
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].kind, ChangeKind::kLongerPeriod);
  EXPECT_EQ(changes[0].period.effective, absl::CivilDay(2028, 7, 1));
  EXPECT_EQ(changes[0].period.expires, absl::CivilDay(2029, 7, 1));
}

TEST_F(MouDiffText, SaysThatATimeZoneChangedBesideTheChanges) {
  const MouDiff diff =
      Diff(*CompileForTest(ExampleMou()),
           *CompileForTest(ExampleMouWith("expires: 2028-07-01}",
                                          "expires: 2028-07-01, time_zone: America/Chicago}")))
          .value();
  EXPECT_TRUE(diff.is_time_zone_changed);
  EXPECT_THAT(diff.changes, IsEmpty());
}

}  // namespace
}  // namespace sluice::policy
