#include "server/audit/entry_names.h"

#include <algorithm>

#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

using Kind = JsonValue::Kind;

// In an entry a digest stands with the name of its algorithm or without.
bool IsKey(absl::string_view digest, absl::string_view spki) {
  absl::ConsumePrefix(&digest, "sha256:");
  return !spki.empty() && digest == spki;
}

}  // namespace

bool NamesOrganization(const ParsedEntry& entry, absl::string_view organization) {
  if (organization.empty()) return false;
  const JsonValue& json = entry.json;
  const JsonValue* caller = json.Find("caller", Kind::kObject);
  if (caller != nullptr && caller->FindString("organization") == organization) return true;
  if (json.FindString("owner") == organization) return true;
  if (json.FindString("organization") == organization) return true;
  const JsonValue* parties = json.Find("parties", Kind::kArray);
  return parties != nullptr &&
         std::any_of(parties->items.begin(), parties->items.end(),
                     [&](const JsonValue& party) { return party.string == organization; });
}

bool NamesSystem(const ParsedEntry& entry, absl::string_view organization, absl::string_view name) {
  const JsonValue* caller = entry.json.Find("caller", Kind::kObject);
  return caller != nullptr && !organization.empty() && !name.empty() &&
         caller->FindString("organization") == organization && caller->FindString("system") == name;
}

bool NamesKey(const ParsedEntry& entry, absl::string_view spki) {
  const JsonValue* caller = entry.json.Find("caller", Kind::kObject);
  if (caller != nullptr && IsKey(caller->FindString("spki"), spki)) return true;
  const JsonValue* signatures = entry.json.Find("signatures", Kind::kArray);
  return signatures != nullptr && std::any_of(signatures->items.begin(), signatures->items.end(),
                                              [&](const JsonValue& signature) {
                                                return IsKey(signature.FindString("spki"), spki);
                                              });
}

}  // namespace sluice::server
