// The caller of a request: a principal whose certificate was verified. Everything that a request
// may do rests on it; only Identity makes one.
//
// Immutable.
#ifndef SLUICE_SERVER_CALLER_H_
#define SLUICE_SERVER_CALLER_H_

#include <string>
#include <utility>

#include "policy/decide.h"

namespace sluice::server {

// Who a SPIFFE id names: `spiffe://{trust domain}/org/{organization}/{kind}/{name}`, or
// `spiffe://{trust domain}/operator/{name}`.
struct Principal {
  policy::PrincipalKind kind = policy::PrincipalKind::kSystem;
  std::string organization;  // empty for the operator
  std::string name;

  friend bool operator==(const Principal&, const Principal&) = default;
};

// As a SPIFFE path and the log write it.
inline absl::string_view KindName(policy::PrincipalKind kind) {
  switch (kind) {
    case policy::PrincipalKind::kSystem:
      return "system";
    case policy::PrincipalKind::kAdmin:
      return "admin";
    case policy::PrincipalKind::kAuditor:
      return "auditor";
    case policy::PrincipalKind::kSignatory:
      return "signatory";
    case policy::PrincipalKind::kOperator:
      return "operator";
  }
  return "";
}

class Caller {
 public:
  Caller(Caller&&) = default;
  Caller& operator=(Caller&&) = default;

  const Principal& principal() const { return principal_; }
  const std::string& organization() const { return principal_.organization; }
  policy::PrincipalKind kind() const { return principal_.kind; }
  // The whole SPIFFE id: unique to the principal. Never logged for a person's certificate.
  const std::string& spiffe_id() const { return spiffe_id_; }
  // 64 hexadecimal digits: SHA-256 of the certificate's SubjectPublicKeyInfo.
  const std::string& spki() const { return spki_; }
  // SHA-256 of the certificate, 32 bytes: what Identity caches by.
  const std::string& fingerprint() const { return fingerprint_; }
  // The certificate in DER, for another look at it after a reload.
  const std::string& certificate() const { return certificate_; }

 private:
  friend class Identity;
  Caller(Principal principal, std::string spiffe_id, std::string spki, std::string fingerprint,
         std::string certificate)
      : principal_(std::move(principal)),
        spiffe_id_(std::move(spiffe_id)),
        spki_(std::move(spki)),
        fingerprint_(std::move(fingerprint)),
        certificate_(std::move(certificate)) {}

  Principal principal_;
  std::string spiffe_id_;
  std::string spki_;
  std::string fingerprint_;
  std::string certificate_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_CALLER_H_
