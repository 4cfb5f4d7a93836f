// Where the gateway's keys stand: a directory, whose files a credential of the service may wrap,
// and perhaps a PKCS#11 token for the key-encryption keys.
//
// A value.
#ifndef SLUICE_SERVER_KEY_SOURCE_H_
#define SLUICE_SERVER_KEY_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/key_directory.h"

namespace sluice::server {

// A token is named by its label. Its PIN stands in a private file, or in a credential.
struct TokenSource {
  std::string module;  // path of a PKCS#11 library
  std::string token;
  std::string pin_file;
  std::string pin_credential;

  friend bool operator==(const TokenSource&, const TokenSource&) = default;
};

struct KeySource {
  std::string directory;
  std::string credential;  // of 32 bytes, which wraps the directory's files; empty: none does
  std::string former_credential;  // under which they may still be wrapped; empty: none
  std::optional<TokenSource> pkcs11;

  friend bool operator==(const KeySource&, const KeySource&) = default;
};

// What systemd has put into $CREDENTIALS_DIRECTORY under this name. FAILED_PRECONDITION, with what
// to do, if there is none, or others may read it.
absl::StatusOr<policy::Secret> ReadCredential(absl::string_view name);
// FAILED_PRECONDITION if it can't be read.
absl::StatusOr<policy::Secret> ReadPin(const TokenSource& source);

// As KeyDirectory::Open.
absl::StatusOr<std::unique_ptr<KeyDirectory>> OpenKeyDirectory(const KeySource& source,
                                                               KeyDirectory::Clock clock);

// What can be said without making or changing anything, and without a PIN: what is wrong with
// credentials, module and token.
absl::Status CheckKeySource(const KeySource& source);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_SOURCE_H_
