#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "policy/checks.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {
namespace {

std::string SensitivityName(v1::Sensitivity sensitivity) {
  absl::string_view name = v1::Sensitivity_Name(sensitivity);
  absl::ConsumePrefix(&name, "SENSITIVITY_");
  return std::string(name);
}

// Whether a rule is at least as strong as one of a floor's; a floor without rules allows all. One
// that does not fit the field can't be met by any rule.
bool Meets(const FieldRule& rule, const std::vector<FieldRule>& floor, const Field& field) {
  return floor.empty() || std::any_of(floor.begin(), floor.end(), [&](const FieldRule& least) {
           return Fits(least, field).ok() && AtLeastAsStrong(rule, least, field);
         });
}

std::string FloorText(const std::vector<FieldRule>& floor) {
  return absl::StrJoin(floor, "\" or \"", [](std::string* out, const FieldRule& rule) {
    absl::StrAppend(out, rule.ToString());
  });
}

class GrantChecker {
 public:
  GrantChecker(const MouDocument& document, const ResolvedMou& resolved)
      : document_(document), mou_(document.mou()), resolved_(resolved) {
    for (const v1::Floor& floor : mou_.floors()) {
      std::vector<FieldRule>& rules = floors_.emplace_back();
      for (const v1::FieldRule& proto : floor.at_least()) {
        absl::StatusOr<FieldRule> rule = FieldRule::FromProto(proto);
        if (rule.ok()) rules.push_back(*std::move(rule));
      }
    }
  }

  std::vector<Finding> Run();

 private:
  void Error(absl::string_view id, absl::string_view path, std::string message,
             std::string hint = "") {
    findings_.push_back(
        FindingAt(document_, id, Severity::kError, path, std::move(message), std::move(hint)));
  }
  void CheckFloorRules();
  void CheckFloor(const CompiledGrant& grant, const PlanField& field, absl::string_view path);
  void CheckBasis(const PlanField& field, absl::string_view path);

  const MouDocument& document_;
  const v1::Mou& mou_;
  const ResolvedMou& resolved_;
  std::vector<std::vector<FieldRule>> floors_;  // of each floor of the document
  std::vector<Finding> findings_;
};

void GrantChecker::CheckFloorRules() {
  for (int i = 0; i < mou_.floors_size(); ++i) {
    const v1::Floor& floor = mou_.floors(i);
    for (int j = 0; j < floor.at_least_size(); ++j) {
      const std::string path = IndexPath(JoinPath(IndexPath("floors", i), "at_least"), j);
      const absl::StatusOr<FieldRule> rule = FieldRule::FromProto(floor.at_least(j));
      if (!rule.ok()) {
        // Without a rule it was reported when it was read.
        if (floor.at_least(j).rule_case() == v1::FieldRule::RULE_NOT_SET) continue;
        Error("P008", path, "rule \"generalize\" fits no field",
              std::string(rule.status().message()));
        continue;
      }
      for (const CompiledGrant& grant : resolved_.grants) {
        if (grant.type == nullptr) continue;
        const auto& leaves = grant.type->leaves();
        const auto lower = std::find_if(leaves.begin(), leaves.end(), [&](const Field* f) {
          return f->sensitivity == floor.sensitivity() && Fits(*rule, *f).ok() &&
                 !Meets(*rule, f->floor, *f);
        });
        if (lower == leaves.end()) continue;
        Error("P026", path,
              absl::StrCat("floor \"", rule->ToString(), "\" is lower than the catalog's for \"",
                           (*lower)->path, "\""),
              absl::StrCat("the catalog's is \"", FloorText((*lower)->floor), "\""));
        break;
      }
    }
  }
}

void GrantChecker::CheckFloor(const CompiledGrant& grant, const PlanField& field,
                              absl::string_view path) {
  const auto report = [&](const std::vector<FieldRule>& floor) {
    Error("P009", path,
          absl::StrCat("rule for \"", field.field->path, "\" (sensitivity ",
                       SensitivityName(field.field->sensitivity), ") is weaker than its floor \"",
                       FloorText(floor), "\""));
  };
  if (field.field->withheld) {
    Error("P009", path,
          absl::StrCat("rule for \"", field.field->path, "\" is weaker than its floor \"drop\""),
          absl::StrCat("nothing of ", grant.record_type, " leaves the gateway"));
    return;
  }
  if (!Meets(field.rule, field.field->floor, *field.field)) return report(field.field->floor);
  for (size_t i = 0; i < floors_.size(); ++i) {
    const v1::Floor& floor = mou_.floors(static_cast<int>(i));
    const bool applies = floor.sensitivity() == field.field->sensitivity &&
                         (floor.purpose().empty() || floor.purpose() == grant.purpose);
    if (applies && !Meets(field.rule, floors_[i], *field.field)) return report(floors_[i]);
  }
}

void GrantChecker::CheckBasis(const PlanField& field, absl::string_view path) {
  for (v1::Regime regime : field.field->regimes) {
    absl::string_view name = v1::Regime_Name(regime);
    absl::ConsumePrefix(&name, "REGIME_");
    const auto basis =
        std::find_if(mou_.authority().begin(), mou_.authority().end(),
                     [&](const v1::Authority& a) { return MeaningOf(a.basis()).regime == regime; });
    if (basis == mou_.authority().end()) {
      Error("P030", path,
            absl::StrCat("no basis in `authority` covers the regime of \"", field.field->path,
                         "\" (", name, ")"));
      continue;
    }
    const bool direct = field.field->sensitivity == v1::SENSITIVITY_DIRECT_IDENTIFIER;
    if (direct && MeaningOf(basis->basis()).deidentified && Passes(field.rule, *field.field)) {
      Error("P013", path,
            absl::StrCat("direct identifier \"", field.field->path,
                         "\" passes although the basis of its regime (", name,
                         ") is de-identified data"),
            field.field->names_subject() ? "pseudonymize it, or do not list it" : "do not list it");
    }
  }
}

std::vector<Finding> GrantChecker::Run() {
  CheckFloorRules();
  for (size_t i = 0; i < resolved_.grants.size(); ++i) {
    const CompiledGrant& grant = resolved_.grants[i];
    const std::string path = IndexPath("grants", i);
    if (mou_.grants(static_cast<int>(i)).fields().empty()) {
      Error("P025", path, "grant lists no field", "what is not listed does not leave");
    }
    for (const PlanField& field : grant.grant.fields) {
      const std::string field_path = JoinPath(JoinPath(path, "fields"), field.field->path);
      CheckFloor(grant, field, field_path);
      CheckBasis(field, field_path);
      if (field.field->not_brokered) {
        findings_.push_back(FindingAt(
            document_, "P036", Severity::kWarning, field_path,
            absl::StrCat("\"", field.field->path, "\" is not brokered unless an MOU needs it"),
            "leave it out, or state in the purpose why it is needed"));
      }
    }
  }
  return std::move(findings_);
}

}  // namespace

bool Passes(const FieldRule& rule, const Field& field) {
  // A prefix of a value that is not longer is the value.
  return rule.kind() == FieldRule::Kind::kKeepPrefix ||
         AtLeastAsStrong(FieldRule::Pass(), rule, field);
}

std::vector<Finding> CheckGrants(const MouDocument& document, const ResolvedMou& resolved) {
  return GrantChecker(document, resolved).Run();
}

}  // namespace sluice::policy
