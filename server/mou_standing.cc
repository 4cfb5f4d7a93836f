#include "server/mou_standing.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/audit/entry_json.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kReasonPrefix = "TERMINATION_REASON_";

void WriteNames(absl::string_view key, const std::set<std::string>& names, JsonWriter& json) {
  if (names.empty()) return;
  json.BeginArray(key);
  for (const std::string& name : names) json.String(name);
  json.EndArray();
}

std::set<std::string> ReadNames(absl::string_view key, const JsonValue& json) {
  std::set<std::string> names;
  const JsonValue* const array = json.Find(key, JsonValue::Kind::kArray);
  if (array == nullptr) return names;
  for (const JsonValue& item : array->items) names.insert(std::string(item.string));
  return names;
}

}  // namespace

std::string ReasonName(v1::TerminationReason reason) {
  return std::string(absl::StripPrefix(v1::TerminationReason_Name(reason), kReasonPrefix));
}

std::string MouStanding::ToText() const {
  if (*this == MouStanding()) return "";
  JsonWriter json;
  if (!attested.empty()) {
    json.BeginArray("attested");
    for (const auto& [organization, attestation] : attested) {
      json.BeginObject();
      json.String("by", organization);
      json.String("as_of", absl::FormatCivilTime(attestation.as_of));
      json.Integer("received_ms", absl::ToUnixMillis(attestation.received));
      json.String("cms", absl::Base64Escape(attestation.cms_der));
      json.EndObject();
    }
    json.EndArray();
  }
  WriteNames("overdue", overdue, json);
  if (!proposed_by.empty()) json.String("proposed_by", proposed_by);
  WriteNames("suspended_by", suspended_by, json);
  if (termination.has_value()) {
    json.BeginObject("termination");
    json.String("on", absl::FormatCivilTime(termination->on));
    json.String("reason", ReasonName(termination->reason));
    json.String("by", termination->by);
    json.EndObject();
  }
  if (void_through != 0) json.Integer("void_through", void_through);
  WriteNames("withdrawn_grants", withdrawn_grants, json);
  return absl::StrCat("{", json.text(), "}");
}

absl::StatusOr<MouStanding> MouStanding::Parse(absl::string_view text) {
  MouStanding standing;
  if (text.empty()) return standing;
  const absl::StatusOr<JsonValue> json = ParseEntryJson(text);
  if (!json.ok()) return json.status();
  if (const JsonValue* it = json->Find("attested", JsonValue::Kind::kArray); it != nullptr) {
    for (const JsonValue& item : it->items) {
      MouAttestation& attestation = standing.attested[std::string(item.FindString("by"))];
      attestation.received = absl::FromUnixMillis(item.FindInteger("received_ms", -1));
      if (!absl::ParseCivilTime(item.FindString("as_of"), &attestation.as_of) ||
          !absl::Base64Unescape(item.FindString("cms"), &attestation.cms_der)) {
        return absl::InvalidArgumentError("an attestation has no day or no signature");
      }
    }
  }
  standing.overdue = ReadNames("overdue", *json);
  standing.proposed_by = std::string(json->FindString("proposed_by"));
  standing.suspended_by = ReadNames("suspended_by", *json);
  standing.withdrawn_grants = ReadNames("withdrawn_grants", *json);
  standing.void_through = static_cast<int>(json->FindInteger("void_through", 0));
  if (const JsonValue* it = json->Find("termination", JsonValue::Kind::kObject); it != nullptr) {
    MouTermination& end = standing.termination.emplace();
    end.by = std::string(it->FindString("by"));
    if (!absl::ParseCivilTime(it->FindString("on"), &end.on) ||
        !v1::TerminationReason_Parse(absl::StrCat(kReasonPrefix, it->FindString("reason")),
                                     &end.reason)) {
      return absl::InvalidArgumentError("a standing's termination has no day or no reason");
    }
  }
  // Whatever else it says, this would not be all of it.
  if (standing.ToText() != text) return absl::InvalidArgumentError("this is no standing's text");
  return standing;
}

}  // namespace sluice::server
