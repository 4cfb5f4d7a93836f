// What a plan does to one owner's rows, by the scope that they lie in: the owner's grants and the
// prohibitions that meet them, compiled to one tree of actions for each scope that comes up.
//
// One a release; not thread-safe. Refers to the plan.
#ifndef SLUICE_POLICY_PLAN_EFFECTS_H_
#define SLUICE_POLICY_PLAN_EFFECTS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/plan.h"
#include "policy/projection_tree.h"
#include "policy/row_scope.h"

namespace sluice::policy {

// What becomes of all rows of one scope.
struct Effect {
  bool conflict = false;                         // two rules for one field
  std::shared_ptr<const ProjectionLevel> level;  // null: no field is left
};

class PlanEffects {
 public:
  // Fails with INVALID_ARGUMENT on a path of `read_mask` that no grant of the owner lists, and on a
  // rule that does not fit its field.
  static absl::StatusOr<PlanEffects> Create(const Plan& plan, absl::string_view owner,
                                            const std::vector<std::string>& read_mask);

  // What a row's scope is read from.
  std::vector<const Box*> Boxes() const;
  // Valid until the next call. The scope is one of a row in Boxes().
  const Effect& Of(const RowScope& scope);
  // The fields that can leave, in order of number, each under the first grant's rule.
  const std::vector<PlanField>& fields() const { return fields_; }

 private:
  explicit PlanEffects(const Plan& plan) : plan_(&plan) {}

  bool Lists(const Field& leaf) const;
  void FindFields();
  std::optional<FieldRule> RuleOf(const Field& leaf, const RowScope& scope, bool& conflict) const;
  Effect Compiled(const RowScope& scope) const;

  // Constant after Create.
  const Plan* plan_;
  std::vector<const PlanGrant*> grants_;              // the owner's; their boxes come first
  std::vector<const PlanProhibition*> prohibitions_;  // that name the owner, or nobody
  std::vector<const Field*> mask_;                    // empty: all
  std::vector<PlanField> fields_;

  absl::flat_hash_map<RowScope, Effect> compiled_;
  const Effect* last_ = nullptr;  // of `last_scope_`
  RowScope last_scope_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PLAN_EFFECTS_H_
