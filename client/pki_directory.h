// The PKI of a demo or a small deployment as files, one directory an organization:
//
//   {dir}/{organization}/ca.pem ca.key crl.pem                    of systems, admins and auditors
//                        signatory-ca.pem signatory-ca.key signatory-crl.pem
//                        {kind}-{name}.pem {kind}-{name}.key      what was issued
//   {dir}/operator/ca.pem ca.key crl.pem                          of the gateway's operator
//                  operator-{name}.pem .key, gateway-{name}.pem .key
//
// Keys are files of mode 0600 in directories of mode 0700; nothing that exists is overwritten but a
// revocation list, which is replaced whole. The trust domain stands in each CA's URI.
//
// Functions over files: one at a time for one directory.
#ifndef SLUICE_CLIENT_PKI_DIRECTORY_H_
#define SLUICE_CLIENT_PKI_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::pki {

// How long what is made now holds.
struct InitOptions {
  absl::Time now;
  int ca_days = 3650;
  int crl_days = 90;
};

// Makes an organization's CAs, and their empty revocation lists; returns the digest that MOUs pin
// as `signatory_ca`. ALREADY_EXISTS if any of its files is there.
absl::StatusOr<std::string> InitOrganization(absl::string_view dir, absl::string_view trust_domain,
                                             absl::string_view organization,
                                             const InitOptions& options);
// The same for the operator, who has no signatories.
absl::Status InitOperator(absl::string_view dir, absl::string_view trust_domain,
                          const InitOptions& options);

// Where a certificate and its key were written.
struct Issued {
  std::string certificate_path;
  std::string key_path;
  std::string spiffe_id;
};

// `kind`: system, admin, auditor or signatory (under the signatory CA). ALREADY_EXISTS rather than
// overwrite; NOT_FOUND where there is no CA yet.
absl::StatusOr<Issued> Issue(absl::string_view dir, absl::string_view organization,
                             absl::string_view kind, absl::string_view name, int days,
                             absl::Time now);
absl::StatusOr<Issued> IssueOperator(absl::string_view dir, absl::string_view name, int days,
                                     absl::Time now);
// A gateway's server certificate: at least one DNS name or IP address.
absl::StatusOr<Issued> IssueGateway(absl::string_view dir, absl::string_view name,
                                    const std::vector<std::string>& dns_names,
                                    const std::vector<std::string>& ip_addresses, int days,
                                    absl::Time now);

// Signs an organization's (or "operator"'s) revocation lists anew, with the next number: what keeps
// them from running out. Returns their paths.
absl::StatusOr<std::vector<std::string>> RenewCrls(absl::string_view dir,
                                                   absl::string_view organization, int days,
                                                   absl::Time now);
// Puts a certificate (a PEM text that one of the organization's CAs issued) on its CA's revocation
// list, as invalid since `invalid_since`. Returns the list's path. Revoked already: nothing
// changes.
absl::StatusOr<std::string> Revoke(absl::string_view dir, absl::string_view organization,
                                   absl::string_view certificate_pem, int crl_days, absl::Time now,
                                   absl::Time invalid_since);

// The signature of a text by the signatory whose certificate and key are in these files.
absl::StatusOr<std::string> SignText(absl::string_view text, absl::string_view certificate_path,
                                     absl::string_view key_path);

// Signs a document's file beside it, as `{document}.{organization}.p7s`, and returns that path; a
// signature that is there is replaced.
absl::StatusOr<std::string> SignFile(absl::string_view document_path,
                                     absl::string_view certificate_path, absl::string_view key_path,
                                     absl::string_view organization);

}  // namespace sluice::pki

#endif  // SLUICE_CLIENT_PKI_DIRECTORY_H_
