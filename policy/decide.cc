#include "policy/decide.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/mou_state.h"
#include "policy/nearest_grants.h"

namespace sluice::policy {

// The only one who makes a Permit.
class DecisionMaker {
 public:
  DecisionMaker(const MouSet& mous, const Request& request) : mous_(mous), request_(request) {}

  Decision Decide() const {
    if (!request_.purpose_permitted || !MayAsk()) return NotPermitted();
    if (request_.mou.has_value()) {
      const auto it = mous_.mous_.find(*request_.mou);
      if (it == mous_.mous_.end() || !it->second.parties.contains(request_.organization)) {
        return NoMou(*request_.mou);
      }
      return DecideUnder(it->first, it->second);
    }
    return DecideUnnamed();
  }

 private:
  bool MayAsk() const;
  Decision DecideUnnamed() const;
  // Steps 3 to 5.
  Decision DecideUnder(absl::string_view name, const MouSet::Mou& mou) const;
  // The same, if it is a permit; nothing is said of why not.
  std::optional<Permit> PermitUnder(const MouSet::Mou& mou) const;
  Permit MakePermit(const MouVersion& version, std::shared_ptr<const Plan> plan) const;
  Denial NotPermitted() const;
  static Denial NoMou(absl::string_view name);

  const MouSet& mous_;
  const Request& request_;
};

bool DecisionMaker::MayAsk() const {
  switch (request_.operation) {
    case v1::OPERATION_READ:
    case v1::OPERATION_SYNC:
    case v1::OPERATION_TABULATE:
      return request_.kind == PrincipalKind::kSystem;
    case v1::OPERATION_UNSPECIFIED:
      return false;
    // What protobuf adds to the enum, and what a newer peer may have sent.
    case v1::Operation_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Operation_INT_MAX_SENTINEL_DO_NOT_USE_:
      return false;
  }
  return false;
}

Denial DecisionMaker::NotPermitted() const {
  Denial denial;
  denial.code = v1::DENIAL_CODE_PRINCIPAL_NOT_PERMITTED;
  denial.explanation = request_.purpose_permitted
                           ? "this kind of principal may not ask for this operation"
                           : "the configuration keeps this principal from this purpose";
  return denial;
}

Denial DecisionMaker::NoMou(absl::string_view name) {
  Denial denial;
  denial.code = v1::DENIAL_CODE_NO_MOU;
  denial.mou = std::string(name);
  denial.explanation = name.empty() ? "no MOU of this organization allows the request; name one"
                                    : "there is no such MOU that this organization is a party of";
  return denial;
}

Permit DecisionMaker::MakePermit(const MouVersion& version,
                                 std::shared_ptr<const Plan> plan) const {
  Permit permit;
  permit.mou_ = version.mou;
  // The plan's own string, kept alive with it: a permit allocates nothing.
  permit.purpose_ = std::shared_ptr<const std::string>(plan, &plan->purpose);
  permit.plan_ = std::move(plan);
  permit.operation_ = request_.operation;
  return permit;
}

std::optional<Permit> DecisionMaker::PermitUnder(const MouSet::Mou& mou) const {
  const MouState state = StateOf(mou.versions, request_.time);
  if (state.denial.has_value()) return std::nullopt;
  const MouVersion& version = mou.versions[state.version];
  if (!version.mou->Holds(request_.record_type)) return std::nullopt;
  const PlanKeyView key(request_.organization, request_.purpose, request_.record_type,
                        request_.operation);
  std::shared_ptr<const Plan> plan = mou.plans[state.version]->Find(key, state.day);
  if (plan == nullptr) return std::nullopt;
  return MakePermit(version, std::move(plan));
}

Decision DecisionMaker::DecideUnder(absl::string_view name, const MouSet::Mou& mou) const {
  std::optional<Permit> permit = PermitUnder(mou);
  if (permit.has_value()) return *std::move(permit);
  const MouState state = StateOf(mou.versions, request_.time);
  const MouVersion& version = mou.versions[state.version];
  Denial denial;
  denial.mou = std::string(name);
  denial.version = version.mou->version();
  denial.document_digest = version.mou->document_digest();
  if (state.denial.has_value()) {
    denial.code = *state.denial;
    denial.explanation = state.sentence;
    if (denial.code == v1::DENIAL_CODE_NOT_SIGNED) {
      denial.unsigned_parties = version.unsigned_parties;
    }
  } else if (!version.mou->Holds(request_.record_type)) {
    denial.code = v1::DENIAL_CODE_CATALOG_UNAVAILABLE;
    denial.explanation =
        "the gateway does not hold the version of the record type that the MOU pins";
  } else {
    denial.code = FirstFailedFilter(version, request_, state.day);
    denial.explanation = SentenceOf(denial.code);
  }
  denial.nearest = NearestGrants(version, request_, state.day);
  return denial;
}

Decision DecisionMaker::DecideUnnamed() const {
  const PlanKeyView key(request_.organization, request_.purpose, request_.record_type,
                        request_.operation);
  std::optional<Permit> found;
  std::vector<std::string> fitting;
  if (const auto it = mous_.by_request_.find(key); it != mous_.by_request_.end()) {
    for (const MouSet::Mou* mou : it->second) {
      std::optional<Permit> permit = PermitUnder(*mou);
      if (!permit.has_value()) continue;
      if (found.has_value() && fitting.empty()) fitting.push_back(found->mou().name());
      if (found.has_value()) fitting.push_back(permit->mou().name());
      if (!found.has_value()) found = std::move(permit);
    }
  }
  if (!fitting.empty()) {
    Denial denial;
    denial.code = v1::DENIAL_CODE_AMBIGUOUS_MOU;
    denial.explanation = absl::StrCat("several MOUs allow the request (",
                                      absl::StrJoin(fitting, ", "), "); name one");
    return denial;
  }
  if (found.has_value()) return *std::move(found);
  const std::vector<std::string>& own = mous_.MousOf(request_.organization);
  if (own.size() != 1) return NoMou("");
  return DecideUnder(own[0], mous_.mous_.find(own[0])->second);
}

std::shared_ptr<const MouSet> MouSet::Create(std::vector<MouVersion> versions) {
  std::stable_sort(versions.begin(), versions.end(), [](const MouVersion& a, const MouVersion& b) {
    return a.mou->version() < b.mou->version();
  });
  std::shared_ptr<MouSet> set(new MouSet());
  std::set<std::string> signed_once;  // MOUs
  for (const MouVersion& version : versions) {
    if (WasSigned(version)) signed_once.insert(version.mou->name());
  }
  std::map<std::string, std::set<std::string>> by_party, naming;
  for (MouVersion& version : versions) {
    const CompiledMou& mou = *version.mou;
    Mou& entry = set->mous_[mou.name()];
    if (!WasSigned(version) && signed_once.count(mou.name()) == 0) entry.parties.clear();
    for (const v1::Party& party : mou.mou().parties()) {
      naming[party.organization()].insert(mou.name());
      if (WasSigned(version) || signed_once.count(mou.name()) == 0) {
        entry.parties.insert(party.organization());
      }
    }
    entry.plans.push_back(std::make_unique<PlanIndex>(version.mou, version.withdrawn_grants));
    entry.versions.push_back(std::move(version));
  }
  for (const auto& [name, mou] : set->mous_) {
    for (const std::string& party : mou.parties) by_party[party].insert(name);
  }
  for (const auto& [party, names] : by_party) {
    set->by_party_[party].assign(names.begin(), names.end());
  }
  for (const auto& [party, names] : naming) {
    set->naming_[party].assign(names.begin(), names.end());
  }
  std::map<std::string, const Mou*> in_order;
  for (const auto& [name, mou] : set->mous_) in_order.emplace(name, &mou);
  for (const auto& [name, mou] : in_order) {
    for (const std::unique_ptr<PlanIndex>& plans : mou->plans) {
      for (const PlanKeyView& key : plans->Keys()) {
        std::vector<const Mou*>& mous =
            set->by_request_[PlanKey{std::string(key.recipient), std::string(key.purpose),
                                     std::string(key.record_type), key.operation}];
        if (mous.empty() || mous.back() != mou) mous.push_back(mou);
      }
    }
  }
  return set;
}

const std::vector<MouVersion>& MouSet::Versions(absl::string_view mou) const {
  static const auto* const kNone = new std::vector<MouVersion>();
  const auto it = mous_.find(mou);
  return it == mous_.end() ? *kNone : it->second.versions;
}

const std::vector<std::string>& MouSet::Find(const Names& names, absl::string_view organization) {
  static const auto* const kNone = new std::vector<std::string>();
  const auto it = names.find(organization);
  return it == names.end() ? *kNone : it->second;
}

const std::vector<std::string>& MouSet::MousOf(absl::string_view organization) const {
  return Find(by_party_, organization);
}

const std::vector<std::string>& MouSet::MousNaming(absl::string_view organization) const {
  return Find(naming_, organization);
}

Decision Decide(const MouSet& mous, const Request& request) {
  return DecisionMaker(mous, request).Decide();
}

}  // namespace sluice::policy
