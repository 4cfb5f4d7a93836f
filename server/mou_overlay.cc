#include "server/mou_overlay.h"

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

std::string MouOverlay::ToText() const {
  if (suspended_by.empty() && !termination.has_value() && withdrawn_grants.empty()) return "";
  JsonWriter json;
  WriteNames("suspended_by", suspended_by, json);
  if (termination.has_value()) {
    json.BeginObject("termination");
    json.String("on", absl::FormatCivilTime(termination->on));
    json.String("reason", ReasonName(termination->reason));
    json.String("by", termination->by);
    json.EndObject();
  }
  WriteNames("withdrawn_grants", withdrawn_grants, json);
  return absl::StrCat("{", json.text(), "}");
}

absl::StatusOr<MouOverlay> MouOverlay::Parse(absl::string_view text) {
  MouOverlay overlay;
  if (text.empty()) return overlay;
  const absl::StatusOr<JsonValue> json = ParseEntryJson(text);
  if (!json.ok()) return json.status();
  overlay.suspended_by = ReadNames("suspended_by", *json);
  overlay.withdrawn_grants = ReadNames("withdrawn_grants", *json);
  if (const JsonValue* it = json->Find("termination", JsonValue::Kind::kObject); it != nullptr) {
    MouTermination& end = overlay.termination.emplace();
    end.by = std::string(it->FindString("by"));
    if (!absl::ParseCivilTime(it->FindString("on"), &end.on) ||
        !v1::TerminationReason_Parse(absl::StrCat(kReasonPrefix, it->FindString("reason")),
                                     &end.reason)) {
      return absl::InvalidArgumentError("an overlay's termination has no day or no reason");
    }
  }
  // Whatever else it says, this would not be all of it.
  if (overlay.ToText() != text) return absl::InvalidArgumentError("this is no overlay's text");
  return overlay;
}

}  // namespace sluice::server
