// Keys on a PKCS#11 token: made there, used there, and never outside of it. Each is an AES-256 key
// that wraps and unwraps (RFC 5649) and does nothing else, found by its id. One session, logged in
// once; when it is lost, a call opens another one, once.
//
// Thread-safe: one call at a time.
#ifndef SLUICE_SERVER_PKCS11_TOKEN_H_
#define SLUICE_SERVER_PKCS11_TOKEN_H_

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "policy/secret.h"
#include "server/key_source.h"
#include "server/pkcs11_module.h"

namespace sluice::server {

class Pkcs11Token {
 public:
  // FAILED_PRECONDITION, with what to do: no such module or token, a mechanism that it lacks, a PIN
  // that it refuses. A PIN is tried once, and not at all if it is the last try before the token
  // locks itself.
  static absl::StatusOr<std::unique_ptr<Pkcs11Token>> Open(TokenSource source);
  // The same as far as it can be said without a PIN.
  static absl::Status Check(const TokenSource& source);
  ~Pkcs11Token();

  // UNAVAILABLE from any of these: the token is gone, or has failed; a later call may succeed.

  // Once under an id. `label`: for people who look at the token.
  absl::Status Make(absl::string_view id, const std::string& label) ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_FOUND if no key has this id. INVALID_ARGUMENT unless `key` is of whole blocks of 8 bytes.
  absl::StatusOr<std::string> Wrap(absl::string_view id, const policy::Secret& key)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and DATA_LOSS if these bytes are not what was wrapped by it.
  absl::StatusOr<policy::Secret> Unwrap(absl::string_view id, absl::string_view wrapped)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // OK if it is not there.
  absl::Status Destroy(absl::string_view id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Of all secret keys on the token.
  absl::StatusOr<std::set<std::string>> Ids() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string& label() const { return source_.token; }

 private:
  Pkcs11Token(TokenSource source, std::unique_ptr<const Pkcs11Module> module)
      : source_(std::move(source)), module_(std::move(module)) {}

  // NOT_FOUND if no token has the label.
  absl::StatusOr<CK_SLOT_ID> FindSlot() const;
  absl::Status CheckMechanisms(CK_SLOT_ID slot) const;
  absl::Status Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Login(CK_SLOT_ID slot, CK_SESSION_HANDLE session)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Disconnect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Run(absl::string_view doing, absl::FunctionRef<CK_RV(CK_SESSION_HANDLE)> work)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const TokenSource source_;
  const std::unique_ptr<const Pkcs11Module> module_;

  absl::Mutex mutex_;
  std::optional<CK_SESSION_HANDLE> session_ ABSL_GUARDED_BY(mutex_);
  absl::Status refused_ ABSL_GUARDED_BY(mutex_);  // our PIN, for good
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PKCS11_TOKEN_H_
