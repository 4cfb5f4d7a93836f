#include "policy/nearest_grants.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace sluice::policy {
namespace {

constexpr size_t kMaxNearest = 3;

// The filters of step 5, in their order.
constexpr std::array kFilters = {
    v1::DENIAL_CODE_NOT_A_RECIPIENT,    v1::DENIAL_CODE_PURPOSE_NOT_GRANTED,
    v1::DENIAL_CODE_RECORD_NOT_GRANTED, v1::DENIAL_CODE_OPERATION_NOT_GRANTED,
    v1::DENIAL_CODE_OUTSIDE_PERIOD,     v1::DENIAL_CODE_WITHDRAWN,
    v1::DENIAL_CODE_PROHIBITED};

template <typename T>
bool Has(const std::vector<T>& values, const auto& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string OperationNames(const std::vector<v1::Operation>& operations) {
  return absl::StrJoin(operations, " and ", [](std::string* out, v1::Operation o) {
    absl::string_view name = v1::Operation_Name(o);
    absl::ConsumePrefix(&name, "OPERATION_");
    absl::StrAppend(out, name);
  });
}

// The day of the grant's period that is nearest to `day`.
absl::CivilDay NearestDay(const CivilPeriod& period, absl::CivilDay day) {
  if (day < period.effective) return period.effective;
  return day < period.expires ? day : period.expires - 1;
}

class Filters {
 public:
  Filters(const MouVersion& version, const Request& request, absl::CivilDay day)
      : version_(version), request_(request), day_(day) {}

  // Each condition stands by itself: a grant that fails one is asked for the others, too. Whether
  // prohibitions leave something is asked of the grant's own purpose, and of the day in its period
  // that is nearest: of the request that would be permitted but for the other conditions.
  bool Passes(v1::DenialCode filter, const CompiledGrant& grant) const;
  std::string Describe(v1::DenialCode filter, const CompiledGrant& grant) const;

 private:
  const MouVersion& version_;
  const Request& request_;
  const absl::CivilDay day_;
};

bool Filters::Passes(v1::DenialCode filter, const CompiledGrant& grant) const {
  if (filter == v1::DENIAL_CODE_NOT_A_RECIPIENT) return Has(grant.to, request_.organization);
  if (filter == v1::DENIAL_CODE_PURPOSE_NOT_GRANTED) return grant.purpose == request_.purpose;
  if (filter == v1::DENIAL_CODE_RECORD_NOT_GRANTED) {
    return grant.record_type == request_.record_type;
  }
  if (filter == v1::DENIAL_CODE_OPERATION_NOT_GRANTED) {
    return Has(grant.operations, request_.operation);
  }
  if (filter == v1::DENIAL_CODE_OUTSIDE_PERIOD) return grant.period.Contains(day_);
  if (filter == v1::DENIAL_CODE_WITHDRAWN) {
    return !version_.withdrawn_grants.contains(grant.grant.name);
  }
  return grant.type == nullptr ||
         !WhollyRemoved(version_.mou->prohibitions(), grant, request_.organization,
                        NearestDay(grant.period, day_));
}

std::string Filters::Describe(v1::DenialCode filter, const CompiledGrant& grant) const {
  if (filter == v1::DENIAL_CODE_NOT_A_RECIPIENT) {
    return absl::StrCat("recipient, it is to ", absl::StrJoin(grant.to, ", "));
  }
  if (filter == v1::DENIAL_CODE_PURPOSE_NOT_GRANTED) {
    return absl::StrCat("purpose, it is for ", grant.purpose);
  }
  if (filter == v1::DENIAL_CODE_RECORD_NOT_GRANTED) {
    return absl::StrCat("record, it is of ", grant.record_type);
  }
  if (filter == v1::DENIAL_CODE_OPERATION_NOT_GRANTED) {
    return absl::StrCat("operation, it allows ", OperationNames(grant.operations));
  }
  if (filter == v1::DENIAL_CODE_OUTSIDE_PERIOD) {
    return day_ < grant.period.effective
               ? absl::StrCat("period, not before ", absl::FormatCivilTime(grant.period.effective))
               : absl::StrCat("period, expired on ", absl::FormatCivilTime(grant.period.expires));
  }
  if (filter == v1::DENIAL_CODE_WITHDRAWN) return "withdrawn by its owner";
  return "prohibited as a whole";
}

void AddFailed(v1::NearestGrant& nearest, v1::DenialCode code, std::string description) {
  v1::FailedCondition& failed = *nearest.add_failed();
  failed.set_code(code);
  failed.set_description(std::move(description));
}

// On `day`, the later one of the request's and of the one that the grant would need.
void AddFailedOfVersion(v1::NearestGrant& nearest, const MouVersion& version, absl::CivilDay day) {
  if (!version.unsigned_parties.empty()) {
    AddFailed(nearest, v1::DENIAL_CODE_NOT_SIGNED,
              absl::StrCat("not signed by ", absl::StrJoin(version.unsigned_parties, ", ")));
  }
  if (version.suspended) AddFailed(nearest, v1::DENIAL_CODE_SUSPENDED, "the MOU is suspended");
  if (version.terminated_on.has_value() && *version.terminated_on <= day) {
    AddFailed(nearest, v1::DENIAL_CODE_TERMINATED,
              absl::StrCat("the MOU was ended on ", absl::FormatCivilTime(*version.terminated_on)));
  }
}

v1::NearestGrant ConditionsOf(const CompiledGrant& grant, const MouVersion& version,
                              const Filters& filters, absl::CivilDay day) {
  v1::NearestGrant near;
  near.set_grant(grant.grant.name);
  near.set_line(grant.grant.line);
  AddFailedOfVersion(near, version, std::max(day, NearestDay(grant.period, day)));
  if (grant.type == nullptr) {
    AddFailed(near, v1::DENIAL_CODE_CATALOG_UNAVAILABLE, "the record type is not held as pinned");
  }
  for (v1::DenialCode filter : kFilters) {
    if (!filters.Passes(filter, grant)) AddFailed(near, filter, filters.Describe(filter, grant));
  }
  return near;
}

}  // namespace

v1::DenialCode FirstFailedFilter(const MouVersion& version, const Request& request,
                                 absl::CivilDay day) {
  const Filters filters(version, request, day);
  std::vector<const CompiledGrant*> kept;
  for (const CompiledGrant& grant : version.mou->grants()) kept.push_back(&grant);
  for (v1::DenialCode filter : kFilters) {
    kept.erase(std::remove_if(kept.begin(), kept.end(),
                              [&](const CompiledGrant* g) { return !filters.Passes(filter, *g); }),
               kept.end());
    if (kept.empty()) return filter;
  }
  return v1::DENIAL_CODE_INTERNAL;
}

std::vector<v1::NearestGrant> NearestGrants(const MouVersion& version, const Request& request,
                                            absl::CivilDay day) {
  const Filters filters(version, request, day);
  std::vector<v1::NearestGrant> nearest;
  for (const CompiledGrant& grant : version.mou->grants()) {
    nearest.push_back(ConditionsOf(grant, version, filters, day));
  }
  std::sort(nearest.begin(), nearest.end(), [](const auto& a, const auto& b) {
    return a.failed_size() != b.failed_size() ? a.failed_size() < b.failed_size()
                                              : a.grant() < b.grant();
  });
  // Those with the fewest: what fails more is no help.
  const auto end = std::find_if(nearest.begin(), nearest.end(), [&](const v1::NearestGrant& n) {
    return n.failed_size() > nearest.front().failed_size();
  });
  nearest.erase(end, nearest.end());
  if (nearest.size() > kMaxNearest) nearest.resize(kMaxNearest);
  return nearest;
}

std::vector<v1::NearestGrant> GrantsNotInForce(const MouVersion& version, const Request& request,
                                               absl::CivilDay day, absl::string_view owner) {
  const Filters filters(version, request, day);
  std::vector<v1::NearestGrant> grants;
  for (const CompiledGrant& grant : version.mou->grants()) {
    if (grant.grant.owner != owner || !filters.Passes(v1::DENIAL_CODE_NOT_A_RECIPIENT, grant) ||
        !filters.Passes(v1::DENIAL_CODE_PURPOSE_NOT_GRANTED, grant) ||
        !filters.Passes(v1::DENIAL_CODE_RECORD_NOT_GRANTED, grant)) {
      continue;
    }
    v1::NearestGrant conditions = ConditionsOf(grant, version, filters, day);
    if (conditions.failed_size() > 0) grants.push_back(std::move(conditions));
  }
  std::sort(grants.begin(), grants.end(),
            [](const auto& a, const auto& b) { return a.grant() < b.grant(); });
  return grants;
}

std::string CodeName(v1::DenialCode code) {
  absl::string_view name = v1::DenialCode_Name(code);
  absl::ConsumePrefix(&name, "DENIAL_CODE_");
  return std::string(name);
}

std::string SentenceOf(v1::DenialCode filter) {
  if (filter == v1::DENIAL_CODE_NOT_A_RECIPIENT) return "no grant is to this organization";
  if (filter == v1::DENIAL_CODE_PURPOSE_NOT_GRANTED) return "no grant to it is for this purpose";
  if (filter == v1::DENIAL_CODE_RECORD_NOT_GRANTED) return "no such grant is of this record type";
  if (filter == v1::DENIAL_CODE_OPERATION_NOT_GRANTED) return "no such grant is for this operation";
  if (filter == v1::DENIAL_CODE_OUTSIDE_PERIOD) return "no such grant holds on this day";
  if (filter == v1::DENIAL_CODE_WITHDRAWN) return "its owner withdrew what was granted";
  if (filter == v1::DENIAL_CODE_PROHIBITED) return "prohibitions remove all that was granted";
  return "the decision could not be made";
}

}  // namespace sluice::policy
