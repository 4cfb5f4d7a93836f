#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/checks.h"
#include "policy/plan_index.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {
namespace {

// Of how many days P006 asks whether a grant is wholly removed: beyond, it does not say so. (On a
// day on which it is, Decide answers PROHIBITED whatever was checked.)
constexpr size_t kMaxDays = 64;

template <typename T>
bool Meet(const std::vector<T>& a, const std::vector<T>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const T& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
}

template <typename T>
bool AllIn(const std::vector<T>& a, const std::vector<T>& b) {
  return std::all_of(a.begin(), a.end(),
                     [&](const T& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
}

bool Overlap(const CivilPeriod& a, const CivilPeriod& b) {
  return std::max(a.effective, b.effective) < std::min(a.expires, b.expires);
}

// Whether some request is permitted under both, and some row stands in both.
bool CanMeet(const CompiledGrant& a, const CompiledGrant& b) {
  return a.type == b.type && a.type != nullptr && a.purpose == b.purpose &&
         a.grant.owner == b.grant.owner && Overlap(a.period, b.period) && Meet(a.to, b.to) &&
         Meet(a.operations, b.operations) && a.grant.rows.Intersects(b.grant.rows);
}

const PlanField* FieldIn(const CompiledGrant& grant, const Field* field) {
  for (const PlanField& f : grant.grant.fields) {
    if (f.field == field) return &f;
  }
  return nullptr;
}

class PairChecker {
 public:
  PairChecker(const MouDocument& document, const ResolvedMou& resolved)
      : document_(document), grants_(resolved.grants), prohibitions_(resolved.prohibitions) {}

  std::vector<Finding> Run();

 private:
  void Add(absl::string_view id, Severity severity, absl::string_view path, std::string message,
           std::string hint = "") {
    findings_.push_back(
        FindingAt(document_, id, severity, path, std::move(message), std::move(hint)));
  }
  void CheckConflict(const CompiledGrant& a, const CompiledGrant& b, size_t index_of_b);
  // Whether `a` gives nothing that `b` does not.
  bool AddsNothing(const CompiledGrant& a, const CompiledGrant& b) const;
  void CheckRedundant();
  void CheckRemoved();
  void CheckProhibitions();
  void CheckJoins();

  const MouDocument& document_;
  const std::vector<CompiledGrant>& grants_;
  const std::vector<CompiledProhibition>& prohibitions_;
  std::vector<Finding> findings_;
};

void PairChecker::CheckConflict(const CompiledGrant& a, const CompiledGrant& b, size_t index_of_b) {
  if (!CanMeet(a, b)) return;
  for (const PlanField& theirs : b.grant.fields) {
    const PlanField* ours = FieldIn(a, theirs.field);
    if (ours == nullptr || ours->rule == theirs.rule) continue;
    const std::string& field = theirs.field->path;
    Add("P012", Severity::kError,
        JoinPath(JoinPath(IndexPath("grants", index_of_b), "fields"), field),
        absl::StrCat("grants \"", a.grant.name, "\" and \"", b.grant.name, "\" give (row, ", field,
                     ") different rules (", ours->rule.ToString(), ", ", theirs.rule.ToString(),
                     "); a row in both: ", a.grant.rows.Witness(b.grant.rows)),
        "give both the same rule, or keep their rows apart");
  }
}

bool PairChecker::AddsNothing(const CompiledGrant& a, const CompiledGrant& b) const {
  if (a.grant.fields.empty()) return false;  // P025 says more
  const bool within = a.type == b.type && a.type != nullptr && a.purpose == b.purpose &&
                      a.grant.owner == b.grant.owner && AllIn(a.to, b.to) &&
                      AllIn(a.operations, b.operations) &&
                      b.period.effective <= a.period.effective &&
                      a.period.expires <= b.period.expires && a.grant.rows.IsSubsetOf(b.grant.rows);
  return within &&
         std::all_of(a.grant.fields.begin(), a.grant.fields.end(), [&](const PlanField& f) {
           const PlanField* theirs = FieldIn(b, f.field);
           return theirs != nullptr && theirs->rule == f.rule;
         });
}

void PairChecker::CheckRedundant() {
  for (size_t i = 0; i < grants_.size(); ++i) {
    for (size_t j = 0; j < grants_.size(); ++j) {
      // Of two that say the same, the later one adds nothing.
      const bool twin = j > i && AddsNothing(grants_[j], grants_[i]);
      if (i == j || twin || !AddsNothing(grants_[i], grants_[j])) continue;
      Add("P007", Severity::kWarning, IndexPath("grants", i),
          absl::StrCat("grant \"", grants_[i].grant.name, "\" adds nothing to grant \"",
                       grants_[j].grant.name, "\""));
      break;
    }
  }
}

void PairChecker::CheckRemoved() {
  for (size_t i = 0; i < grants_.size(); ++i) {
    const CompiledGrant& grant = grants_[i];
    if (grant.type == nullptr || grant.grant.fields.empty() || grant.to.empty()) continue;
    // In between these days nothing changes.
    std::set<absl::CivilDay> days = {grant.period.effective};
    for (const CompiledProhibition& p : prohibitions_) {
      for (absl::CivilDay day : {p.period.effective, p.period.expires}) {
        if (grant.period.Contains(day)) days.insert(day);
      }
    }
    if (days.size() > kMaxDays) continue;
    std::set<std::string> names;
    const bool removed = std::all_of(grant.to.begin(), grant.to.end(), [&](const auto& recipient) {
      return std::all_of(days.begin(), days.end(), [&](absl::CivilDay day) {
        for (const CompiledProhibition& p : prohibitions_) {
          if (Concerns(p, grant, recipient, day)) names.insert(p.prohibition.name);
        }
        return WhollyRemoved(prohibitions_, grant, recipient, day);
      });
    });
    if (!removed) continue;
    Add("P006", Severity::kError, IndexPath("grants", i),
        absl::StrCat("grant is wholly removed by prohibition", names.size() > 1 ? "s" : "", " \"",
                     absl::StrJoin(names, "\", \""), "\""));
  }
}

void PairChecker::CheckProhibitions() {
  for (size_t i = 0; i < prohibitions_.size(); ++i) {
    const CompiledProhibition& p = prohibitions_[i];
    const bool removes = std::any_of(grants_.begin(), grants_.end(), [&](const auto& grant) {
      if (!Overlap(p.period, grant.period)) return false;
      const absl::CivilDay day = std::max(p.period.effective, grant.period.effective);
      const bool recipient = std::any_of(grant.to.begin(), grant.to.end(), [&](const auto& to) {
        return Concerns(p, grant, to, day);
      });
      const bool field = std::any_of(grant.grant.fields.begin(), grant.grant.fields.end(),
                                     [&](const auto& f) { return Lists(p.prohibition, f.field); });
      return recipient && field && grant.grant.rows.Intersects(p.prohibition.rows);
    });
    if (removes) continue;
    Add("P010", Severity::kWarning, IndexPath("prohibitions", i),
        absl::StrCat("prohibition \"", p.prohibition.name, "\" removes nothing"));
  }
}

// A person's code is the same wherever it stands, so an id that passes anywhere to the same
// recipient tells whose it is. What was received stays: periods and purposes do not matter.
void PairChecker::CheckJoins() {
  using Flow = std::tuple<std::string, std::string, std::string>;  // owner, recipient, id space
  std::map<Flow, std::string> pseudonymized;                       // to the grant's name
  const auto each = [&](auto visit) {
    for (size_t i = 0; i < grants_.size(); ++i) {
      for (const PlanField& f : grants_[i].grant.fields) {
        if (f.field->names_subject()) visit(i, f);
      }
    }
  };
  each([&](size_t i, const PlanField& f) {
    if (f.rule.kind() != FieldRule::Kind::kPseudonymize) return;
    for (const std::string& to : grants_[i].to) {
      pseudonymized.try_emplace({grants_[i].grant.owner, to, f.field->id_space},
                                grants_[i].grant.name);
    }
  });
  each([&](size_t i, const PlanField& f) {
    if (!Passes(f.rule, *f.field)) return;
    for (const std::string& to : grants_[i].to) {
      const auto it = pseudonymized.find({grants_[i].grant.owner, to, f.field->id_space});
      if (it == pseudonymized.end()) continue;
      Add("P018", Severity::kError,
          JoinPath(JoinPath(IndexPath("grants", i), "fields"), f.field->path),
          absl::StrCat("\"", f.field->path, "\" passes and also leaves pseudonymized to ", to,
                       " (grant \"", it->second, "\"): the two can be joined"),
          "pseudonymize both, or pass both");
      return;
    }
  });
}

std::vector<Finding> PairChecker::Run() {
  for (size_t i = 0; i < grants_.size(); ++i) {
    for (size_t j = i + 1; j < grants_.size(); ++j) CheckConflict(grants_[i], grants_[j], j);
  }
  CheckRedundant();
  CheckRemoved();
  CheckProhibitions();
  CheckJoins();
  return std::move(findings_);
}

}  // namespace

std::vector<Finding> CheckPairs(const MouDocument& document, const ResolvedMou& resolved) {
  return PairChecker(document, resolved).Run();
}

}  // namespace sluice::policy
