// A PKCS#11 library, loaded and initialized. Its code runs within this process, with all that the
// process may do.
//
// Thread-safe, as the library says that it is.
#ifndef SLUICE_SERVER_PKCS11_MODULE_H_
#define SLUICE_SERVER_PKCS11_MODULE_H_

#include <p11-kit/pkcs11.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

class Pkcs11Module {
 public:
  // The library is initialized for as long as anybody in the process has it. FAILED_PRECONDITION,
  // with the path, if it can't be loaded, or others can change it.
  static absl::StatusOr<std::unique_ptr<const Pkcs11Module>> Load(const std::string& path);
  ~Pkcs11Module();
  Pkcs11Module(const Pkcs11Module&) = delete;
  Pkcs11Module& operator=(const Pkcs11Module&) = delete;

  const CK_FUNCTION_LIST* operator->() const { return functions_; }

 private:
  explicit Pkcs11Module(const CK_FUNCTION_LIST* functions) : functions_(functions) {}

  const CK_FUNCTION_LIST* const functions_;
};

// UNAVAILABLE for what may pass by itself, INTERNAL for the rest.
absl::Status Pkcs11Status(CK_RV result, absl::string_view doing);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PKCS11_MODULE_H_
