// Who may ask about an owner's keys.
#include "absl/strings/str_cat.h"
#include "server/admission.h"

namespace sluice::server {

absl::Status Admission::AdmitKeys(const Caller& caller, RequestId& request, absl::string_view rpc,
                                  absl::string_view owner) {
  if (absl::Status may = AdmitCall(caller, request, rpc); !may.ok()) return may;
  const bool is_operator = caller.kind() == policy::PrincipalKind::kOperator;
  if (is_operator ? rpc != "DestroyKey" || owner.empty() : owner == caller.organization()) {
    return absl::OkStatus();
  }
  DecisionEntry entry;
  entry.request = request;
  entry.caller = {caller.principal(), caller.spki()};
  entry.operation = std::string(rpc);
  entry.code = v1::DENIAL_CODE_PRINCIPAL_NOT_PERMITTED;
  v1::Decision view;
  view.set_decision_id(request);
  view.set_code(entry.code);
  view.set_explanation(
      is_operator ? std::string("an organization's keys are its own administrators' to destroy")
                  : absl::StrCat("keys of an organization are its own alone: they stand under "
                                 "organizations/",
                                 caller.organization()));
  return Deny(caller, request, std::move(entry), view);
}

}  // namespace sluice::server
