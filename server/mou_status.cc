#include "server/mou_status.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/mou_act.h"
#include "server/mou_duty.h"

namespace sluice::server {
namespace {

std::string OrganizationName(absl::string_view organization) {
  return absl::StrCat("organizations/", organization);
}

void SetDate(absl::CivilDay day, google::type::Date* date) {
  date->set_year(static_cast<int32_t>(day.year()));
  date->set_month(day.month());
  date->set_day(day.day());
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t ms = absl::ToUnixMillis(time);
  out->set_seconds(ms / 1000);
  out->set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000);
}

v1::MouState StateNamed(absl::string_view name) {
  v1::MouState state = v1::MOU_STATE_UNSPECIFIED;
  v1::MouState_Parse(absl::StrCat("MOU_STATE_", name), &state);
  return state;
}

// What the document says, proposed or taken in.
void PutDocument(const policy::CompiledMou& mou, v1::MouVersionStatus& status) {
  status.set_name(absl::StrCat("mous/", mou.name(), "/versions/", mou.version()));
  status.set_title(mou.mou().title());
  status.set_document_digest(mou.document_digest());
  SetDate(mou.term().effective, status.mutable_effective());
  SetDate(mou.term().expires, status.mutable_expires());
  status.set_time_zone(mou.time_zone().name());
  for (const v1::Party& party : mou.mou().parties()) {
    status.add_parties()->set_organization(OrganizationName(party.organization()));
  }
}

void PutSignatures(const TakenVersion& version, bool whole, v1::MouVersionStatus& status) {
  for (v1::PartyStatus& party : *status.mutable_parties()) {
    for (const StoredSignature& signature : version.stored.signatures) {
      if (OrganizationName(signature.organization) != party.organization() ||
          !version.IsSignedBy(signature.organization)) {
        continue;
      }
      SetTime(signature.received, party.mutable_sign_time());
      if (whole) party.set_signature(signature.cms_der);
    }
  }
}

void PutTaken(const TakenVersion& version, const TakenVersions& all, bool whole,
              v1::MouVersionStatus& status) {
  PutDocument(*version.mou, status);
  PutSignatures(version, whole, status);
  if (whole) status.set_document(version.stored.document);
  status.set_state(StateNamed(version.stored.state));
  const std::vector<std::string> suspended_by = SuspendedBy(version, all);
  if (!version.IsOver() && version.WasSigned()) {
    if (!version.UnsignedParties().empty()) status.set_state(v1::MOU_STATE_NOT_SIGNED);
    if (!suspended_by.empty()) status.set_state(v1::MOU_STATE_SUSPENDED);
  }
  if (const std::string& by = version.standing.proposed_by; !by.empty()) {
    status.set_proposed_by(OrganizationName(by));
  }
  for (const std::string& party : suspended_by) status.add_suspended_by(OrganizationName(party));
  if (const std::optional<MouTermination>& end = version.standing.termination; end.has_value()) {
    SetDate(end->on, status.mutable_termination()->mutable_effective());
    status.mutable_termination()->set_reason(end->reason);
    status.mutable_termination()->set_organization(OrganizationName(end->by));
  }
  for (const std::string& grant : version.standing.withdrawn_grants) {
    status.add_withdrawn_grants(grant);
  }
}

void PutDuty(const MouDuty& duty, bool whole, v1::Obligation& obligation) {
  obligation.set_organization(OrganizationName(duty.organization));
  obligation.set_version(
      absl::StrCat("mous/", duty.version->stored.mou, "/versions/", duty.version->stored.version));
  SetDate(duty.opened, obligation.mutable_opened());
  SetDate(duty.due, obligation.mutable_due());
  const MouAttestation* const attestation = duty.attestation();
  if (attestation == nullptr) return;
  SetDate(attestation->as_of, obligation.mutable_as_of());
  SetTime(attestation->received, obligation.mutable_attest_time());
  if (whole) obligation.set_signature(attestation->cms_der);
}

}  // namespace

v1::MouStatus StatusOf(absl::string_view mou, absl::string_view party, const TakenVersions& taken,
                       const std::vector<policy::MouVersion>& proposed, bool whole) {
  v1::MouStatus status;
  status.set_name(absl::StrCat("mous/", mou));
  status.set_etag(EtagOf(taken, party));
  for (auto it = proposed.rbegin(); it != proposed.rend(); ++it) {
    if (!it->mou->IsParty(party)) continue;
    v1::MouVersionStatus& version = *status.add_versions();
    PutDocument(*it->mou, version);
    version.set_state(v1::MOU_STATE_PROPOSED);
  }
  for (const MouDuty& duty : DutiesOf(taken)) {
    if (duty.version->IsParty(party)) PutDuty(duty, whole, *status.add_obligations());
  }
  for (auto it = taken.rbegin(); it != taken.rend(); ++it) {
    if (it->second->IsParty(party)) PutTaken(*it->second, taken, whole, *status.add_versions());
  }
  return status;
}

v1::MouEvent EventOf(const ParsedEntry& entry) {
  v1::MouEvent event;
  SetTime(absl::FromUnixMillis(entry.time_ms), event.mutable_time());
  event.set_state(StateNamed(entry.json.FindString("state")));
  v1::MouAction action = v1::MOU_ACTION_UNSPECIFIED;
  if (v1::MouAction_Parse(absl::StrCat("MOU_ACTION_", entry.json.FindString("action")), &action)) {
    event.set_action(action);
  }
  const JsonValue* const caller = entry.json.Find("caller", JsonValue::Kind::kObject);
  if (caller != nullptr) {
    event.set_organization(OrganizationName(caller->FindString("organization")));
  }
  return event;
}

}  // namespace sluice::server
