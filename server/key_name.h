// The names that the API, the log and errors give an owner's keys and their versions:
// organizations/{organization}/keys/{records|dictionary}/versions/{version}, or operator/keys/....
//
// Pure.
#ifndef SLUICE_SERVER_KEY_NAME_H_
#define SLUICE_SERVER_KEY_NAME_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/key_encryption_keys.h"

namespace sluice::server {

// "records" or "dictionary".
absl::string_view KeyWord(KekScope scope);
// Whose keys: "organizations/{organization}" or "operator".
std::string KeyParent(absl::string_view owner);
// Of the key, whatever `name` has as its version.
std::string KeyNameOf(const KekName& name);
std::string KeyVersionNameOf(const KekName& name);

// nullopt where it is no such name.
std::optional<KekName> ParseKeyVersionName(absl::string_view text);
// The same of a key; its version is 0.
std::optional<KekName> ParseKeyName(absl::string_view text);

// FAILED_PRECONDITION: what this version sealed can't be read any more. Told apart from all else
// that can't be done.
absl::Status KeyIsDestroyed(const KekName& name);
// The name of the version, if this is what the status says.
std::optional<std::string> DestroyedKeyOf(const absl::Status& status);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_NAME_H_
