#include "server/admission.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/explain.h"
#include "server/error.h"
#include "server/request_id.h"

namespace sluice::server {
namespace {

EntryCaller EntryCallerOf(const Caller& caller) { return {caller.principal(), caller.spki()}; }

std::vector<std::string> BasesOf(const v1::Mou& mou) {
  std::vector<std::string> bases;
  for (const v1::Authority& authority : mou.authority()) {
    bases.emplace_back(absl::StripPrefix(v1::Basis_Name(authority.basis()), "BASIS_"));
  }
  return bases;
}

constexpr size_t kMaxName = 128;
constexpr size_t kMaxFilter = 4 << 10;

absl::Status CheckLength(absl::string_view field, absl::string_view text, size_t most) {
  return text.size() <= most ? absl::OkStatus()
                             : Invalid(field, absl::StrCat("is longer than ", most, " bytes"));
}

// The version that a decision names; null if there is none.
const policy::CompiledMou* VersionOf(const policy::MouSet& mous, const v1::Decision& decision) {
  for (const policy::MouVersion& version : mous.Versions(decision.mou())) {
    if (version.mou->version() == decision.version()) return version.mou.get();
  }
  return nullptr;
}

bool SameTerms(const policy::Permit& a, const policy::Permit& b) {
  if (&a.plan() == &b.plan()) return true;
  const auto names = [](const auto& clauses) {
    std::vector<absl::string_view> result;
    for (const auto& clause : clauses) result.emplace_back(clause.name);
    return result;
  };
  return a.mou().document_digest() == b.mou().document_digest() &&
         names(a.plan().grants) == names(b.plan().grants) &&
         names(a.plan().prohibitions) == names(b.plan().prohibitions);
}

policy::Denial NotBetween(std::string mou, v1::DenialCode code, std::string explanation) {
  policy::Denial denial;
  denial.code = code;
  denial.mou = std::move(mou);
  denial.explanation = std::move(explanation);
  return denial;
}

bool Grants(const policy::Decision& decision, absl::string_view owner) {
  const auto* permit = std::get_if<policy::Permit>(&decision);
  return permit != nullptr &&
         std::any_of(permit->plan().grants.begin(), permit->plan().grants.end(),
                     [&](const policy::PlanGrant& grant) { return grant.owner == owner; });
}

// Decides as the recipient of an owner's records would be decided for: under an MOU that the owner
// is a party of, so that it learns of no other.
policy::Decision DecideView(const policy::MouSet& mous, absl::string_view owner,
                            const std::string& mou, policy::Request& as) {
  const std::vector<std::string>& own = mous.MousOf(owner);
  std::vector<const std::string*> between;
  for (const std::string& name : mous.MousOf(as.organization)) {
    if ((mou.empty() || name == mou) && std::find(own.begin(), own.end(), name) != own.end()) {
      between.push_back(&name);
    }
  }
  if (between.empty()) {
    return NotBetween(mou, v1::DENIAL_CODE_NO_MOU,
                      "there is no such MOU that both organizations are parties of");
  }
  std::vector<const std::string*> granting;
  for (const std::string* name : between) {
    as.mou = *name;
    if (Grants(policy::Decide(mous, as), owner)) granting.push_back(name);
  }
  if (granting.size() > 1) {
    return NotBetween("", v1::DENIAL_CODE_AMBIGUOUS_MOU,
                      absl::StrCat("several MOUs allow it (", *granting[0], ", ", *granting[1],
                                   granting.size() > 2 ? ", ..." : "", "); name one"));
  }
  if (granting.empty() && between.size() > 1) {
    return NotBetween("", v1::DENIAL_CODE_NO_MOU,
                      "none of the MOUs between the two allows it; name one to be told why");
  }
  as.mou = granting.empty() ? *between[0] : *granting[0];
  policy::Decision decision = policy::Decide(mous, as);
  if (std::holds_alternative<policy::Permit>(decision) && granting.empty()) {
    // What others grant is nothing of this owner's.
    const policy::CompiledMou& version = std::get<policy::Permit>(decision).mou();
    policy::Denial denial = NotBetween(version.name(), v1::DENIAL_CODE_RECORD_NOT_GRANTED,
                                       "no grant from this owner is in force for the request");
    denial.version = version.version();
    denial.document_digest = version.document_digest();
    return denial;
  }
  return decision;
}

}  // namespace

absl::StatusOr<Caller> Admission::Identify(absl::string_view leaf_pem) {
  const absl::StatusOr<absl::Time> now = Now();
  if (!now.ok()) return now.status();
  absl::Status failure = absl::UnauthenticatedError("no client certificate was shown");
  if (!leaf_pem.empty()) {
    absl::StatusOr<Caller> caller = parts_.identity()->Verify(leaf_pem, *now);
    if (caller.ok()) return caller;
    failure = caller.status();
  }
  // Who failed to say who he is stands in one entry a window with all others of his kind.
  const absl::StatusOr<RequestId> request = NewRequestId();
  if (!request.ok()) return request.status();
  DecisionEntry entry;
  entry.request = *request;
  entry.operation = "Identify";
  entry.code = v1::DENIAL_CODE_UNAUTHENTICATED;
  v1::Decision decision;
  decision.set_decision_id(*request);
  decision.set_code(entry.code);
  const absl::StatusOr<RequestId> logged =
      parts_.denials->Append("", std::move(entry), decision, /*own_entries=*/0);
  if (!logged.ok()) return logged.status();
  return Unauthenticated(failure.message());
}

absl::StatusOr<absl::Time> Admission::Now() const {
  if (parts_.await_fresh != nullptr) {
    if (const absl::Status fresh = parts_.await_fresh(); !fresh.ok()) return fresh;
  }
  return parts_.clock->Now();
}

policy::Decision Admission::Decide(const Caller& caller, const Asked& asked,
                                   const policy::MouSet& mous, absl::Time now) const {
  policy::Request request;
  request.kind = caller.kind();
  request.organization = caller.organization();
  if (!asked.mou.empty()) request.mou = asked.mou;
  request.purpose = asked.purpose;
  request.record_type = asked.record_type;
  request.operation = asked.operation;
  request.time = now;
  request.purpose_permitted = parts_.purpose_permitted(caller.spiffe_id(), asked.purpose);
  return policy::Decide(mous, request);
}

v1::Decision Admission::View(const Caller& caller, const RequestId& request, const Asked& asked,
                             const policy::MouSet& mous, const policy::Decision& decision) const {
  v1::Decision view;
  view.set_decision_id(request);
  view.set_purpose(asked.purpose);
  view.set_record_type(asked.record_type);
  view.set_operation(asked.operation);
  if (const auto* permit = std::get_if<policy::Permit>(&decision)) {
    view.set_permit(true);
    view.set_mou(permit->mou().name());
    view.set_version(permit->mou().version());
    view.set_document_digest(permit->mou().document_digest());
    for (const policy::PlanGrant& grant : permit->plan().grants) view.add_grants(grant.name);
    view.set_explanation(policy::Explain(decision));
    return view;
  }
  const auto& denial = std::get<policy::Denial>(decision);
  view.set_code(denial.code);
  // What came near is told to the parties' systems and administrators only.
  const bool party = [&] {
    if (caller.kind() != policy::PrincipalKind::kSystem &&
        caller.kind() != policy::PrincipalKind::kAdmin) {
      return false;
    }
    for (const policy::MouVersion& version : mous.Versions(denial.mou)) {
      if (version.mou->version() == denial.version) {
        return version.mou->IsParty(caller.organization());
      }
    }
    return false;
  }();
  if (party) {
    view.set_mou(denial.mou);
    view.set_version(denial.version);
    view.set_document_digest(denial.document_digest);
    for (const v1::NearestGrant& nearest : denial.nearest) *view.add_nearest_grants() = nearest;
    for (const std::string& unsigned_party : denial.unsigned_parties) {
      view.add_unsigned_parties(unsigned_party);
    }
  }
  const absl::string_view code =
      absl::StripPrefix(v1::DenialCode_Name(denial.code), "DENIAL_CODE_");
  view.set_explanation(party && !denial.explanation.empty()
                           ? absl::StrCat(code, ": ", denial.explanation)
                           : std::string(code));
  return view;
}

DecisionEntry Admission::EntryOf(const Caller& caller, const RequestId& request, const Asked& asked,
                                 const policy::MouSet& mous, const v1::Decision& view) const {
  DecisionEntry entry;
  entry.request = request;
  entry.caller = EntryCallerOf(caller);
  entry.operation =
      std::string(absl::StripPrefix(v1::Operation_Name(asked.operation), "OPERATION_"));
  entry.code = view.code();
  entry.grants.assign(view.grants().begin(), view.grants().end());
  entry.filter = asked.filter;
  // Only names that somebody agreed on are written: what a caller makes up stays out of the log.
  if (const policy::RecordType* type = parts_.catalog->Find(asked.record_type)) {
    entry.terms.record_type = type->name();
    entry.terms.catalog_digest = type->digest();
  }
  if (const policy::CompiledMou* mou = VersionOf(mous, view)) {
    // The version that the document pins says what its record type is, not the one in use.
    const auto pin = mou->mou().catalog().find(asked.record_type);
    if (pin != mou->mou().catalog().end()) {
      entry.terms.record_type = pin->first;
      entry.terms.catalog_digest = pin->second;
    }
    entry.terms.mou = mou->name();
    entry.terms.version = mou->version();
    entry.terms.document_digest = mou->document_digest();
    entry.terms.authority = BasesOf(mou->mou());
    if (mou->mou().purposes().contains(asked.purpose)) entry.terms.purpose = asked.purpose;
    for (const v1::Party& party : mou->mou().parties()) {
      entry.parties.push_back(party.organization());
    }
  }
  return entry;
}

absl::Status Admission::Deny(const Caller& caller, RequestId& request, DecisionEntry entry,
                             const v1::Decision& decision) {
  const absl::StatusOr<RequestId> logged =
      parts_.denials->Append(caller.spiffe_id(), std::move(entry), decision);
  if (!logged.ok()) return logged.status();
  request = *logged;
  return Denied(decision);
}

absl::StatusOr<Admitted> Admission::Admit(const Caller& caller, RequestId& request,
                                          const Asked& asked) {
  // What is kept of a request is bounded before it is kept; a length tells nothing of a grant.
  for (const absl::Status& length :
       {CheckLength("mou", asked.mou, kMaxName), CheckLength("purpose", asked.purpose, kMaxName),
        CheckLength("record_type", asked.record_type, kMaxName),
        CheckLength("filter", asked.filter, kMaxFilter)}) {
    if (!length.ok()) return length;
  }
  const absl::StatusOr<absl::Time> now = Now();
  if (!now.ok()) return now.status();
  const std::shared_ptr<const policy::MouSet> mous = parts_.mous->Current();
  policy::Decision decision = Decide(caller, asked, *mous, *now);
  const v1::Decision view = View(caller, request, asked, *mous, decision);
  DecisionEntry entry = EntryOf(caller, request, asked, *mous, view);
  auto* permit = std::get_if<policy::Permit>(&decision);
  if (permit == nullptr) return Deny(caller, request, std::move(entry), view);
  absl::StatusOr<AuditReceipt> receipt = parts_.log->AppendPermit(*permit, entry, view);
  if (!receipt.ok()) return AuditUnavailable();
  return Admitted{std::move(*permit), *std::move(receipt), std::move(entry)};
}

absl::Status Admission::StillValid(const Caller& caller) {
  const absl::StatusOr<absl::Time> now = Now();
  return now.ok() ? StillValid(caller, *now) : now.status();
}

absl::Status Admission::StillValid(const Caller& caller, absl::Time now) {
  const absl::Status valid = parts_.identity()->StillValid(caller, now);
  return valid.ok() ? valid : Unauthenticated(valid.message());
}

absl::Status Admission::StillPermitted(const Caller& caller, RequestId& request, const Asked& asked,
                                       const Admitted& admitted) {
  const absl::StatusOr<absl::Time> now = Now();
  if (!now.ok()) return now.status();
  if (const absl::Status valid = StillValid(caller, *now); !valid.ok()) return valid;
  const std::shared_ptr<const policy::MouSet> mous = parts_.mous->Current();
  const policy::Decision decision = Decide(caller, asked, *mous, *now);
  if (const auto* permit = std::get_if<policy::Permit>(&decision)) {
    return SameTerms(*permit, admitted.permit) ? absl::OkStatus() : TermsChanged();
  }
  absl::StatusOr<RequestId> own = NewRequestId();
  if (!own.ok()) return own.status();
  const v1::Decision view = View(caller, *own, asked, *mous, decision);
  request = *own;
  return Deny(caller, request, EntryOf(caller, *own, asked, *mous, view), view);
}

absl::StatusOr<OwnerAdmitted> Admission::AdmitOwner(const Caller& caller, RequestId& request,
                                                    absl::string_view rpc, absl::string_view parent,
                                                    std::optional<absl::string_view> record_type,
                                                    absl::string_view filter) {
  DecisionEntry entry;
  entry.filter = std::string(filter);
  return AdmitOwnersQuestion(caller, request, rpc, parent, record_type, std::move(entry));
}

absl::StatusOr<OwnerAdmitted> Admission::AdmitOwnersQuestion(
    const Caller& caller, RequestId& request, absl::string_view rpc, absl::string_view parent,
    std::optional<absl::string_view> record_type, DecisionEntry entry) {
  const absl::StatusOr<absl::Time> now = Now();
  if (!now.ok()) return now.status();
  if (const absl::Status allowed = AdmitCall(caller, request, rpc); !allowed.ok()) return allowed;
  for (const absl::Status& length : {CheckLength("record_type", record_type.value_or(""), kMaxName),
                                     CheckLength("filter", entry.filter, kMaxFilter)}) {
    if (!length.ok()) return length;
  }
  // What is taken in must find room in the log, too.
  if (!parts_.log->Health().ok()) return AuditUnavailable();
  entry.request = request;
  entry.caller = EntryCallerOf(caller);
  entry.operation = std::string(rpc);
  v1::Decision view;
  view.set_decision_id(request);
  view.set_record_type(std::string(record_type.value_or("")));
  const policy::RecordType* type =
      record_type.has_value() ? parts_.catalog->Find(*record_type) : nullptr;
  if (parent != absl::StrCat("organizations/", caller.organization())) {
    entry.code = v1::DENIAL_CODE_PRINCIPAL_NOT_PERMITTED;
    view.set_code(entry.code);
    view.set_explanation(
        absl::StrCat("records of an organization are its own alone; parent must be organizations/",
                     caller.organization()));
    return Deny(caller, request, std::move(entry), view);
  }
  if (record_type.has_value() && type == nullptr) {
    return Invalid("record_type", "the catalog has no such record type");
  }
  std::optional<OwnerPermit> permit = OwnerPermit::Create(caller, parent, type);
  if (!permit) return absl::InternalError("an owner without a permit");
  if (type != nullptr) {
    entry.terms.record_type = type->name();
    entry.terms.catalog_digest = type->digest();
  }
  entry.terms.owner = permit->owner();
  absl::StatusOr<AuditReceipt> receipt = parts_.log->AppendOwnerPermit(*permit, std::move(entry));
  if (!receipt.ok()) return AuditUnavailable();
  return OwnerAdmitted{*std::move(permit), *std::move(receipt)};
}

absl::StatusOr<ViewAdmitted> Admission::AdmitView(const Caller& caller, RequestId& request,
                                                  absl::string_view rpc, absl::string_view parent,
                                                  const Viewed& viewed) {
  for (const absl::Status& length : {CheckLength("recipient", viewed.recipient, kMaxName),
                                     CheckLength("mou", viewed.mou, kMaxName),
                                     CheckLength("purpose", viewed.purpose, kMaxName)}) {
    if (!length.ok()) return length;
  }
  const absl::StatusOr<absl::Time> now = Now();
  if (!now.ok()) return now.status();
  const std::shared_ptr<const policy::MouSet> mous = parts_.mous->Current();
  policy::Request as;
  as.kind = policy::PrincipalKind::kSystem;
  as.organization = viewed.recipient;
  as.purpose = viewed.purpose;
  as.record_type = viewed.record_type;
  as.operation = v1::OPERATION_READ;
  as.time = *now;
  policy::Decision decision = DecideView(*mous, caller.organization(), viewed.mou, as);

  const Asked asked{viewed.mou, viewed.purpose, viewed.record_type, v1::OPERATION_READ, ""};
  const v1::Decision told = View(caller, request, asked, *mous, decision);
  // It is the owner's question: who else is a party is not to read of it.
  DecisionEntry entry = EntryOf(caller, request, asked, *mous, told);
  entry.parties.clear();
  entry.code = v1::DENIAL_CODE_UNSPECIFIED;
  if (!mous->MousOf(viewed.recipient).empty()) entry.as = viewed.recipient;
  absl::StatusOr<OwnerAdmitted> owner =
      AdmitOwnersQuestion(caller, request, rpc, parent, viewed.record_type, std::move(entry));
  if (!owner.ok()) return owner.status();
  ViewAdmitted admitted{*std::move(owner), mous, as, std::move(decision), told};
  // The id that the log knows the question by.
  admitted.view.set_decision_id(request);
  return admitted;
}

absl::Status Admission::AdmitCall(const Caller& caller, RequestId& request, absl::string_view rpc) {
  if (policy::MayCall(caller.kind(), rpc)) return absl::OkStatus();
  DecisionEntry entry;
  entry.request = request;
  entry.caller = EntryCallerOf(caller);
  entry.operation = std::string(rpc);
  entry.code = v1::DENIAL_CODE_PRINCIPAL_NOT_PERMITTED;
  v1::Decision view;
  view.set_decision_id(request);
  view.set_code(entry.code);
  view.set_explanation(absl::StrCat("a principal of this kind may not call ", rpc));
  return Deny(caller, request, std::move(entry), view);
}

absl::Status Admission::NoMou(const Caller& caller, RequestId& request, absl::string_view rpc) {
  DecisionEntry entry;
  entry.request = request;
  entry.caller = EntryCallerOf(caller);
  entry.operation = std::string(rpc);
  entry.code = v1::DENIAL_CODE_NO_MOU;
  v1::Decision view;
  view.set_decision_id(request);
  view.set_code(entry.code);
  const absl::Status denied = Deny(caller, request, std::move(entry), view);
  return absl::IsPermissionDenied(denied) ? NotFound("MOU") : denied;
}

absl::Status Admission::Refuse(const Caller& caller, RequestId& request, absl::string_view rpc,
                               absl::Status exhausted) {
  DecisionEntry entry;
  entry.request = request;
  entry.caller = EntryCallerOf(caller);
  entry.operation = std::string(rpc);
  entry.code = v1::DENIAL_CODE_RESOURCE_EXHAUSTED;
  v1::Decision view;
  view.set_decision_id(request);
  view.set_code(entry.code);
  const absl::StatusOr<RequestId> logged =
      parts_.denials->Append(caller.spiffe_id(), std::move(entry), view, /*own_entries=*/0);
  if (!logged.ok()) return logged.status();
  request = *logged;
  return exhausted;
}

}  // namespace sluice::server
