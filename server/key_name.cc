#include "server/key_name.h"

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::server {
namespace {

constexpr char kKeyDestroyed[] = "sluice/key-destroyed";
constexpr absl::string_view kOrganizations = "organizations";
constexpr absl::string_view kOperator = "operator";
constexpr absl::string_view kKeys = "keys";
constexpr absl::string_view kVersions = "versions";

}  // namespace

absl::string_view KeyWord(KekScope scope) {
  switch (scope) {
    case KekScope::kOwnerData:
      return "records";
    case KekScope::kOwnerDictionary:
      return "dictionary";
  }
  return "";
}

std::string KeyParent(absl::string_view owner) {
  return owner.empty() ? std::string(kOperator) : absl::StrCat(kOrganizations, "/", owner);
}

std::string KeyNameOf(const KekName& name) {
  return absl::StrCat(KeyParent(name.owner), "/", kKeys, "/", KeyWord(name.scope));
}

std::string KeyVersionNameOf(const KekName& name) {
  return absl::StrCat(KeyNameOf(name), "/", kVersions, "/", name.version);
}

std::optional<KekName> ParseKeyName(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, '/');
  if (words.size() < 3) return std::nullopt;
  KekName name{.version = 0};
  if (words[0] == kOrganizations) name.owner = std::string(words[1]);
  // One form each: what is written again must come out as it came.
  for (const KekScope scope : {KekScope::kOwnerData, KekScope::kOwnerDictionary}) {
    name.scope = scope;
    if (KeyNameOf(name) == text) return name;
  }
  return std::nullopt;
}

std::optional<KekName> ParseKeyVersionName(absl::string_view text) {
  const size_t versions = text.rfind(absl::StrCat("/", kVersions, "/"));
  if (versions == absl::string_view::npos) return std::nullopt;
  std::optional<KekName> name = ParseKeyName(text.substr(0, versions));
  if (!name || !absl::SimpleAtoi(text.substr(versions + kVersions.size() + 2), &name->version) ||
      name->version < 1 || KeyVersionNameOf(*name) != text) {
    return std::nullopt;
  }
  return name;
}

absl::Status KeyIsDestroyed(const KekName& name) {
  const std::string text = KeyVersionNameOf(name);
  absl::Status status = absl::FailedPreconditionError(
      absl::StrCat(text, " was destroyed: what it sealed can't be read any more"));
  status.SetPayload(kKeyDestroyed, absl::Cord(text));
  return status;
}

std::optional<std::string> DestroyedKeyOf(const absl::Status& status) {
  const absl::optional<absl::Cord> name = status.GetPayload(kKeyDestroyed);
  if (!name.has_value()) return std::nullopt;
  return std::string(*name);
}

}  // namespace sluice::server
