#include "policy/plan_effects.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::policy {

namespace {

using Action = ProjectionStep::Action;

// Bounded: a document's boxes can cut rows into more scopes than fit.
constexpr size_t kMaxCompiled = 4096;

const PlanField* Find(const PlanGrant& grant, const Field& leaf) {
  const auto it = std::find_if(grant.fields.begin(), grant.fields.end(),
                               [&](const PlanField& f) { return f.field == &leaf; });
  return it == grant.fields.end() ? nullptr : &*it;
}

bool Prohibits(const PlanProhibition& prohibition, const Field& leaf) {
  const auto& fields = prohibition.fields;
  return !fields || std::find(fields->begin(), fields->end(), &leaf) != fields->end();
}

Action ActionOf(const FieldRule& rule, const Field& field) {
  switch (rule.kind()) {
    case FieldRule::Kind::kPass:
      break;
    case FieldRule::Kind::kPseudonymize:
      return Action::kPseudonym;
    case FieldRule::Kind::kDate:
      return Action::kDate;
    case FieldRule::Kind::kInteger:
      return field.packed ? Action::kPackedIntegers : Action::kInteger;
    case FieldRule::Kind::kKeepPrefix:
      return Action::kPrefix;
    case FieldRule::Kind::kZip3:
      return Action::kZip3;
    case FieldRule::Kind::kCodeSet:
    case FieldRule::Kind::kHierarchy:
      return Action::kCode;
  }
  switch (field.kind) {
    case FieldKind::kString:
    case FieldKind::kCode:
    case FieldKind::kPostalCode:
      return Action::kCopyString;
    case FieldKind::kInteger:
    case FieldKind::kBool:
      return field.packed ? Action::kCopyPackedNumbers : Action::kCopyNumber;
    case FieldKind::kDate:
      return Action::kDate;
    case FieldKind::kDecimal:
      return Action::kDecimal;
    case FieldKind::kMessage:
      break;
  }
  return Action::kDrop;
}

}  // namespace

absl::StatusOr<PlanEffects> PlanEffects::Create(const Plan& plan, absl::string_view owner,
                                                const std::vector<std::string>& read_mask) {
  PlanEffects effects(plan);
  for (const PlanGrant& grant : plan.grants) {
    if (grant.owner != owner) continue;
    effects.grants_.push_back(&grant);
    for (const PlanField& field : grant.fields) {
      const absl::Status fits = Fits(field.rule, *field.field);
      if (!fits.ok()) return fits;
    }
  }
  for (const PlanProhibition& prohibition : plan.prohibitions) {
    const auto& owners = prohibition.owners;
    if (owners.empty() || std::find(owners.begin(), owners.end(), owner) != owners.end()) {
      effects.prohibitions_.push_back(&prohibition);
    }
  }
  for (const std::string& path : read_mask) {
    const Field* const leaf = plan.type->Find(path);
    const bool listed =
        leaf != nullptr &&
        std::any_of(effects.grants_.begin(), effects.grants_.end(),
                    [&](const PlanGrant* grant) { return Find(*grant, *leaf) != nullptr; });
    // One message for a field that is not granted and one that is not there.
    if (!listed) {
      return absl::InvalidArgumentError(
          absl::StrCat("read_mask: no grant lists a field \"", path, "\""));
    }
    effects.mask_.push_back(leaf);
  }
  effects.FindFields();
  return effects;
}

bool PlanEffects::Lists(const Field& leaf) const {
  return mask_.empty() || std::find(mask_.begin(), mask_.end(), &leaf) != mask_.end();
}

// What a grant lists and no prohibition of every row takes.
void PlanEffects::FindFields() {
  for (const Field* const leaf : plan_->type->leaves()) {
    if (!Lists(*leaf)) continue;
    if (std::any_of(prohibitions_.begin(), prohibitions_.end(), [&](const PlanProhibition* p) {
          return p->rows.constraints().empty() && Prohibits(*p, *leaf);
        })) {
      continue;
    }
    for (const PlanGrant* const grant : grants_) {
      const PlanField* const field = Find(*grant, *leaf);
      if (field == nullptr) continue;
      fields_.push_back(*field);
      break;
    }
  }
}

std::vector<const Box*> PlanEffects::Boxes() const {
  std::vector<const Box*> boxes;
  for (const PlanGrant* const grant : grants_) boxes.push_back(&grant->rows);
  for (const PlanProhibition* const prohibition : prohibitions_) {
    boxes.push_back(&prohibition->rows);
  }
  return boxes;
}

const Effect& PlanEffects::Of(const RowScope& scope) {
  if (last_ != nullptr && scope == last_scope_) return *last_;
  auto it = compiled_.find(scope);
  if (it == compiled_.end()) {
    if (compiled_.size() >= kMaxCompiled) compiled_.clear();
    it = compiled_.emplace(scope, Compiled(scope)).first;
  }
  last_ = &it->second;
  last_scope_ = scope;
  return *last_;
}

// The one rule that grants in scope give the field, unless a prohibition that matches takes it.
std::optional<FieldRule> PlanEffects::RuleOf(const Field& leaf, const RowScope& scope,
                                             bool& conflict) const {
  for (size_t i = 0; i < prohibitions_.size(); ++i) {
    if (scope.Has(grants_.size() + i) && Prohibits(*prohibitions_[i], leaf)) return std::nullopt;
  }
  std::optional<FieldRule> rule;
  for (size_t i = 0; i < grants_.size(); ++i) {
    if (!scope.Has(i)) continue;
    for (const PlanField& field : grants_[i]->fields) {
      if (field.field != &leaf) continue;
      if (rule && *rule != field.rule) conflict = true;
      rule = field.rule;
    }
  }
  return rule;
}

Effect PlanEffects::Compiled(const RowScope& scope) const {
  Effect effect;
  bool any = false;
  effect.level =
      ProjectionLevel::Build(plan_->type->fields(), [&](const Field& leaf, ProjectionStep& step) {
        step.subject = leaf.names_subject();
        const std::optional<FieldRule> rule = RuleOf(leaf, scope, effect.conflict);
        if (!rule || !Lists(leaf)) return;
        step.action = ActionOf(*rule, leaf);
        step.transform = std::make_shared<FieldTransform>(*rule, leaf);
        any = true;
      });
  if (!any) effect.level = nullptr;
  return effect;
}

}  // namespace sluice::policy
