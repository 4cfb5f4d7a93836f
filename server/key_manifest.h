// What a key directory knows of every key that was ever made in it, so that one that is gone, or is
// another, is told from one that never was, and one that was destroyed from both. As text:
//
//   sluice keys 1
//   NAME DIGEST created=2026-09-21T14:13:20Z [destroyed=2026-09-22T14:13:20Z]
//   ...
//   end sha256:...
//
// in order of name; the last line has the digest of all before it, so that a manifest that was cut
// or garbled is not taken for one. Keys are random and long: their digests tell nothing of them.
//
// Values and pure functions.
#ifndef SLUICE_SERVER_KEY_MANIFEST_H_
#define SLUICE_SERVER_KEY_MANIFEST_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/secret.h"

namespace sluice::server {

struct MadeKey {
  std::string name;
  std::string digest;  // of its name and what its file holds
  absl::Time created;  // to the second
  std::optional<absl::Time> destroyed;
  bool there = false;  // its file; no part of the text

  friend bool operator==(const MadeKey&, const MadeKey&) = default;
};

using KeyManifest = std::map<std::string, MadeKey>;

std::string ManifestText(const KeyManifest& manifest);
// nullopt for all that ManifestText does not say.
std::optional<KeyManifest> ParseManifest(absl::string_view text);

// Like 2026-09-21T14:13:20Z.
std::string KeyTimeText(absl::Time time);
// "sha256:" and 64 hexadecimal digits; "pkcs11:" and as many of what is a reference.
std::string KeyDigest(absl::string_view name, const policy::Secret& content);

// A key that stands on a token leaves a reference in its file, random as a key is. The digest of
// the two is the key's id there: who knows the line finds the key, whether the file is there or
// not.
absl::StatusOr<policy::Secret> MakeTokenReference();
bool IsTokenReference(const policy::Secret& content);
// 32 bytes; nullopt if it is not on a token.
std::optional<std::string> TokenIdOf(const std::string& digest);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_MANIFEST_H_
