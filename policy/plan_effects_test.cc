#include "policy/plan_effects.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/projector_cases.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Field* FieldOf(const std::string& path) { return ProjectorCases::ProbeType().Find(path); }

Box AnyRow(Box::Unset unset) { return Box({}, unset); }

Plan NewPlan() {
  Plan plan;
  plan.type = &ProjectorCases::ProbeType();
  return plan;
}

void Grant(Plan& plan, const std::vector<std::string>& paths, const std::string& owner = "owner",
           const FieldRule& rule = FieldRule::Pass()) {
  std::vector<PlanField> fields;
  for (const std::string& path : paths) fields.push_back({FieldOf(path), rule});
  plan.grants.push_back({absl::StrCat("g", plan.grants.size()), owner,
                         AnyRow(Box::Unset::kExcluded), std::move(fields), 1});
}

void Prohibit(Plan& plan, const std::vector<std::string>& paths, std::vector<std::string> owners) {
  std::vector<const Field*> fields;
  for (const std::string& path : paths) fields.push_back(FieldOf(path));
  plan.prohibitions.push_back(
      {"p", std::move(owners), AnyRow(Box::Unset::kIncluded), std::move(fields)});
}

PlanEffects EffectsOf(const Plan& plan, const std::vector<std::string>& mask = {}) {
  return PlanEffects::Create(plan, "owner", mask).value();
}

RowScope Scope(const PlanEffects& effects, const std::vector<size_t>& boxes) {
  RowScope scope(effects.Boxes().size());
  for (const size_t box : boxes) scope.Add(box);
  return scope;
}

// The paths of the scalars at the top of the type that leave under the effect.
std::vector<std::string> Leaving(const Effect& effect) {
  std::vector<std::string> paths;
  if (effect.level == nullptr) return paths;
  for (const Field& field : ProjectorCases::ProbeType().fields()) {
    if (field.kind == FieldKind::kMessage) continue;  // entered for its subjects in any case
    const ProjectionStep& step = effect.level->Find(static_cast<uint32_t>(field.number));
    if (step.action != ProjectionStep::Action::kDrop) paths.push_back(field.path);
  }
  return paths;
}

TEST(PlanEffects, AsksTheBoxesOfTheOwnersGrantsThenOfTheProhibitionsThatMeetThem) {
  Plan plan = NewPlan();
  Grant(plan, {"int32"});
  Grant(plan, {"int32"}, "other");
  Grant(plan, {"int64"});
  Prohibit(plan, {"int32"}, {"other"});
  Prohibit(plan, {"int32"}, {});
  Prohibit(plan, {"int32"}, {"other", "owner"});
  EXPECT_THAT(EffectsOf(plan).Boxes(),
              ElementsAre(&plan.grants[0].rows, &plan.grants[2].rows, &plan.prohibitions[1].rows,
                          &plan.prohibitions[2].rows));
}

TEST(PlanEffects, GivesARowTheFieldsOfTheGrantsThatItIsIn) {
  Plan plan = NewPlan();
  Grant(plan, {"int32", "text"});
  Grant(plan, {"int64"});
  PlanEffects effects = EffectsOf(plan);
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {}))), IsEmpty());
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {0}))), ElementsAre("int32", "text"));
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {1}))), ElementsAre("int64"));
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {0, 1}))), ElementsAre("int32", "int64", "text"));
}

TEST(PlanEffects, TakesAFieldWhereAProhibitionMatches) {
  Plan plan = NewPlan();
  Grant(plan, {"int32", "text"});
  Prohibit(plan, {"text"}, {});
  PlanEffects effects = EffectsOf(plan);
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {0, 1}))), ElementsAre("int32"));
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {0}))), ElementsAre("int32", "text"));
}

TEST(PlanEffects, AScopeWithNothingLeftHasNoTree) {
  Plan plan = NewPlan();
  Grant(plan, {"text"});
  Prohibit(plan, {"text"}, {});
  PlanEffects effects = EffectsOf(plan);
  EXPECT_EQ(effects.Of(Scope(effects, {0, 1})).level, nullptr);
  EXPECT_EQ(effects.Of(Scope(effects, {})).level, nullptr);
}

TEST(PlanEffects, TwoRulesForOneFieldAreAConflictWhereBothGrantsHaveTheRow) {
  Plan plan = NewPlan();
  Grant(plan, {"id"});
  Grant(plan, {"id"}, "owner", FieldRule::Pseudonymize());
  Grant(plan, {"id"});
  PlanEffects effects = EffectsOf(plan);
  EXPECT_TRUE(effects.Of(Scope(effects, {0, 1})).conflict);
  EXPECT_FALSE(effects.Of(Scope(effects, {0, 2})).conflict);
  EXPECT_FALSE(effects.Of(Scope(effects, {1})).conflict);
}

TEST(PlanEffects, CompilesAScopeOnce) {
  Plan plan = NewPlan();
  Grant(plan, {"int32"});
  Grant(plan, {"int64"});
  PlanEffects effects = EffectsOf(plan);
  const auto first = effects.Of(Scope(effects, {0})).level;
  EXPECT_NE(effects.Of(Scope(effects, {1})).level, first);
  EXPECT_EQ(effects.Of(Scope(effects, {0})).level, first);
}

TEST(PlanEffects, StaysRightWhereMoreScopesComeUpThanAreKept) {
  Plan plan = NewPlan();
  const std::vector<std::string> paths = {"int32",  "int64",   "uint32",     "uint64",   "sint32",
                                          "sint64", "fixed32", "fixed64",    "sfixed32", "sfixed64",
                                          "text",   "far",     "postal_code"};
  for (const std::string& path : paths) Grant(plan, {path});
  PlanEffects effects = EffectsOf(plan);
  for (int round = 0; round < 2; ++round) {
    for (size_t bits = 0; bits < size_t{1} << paths.size(); ++bits) {
      std::vector<size_t> in;
      for (size_t i = 0; i < paths.size(); ++i) {
        if (bits >> i & 1) in.push_back(i);
      }
      ASSERT_EQ(Leaving(effects.Of(Scope(effects, in))).size(), in.size());
    }
  }
}

TEST(PlanEffects, NamesWhatCanLeaveUnderTheFirstGrantsRule) {
  Plan plan = NewPlan();
  Grant(plan, {"text", "int32"});
  Grant(plan, {"id", "int64"});
  Grant(plan, {"id"}, "owner", FieldRule::Pseudonymize());
  Grant(plan, {"far"}, "other");
  Prohibit(plan, {"int64"}, {"owner"});
  const PlanEffects effects = EffectsOf(plan);
  std::vector<std::string> paths;
  for (const PlanField& field : effects.fields()) paths.push_back(field.field->path);
  EXPECT_THAT(paths, ElementsAre("id", "int32", "text"));
  EXPECT_EQ(effects.fields()[0].rule, FieldRule::Pass());
}

TEST(PlanEffects, AMaskLeavesOutWhatItDoesNotName) {
  Plan plan = NewPlan();
  Grant(plan, {"int32", "int64", "text"});
  PlanEffects effects = EffectsOf(plan, {"text", "int32"});
  EXPECT_THAT(Leaving(effects.Of(Scope(effects, {0}))), ElementsAre("int32", "text"));
  EXPECT_EQ(effects.fields().size(), 2u);
}

TEST(PlanEffects, RefusesAMaskThatNamesWhatIsNotListed) {
  Plan plan = NewPlan();
  Grant(plan, {"int32"});
  Grant(plan, {"int64"}, "other");
  for (const char* const path : {"int64", "text", "no_such_field", "inner", ""}) {
    EXPECT_EQ(PlanEffects::Create(plan, "owner", {"int32", path}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << path;
  }
}

}  // namespace
}  // namespace sluice::policy
