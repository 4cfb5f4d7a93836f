#include "server/operator_rpc.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "re2/re2.h"
#include "server/error.h"
#include "server/identity/ca_bundle.h"
#include "server/page_size.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kPrefix = "organizations/";

// The fields that an update may name, and where they are kept.
struct Field {
  absl::string_view path;
  const std::string& (v1::TrustedOrganization::*asked)() const;
  std::string StoredOrganization::*kept;
};
using Given = v1::TrustedOrganization;
constexpr std::array<Field, 5> kFields = {
    {{"display_name", &Given::display_name, &StoredOrganization::display_name},
     {"ca_bundle", &Given::ca_bundle, &StoredOrganization::ca_bundle},
     {"crl", &Given::crl, &StoredOrganization::crl},
     {"signatory_bundle", &Given::signatory_bundle, &StoredOrganization::signatory_bundle},
     {"signatory_crl", &Given::signatory_crl, &StoredOrganization::signatory_crl}}};

std::string EtagOf(const StoredOrganization& stored) { return absl::StrCat(stored.log_index); }

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
}

absl::Status PutAuthorities(const CaBundle* bundle, bool whole,
                            google::protobuf::RepeatedPtrField<v1::CertificateAuthority>* out) {
  if (bundle == nullptr) return absl::InternalError("an organization without CAs");
  for (const Certificate& ca : bundle->certificates()) {
    v1::CertificateAuthority& view = *out->Add();
    view.set_digest(absl::StrCat("sha256:", absl::BytesToHexString(ca.fingerprint())));
    view.set_key_digest(absl::StrCat("sha256:", ca.spki()));
    view.set_root(ca.is_self_signed());
    SetTime(ca.not_after(), view.mutable_expire_time());
    const RevocationList* const list = bundle->ListOf(ca);
    if (list != nullptr) SetTime(list->next_update(), view.mutable_crl_next_update_time());
    if (!whole) continue;
    const absl::StatusOr<std::string> certificate = ca.ToPem();
    if (!certificate.ok()) return certificate.status();
    view.set_certificate(*certificate);
    if (list == nullptr) continue;
    const absl::StatusOr<std::string> crl = list->ToPem();
    if (!crl.ok()) return crl.status();
    view.set_crl(*crl);
  }
  return absl::OkStatus();
}

absl::Status ViewOf(const Organizations::State& state,
                    const Organizations::State::Organization& organization, bool whole,
                    v1::TrustedOrganization& view) {
  const StoredOrganization& stored = organization.stored;
  view.set_name(absl::StrCat(kPrefix, stored.name));
  view.set_display_name(stored.display_name);
  view.set_source(organization.configured ? v1::ORGANIZATION_SOURCE_CONFIGURATION
                                          : v1::ORGANIZATION_SOURCE_ADDED);
  if (!organization.configured) view.set_etag(EtagOf(stored));
  if (whole) {
    view.set_ca_bundle(stored.ca_bundle);
    view.set_crl(stored.crl);
    view.set_signatory_bundle(stored.signatory_bundle);
    view.set_signatory_crl(stored.signatory_crl);
  }
  const Trust& trust = *state.identity->trust();
  const absl::Status callers =
      PutAuthorities(trust.CallerCas(stored.name), whole, view.mutable_authorities());
  if (!callers.ok() || stored.signatory_bundle.empty()) return callers;
  return PutAuthorities(trust.SignatoryCas(stored.name), whole,
                        view.mutable_signatory_authorities());
}

}  // namespace

template <typename Serve>
grpc::Status OperatorRpc::Run(grpc::ServerContext* context, const char* rpc, Serve serve) {
  Call call(parts_.calls, rpc);
  absl::Status status = call.Begin(*context->auth_context());
  if (status.ok()) {
    status = parts_.calls.admission->AdmitCall(call.caller(), call.request_id(), call.rpc());
  }
  if (status.ok()) status = serve(call);
  return call.End(status);
}

absl::Status OperatorRpc::List(const v1::ListOrganizationsRequest& request,
                               v1::ListOrganizationsResponse& response) const {
  const absl::StatusOr<Page> page = PageOf(request.page_size(), "");
  if (!page.ok()) return page.status();
  const std::shared_ptr<const Organizations::State> state = parts_.organizations->Current();
  // A token is the last name before it: what is added meanwhile moves nothing.
  auto next = request.page_token().empty() ? state->organizations.begin()
                                           : state->organizations.upper_bound(request.page_token());
  for (; next != state->organizations.end(); ++next) {
    if (static_cast<uint64_t>(response.organizations_size()) == page->size) {
      absl::string_view last = response.organizations(response.organizations_size() - 1).name();
      absl::ConsumePrefix(&last, kPrefix);
      response.set_next_page_token(std::string(last));
      break;
    }
    const absl::Status viewed =
        ViewOf(*state, next->second, /*whole=*/false, *response.add_organizations());
    if (!viewed.ok()) return viewed;
  }
  return absl::OkStatus();
}

absl::Status OperatorRpc::Get(absl::string_view name, v1::TrustedOrganization& view) const {
  if (!absl::ConsumePrefix(&name, kPrefix)) {
    return Invalid("name", "must be organizations/{organization}");
  }
  const std::shared_ptr<const Organizations::State> state = parts_.organizations->Current();
  const auto found = state->organizations.find(std::string(name));
  if (found == state->organizations.end()) return NotFound("organization");
  return ViewOf(*state, found->second, /*whole=*/true, view);
}

absl::Status OperatorRpc::Put(Call& call, StoredOrganization organization,
                              std::optional<uint64_t> replaces, v1::TrustedOrganization& view) {
  const absl::StatusOr<absl::Time> now = parts_.calls.clock->Now();
  if (!now.ok()) return now.status();
  const absl::StatusOr<StoredOrganization> put = parts_.organizations->Put(
      call.caller(), call.request_id(), std::move(organization), replaces, *now);
  if (!put.ok()) return put.status();
  parts_.changed();
  return Get(absl::StrCat(kPrefix, put->name), view);
}

absl::Status OperatorRpc::Create(Call& call, const v1::CreateOrganizationRequest& request,
                                 v1::TrustedOrganization& view) {
  static const RE2 kName("[a-z][a-z0-9-]{0,62}");
  if (!RE2::FullMatch(request.organization_id(), kName) ||
      request.organization_id() == "operator") {
    return Invalid("organization_id", "must match [a-z][a-z0-9-]{0,62}, and not be operator");
  }
  StoredOrganization organization;
  organization.name = request.organization_id();
  for (const Field& field : kFields) {
    organization.*field.kept = (request.organization().*field.asked)();
  }
  return Put(call, std::move(organization), std::nullopt, view);
}

absl::Status OperatorRpc::Update(Call& call, const v1::UpdateOrganizationRequest& request,
                                 v1::TrustedOrganization& view) {
  const v1::TrustedOrganization& asked = request.organization();
  absl::string_view name = asked.name();
  if (!absl::ConsumePrefix(&name, kPrefix)) {
    return Invalid("organization.name", "must be organizations/{organization}");
  }
  const std::shared_ptr<const Organizations::State> state = parts_.organizations->Current();
  const auto found = state->organizations.find(std::string(name));
  if (found == state->organizations.end()) return NotFound("organization");
  if (found->second.configured) return StandsInConfiguration(name);
  StoredOrganization organization = found->second.stored;
  if (asked.etag().empty()) {
    return Invalid("organization.etag", "is required: the one of the state that you looked at");
  }
  if (asked.etag() != EtagOf(organization)) return EtagMismatch();
  if (request.update_mask().paths().empty()) {
    return Invalid("update_mask", "is required: the fields that change");
  }
  for (const std::string& path : request.update_mask().paths()) {
    const auto field = std::find_if(kFields.begin(), kFields.end(),
                                    [&](const Field& f) { return f.path == path; });
    if (field == kFields.end()) {
      return Invalid("update_mask",
                     "may name display_name, ca_bundle, crl, signatory_bundle and signatory_crl");
    }
    organization.*field->kept = (asked.*field->asked)();
  }
  const uint64_t replaces = organization.log_index;
  return Put(call, std::move(organization), replaces, view);
}

grpc::Status OperatorRpc::ListOrganizations(grpc::ServerContext* context,
                                            const v1::ListOrganizationsRequest* request,
                                            v1::ListOrganizationsResponse* response) {
  return Run(context, "ListOrganizations", [&](Call&) { return List(*request, *response); });
}

grpc::Status OperatorRpc::GetOrganization(grpc::ServerContext* context,
                                          const v1::GetOrganizationRequest* request,
                                          v1::GetOrganizationResponse* response) {
  return Run(context, "GetOrganization",
             [&](Call&) { return Get(request->name(), *response->mutable_organization()); });
}

grpc::Status OperatorRpc::CreateOrganization(grpc::ServerContext* context,
                                             const v1::CreateOrganizationRequest* request,
                                             v1::CreateOrganizationResponse* response) {
  return Run(context, "CreateOrganization",
             [&](Call& call) { return Create(call, *request, *response->mutable_organization()); });
}

grpc::Status OperatorRpc::UpdateOrganization(grpc::ServerContext* context,
                                             const v1::UpdateOrganizationRequest* request,
                                             v1::UpdateOrganizationResponse* response) {
  return Run(context, "UpdateOrganization",
             [&](Call& call) { return Update(call, *request, *response->mutable_organization()); });
}

}  // namespace sluice::server
