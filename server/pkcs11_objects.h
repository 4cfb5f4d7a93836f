// What is done to a token's objects within a session. In PKCS#11's own words, and with its results:
// the caller knows which of them a new session mends.
//
// Functions; as thread-safe as the session is.
#ifndef SLUICE_SERVER_PKCS11_OBJECTS_H_
#define SLUICE_SERVER_PKCS11_OBJECTS_H_

#include <p11-kit/pkcs11.h>

#include <optional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/pkcs11_module.h"

namespace sluice::server {

class Pkcs11Objects {
 public:
  Pkcs11Objects(const Pkcs11Module& module, CK_SESSION_HANDLE session)
      : module_(module), session_(session) {}

  // The key-encryption key with this id, if there is one.
  CK_RV Find(absl::string_view id, std::optional<CK_OBJECT_HANDLE>& key) const;
  CK_RV Generate(absl::string_view id, const std::string& label) const;
  // `key`: of whole blocks of 8 bytes.
  CK_RV Wrap(CK_OBJECT_HANDLE kek, const policy::Secret& key, std::string& wrapped) const;
  // Nothing, and CKR_OK, if these bytes were not wrapped by `kek`.
  CK_RV Unwrap(CK_OBJECT_HANDLE kek, absl::string_view wrapped,
               std::optional<policy::Secret>& key) const;
  CK_RV Destroy(CK_OBJECT_HANDLE object) const {
    return module_->C_DestroyObject(session_, object);
  }
  CK_RV Ids(std::set<std::string>& ids) const;

 private:
  template <typename Each>
  CK_RV ForEachKey(const std::string* id, Each each) const;
  // A session's copy of `key`, for the token to wrap.
  CK_RV Import(const policy::Secret& key, CK_OBJECT_HANDLE& object) const;
  CK_RV TryUnwrap(CK_OBJECT_HANDLE kek, absl::string_view wrapped,
                  std::optional<policy::Secret>& key) const;
  CK_RV Value(CK_OBJECT_HANDLE object, std::optional<policy::Secret>& value) const;

  const Pkcs11Module& module_;
  const CK_SESSION_HANDLE session_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PKCS11_OBJECTS_H_
