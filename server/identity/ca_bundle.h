// The CAs of one organization, and the chains that end at them: built by us, from this
// organization's own roots and intermediates alone, with its revocation lists. What the peer sends
// beside its leaf plays no part.
//
// Immutable; thread-safe.
#ifndef SLUICE_SERVER_IDENTITY_CA_BUNDLE_H_
#define SLUICE_SERVER_IDENTITY_CA_BUNDLE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/certificate.h"
#include "server/identity/openssl_ptr.h"

namespace sluice::server {

// What a chain is for.
enum class ChainPurpose {
  kTlsClient,        // extended key usage, where there is one, allows clientAuth
  kDocumentSigning,  // extended key usage is not looked at
};

struct Chain {
  std::vector<Certificate> certificates;  // leaf first, root last
  // While it holds without another look: [from, until).
  absl::Time from;
  absl::Time until;
  std::string crl_number;  // of the list that covers the leaf; empty: none is configured
};

class CaBundle {
 public:
  // Fails with every problem at once, joined by "; ". `crls` empty: revocation is not configured;
  // else each CA of the bundle has a list that it signed.
  static absl::StatusOr<std::unique_ptr<const CaBundle>> Create(absl::string_view ca_pem,
                                                                absl::string_view crls,
                                                                absl::Duration crl_grace);

  // FAILED_PRECONDITION, with a sentence that says how to mend it, if there is no chain at `now`,
  // if a certificate of it is revoked, or if a list is past its nextUpdate and the grace.
  absl::StatusOr<Chain> Build(const Certificate& leaf, ChainPurpose purpose, absl::Time now) const;

  // Whether the leaf, or a CA above it, was revoked as of a moment before `moment`. False where no
  // CA of the bundle stands behind the leaf: then nobody says so.
  bool RevokedBefore(const Certificate& leaf, absl::Time moment) const;

  // Whether some list no longer counts.
  bool HasStaleCrl(absl::Time now) const;

  // Whether an operator may put it in the place of `before` (null: of none) at `now`: what is new
  // in it must be of use at once, and nothing may come back that was revoked. INVALID_ARGUMENT with
  // every problem, joined by "; ".
  absl::Status CheckChange(const CaBundle* before, absl::Time now) const;

  // What the names of its CAs take of a handshake: a server tells every client all of them.
  size_t NameBytes() const;
  // In the order of the PEM text.
  const std::vector<Certificate>& certificates() const { return certificates_; }
  // The list of a CA; null if revocation is not configured.
  const RevocationList* ListOf(const Certificate& ca) const;
  // Its certificates in PEM, each once, with nothing between them; the one list of each that
  // counts, in the same order, likewise.
  absl::StatusOr<std::string> CertificatesPem() const;
  absl::StatusOr<std::string> ListsPem() const;

 private:
  CaBundle() = default;
  // The newest list of any CA of the bundle that has this one's key and name: the same CA, whose
  // certificate may have been issued again. Null if there is none.
  const RevocationList* NewestListBy(const Certificate& ca) const;
  // The path of a certificate, itself first, whatever it is.
  absl::StatusOr<std::vector<Certificate>> Verify(const Certificate& certificate,
                                                  ChainPurpose purpose,
                                                  std::optional<absl::Time> now) const;
  // The same of a leaf: no CA's. `now` absent: whatever the dates say.
  absl::StatusOr<std::vector<Certificate>> Path(const Certificate& leaf, ChainPurpose purpose,
                                                std::optional<absl::Time> now) const;

  std::vector<Certificate> certificates_;
  X509StorePtr roots_;
  X509BorrowedStackPtr intermediates_;
  std::map<std::string, RevocationList> lists_;  // by the CA's fingerprint
  absl::Duration crl_grace_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_CA_BUNDLE_H_
