#include "policy/plan_index.h"

#include <algorithm>
#include <utility>

#include "policy/box_cover.h"

namespace sluice::policy {
namespace {

bool AllOrOneOf(const std::vector<std::string>& names, absl::string_view name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Lists(const PlanProhibition& prohibition, const Field* field) {
  return !prohibition.fields.has_value() ||
         std::find(prohibition.fields->begin(), prohibition.fields->end(), field) !=
             prohibition.fields->end();
}

bool Concerns(const CompiledProhibition& prohibition, const CompiledGrant& grant,
              absl::string_view recipient, absl::CivilDay day) {
  return AllOrOneOf(prohibition.prohibition.owners, grant.grant.owner) &&
         AllOrOneOf(prohibition.to, recipient) && AllOrOneOf(prohibition.purposes, grant.purpose) &&
         (prohibition.record_type.empty() || prohibition.record_type == grant.record_type) &&
         prohibition.period.Contains(day);
}

bool WhollyRemoved(const std::vector<CompiledProhibition>& prohibitions, const CompiledGrant& grant,
                   absl::string_view recipient, absl::CivilDay day) {
  std::vector<const PlanProhibition*> live;
  for (const CompiledProhibition& p : prohibitions) {
    if (Concerns(p, grant, recipient, day)) live.push_back(&p.prohibition);
  }
  if (live.empty()) return false;
  return std::all_of(grant.grant.fields.begin(), grant.grant.fields.end(), [&](const PlanField& f) {
    std::vector<const Box*> boxes;
    for (const PlanProhibition* p : live) {
      if (Lists(*p, f.field)) boxes.push_back(&p->rows);
    }
    return IsCovered(grant.grant.rows, boxes);
  });
}

PlanIndex::PlanIndex(std::shared_ptr<const CompiledMou> mou,
                     const absl::flat_hash_set<std::string>& withdrawn_grants)
    : mou_(std::move(mou)) {
  for (const CompiledGrant& grant : mou_->grants()) {
    if (grant.type == nullptr || withdrawn_grants.contains(grant.grant.name)) continue;
    for (const std::string& recipient : grant.to) {
      for (v1::Operation operation : grant.operations) {
        std::unique_ptr<Entry>& entry =
            entries_[PlanKey{recipient, grant.purpose, grant.record_type, operation}];
        if (entry == nullptr) entry = std::make_unique<Entry>();
        // A recipient or an operation that is written twice is one.
        if (entry->grants.empty() || entry->grants.back() != &grant) {
          entry->grants.push_back(&grant);
        }
      }
    }
  }
}

std::vector<PlanKeyView> PlanIndex::Keys() const {
  std::vector<PlanKeyView> keys;
  for (const auto& [key, entry] : entries_) keys.emplace_back(key);
  return keys;
}

std::shared_ptr<const Plan> PlanIndex::Find(const PlanKeyView& request, absl::CivilDay day) const {
  const auto it = entries_.find(request);
  if (it == entries_.end()) return nullptr;
  Entry& entry = *it->second;
  {
    absl::ReaderMutexLock lock(&entry.mutex);
    if (entry.kept.days.Contains(day)) return entry.kept.plan;
  }
  Kept made = Make(request, entry, day);
  absl::MutexLock lock(&entry.mutex);
  // Requests of two sides of midnight may meet here; the later day is the one to keep.
  if (!entry.kept.days.Contains(day)) entry.kept = made;
  return made.plan;
}

PlanIndex::Kept PlanIndex::Make(const PlanKeyView& request, const Entry& entry,
                                absl::CivilDay day) const {
  Kept kept{mou_->term(), nullptr};
  const auto narrow = [&](const CivilPeriod& period) {
    for (absl::CivilDay edge : {period.effective, period.expires}) {
      if (edge <= day) kept.days.effective = std::max(kept.days.effective, edge);
      if (edge > day) kept.days.expires = std::min(kept.days.expires, edge);
    }
  };
  for (const CompiledGrant* grant : entry.grants) narrow(grant->period);
  for (const CompiledProhibition& p : mou_->prohibitions()) narrow(p.period);

  std::vector<const CompiledGrant*> live;
  for (const CompiledGrant* grant : entry.grants) {
    if (grant->period.Contains(day) &&
        !WhollyRemoved(mou_->prohibitions(), *grant, request.recipient, day)) {
      live.push_back(grant);
    }
  }
  if (live.empty()) return kept;
  auto plan = std::make_shared<Plan>();
  plan->catalog = mou_->catalog();
  plan->type = live.front()->type;
  plan->mou = mou_->name();
  plan->recipient = std::string(request.recipient);
  plan->purpose = std::string(request.purpose);
  for (const CompiledGrant* grant : live) plan->grants.push_back(grant->grant);
  for (const CompiledProhibition& p : mou_->prohibitions()) {
    const bool meets = std::any_of(live.begin(), live.end(), [&](const CompiledGrant* grant) {
      return Concerns(p, *grant, request.recipient, day) &&
             grant->grant.rows.Intersects(p.prohibition.rows);
    });
    if (meets) plan->prohibitions.push_back(p.prohibition);
  }
  kept.plan = std::move(plan);
  return kept;
}

}  // namespace sluice::policy
