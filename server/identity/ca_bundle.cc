#include "server/identity/ca_bundle.h"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::server {
namespace {

// A root, and this many CAs between it and the leaf.
constexpr int kMaxIntermediates = 4;
// OpenSSL's level 2: keys and signatures of 112 bits; no SHA-1, no RSA below 2048 bits.
constexpr int kSecurityLevel = 2;

// What a verification error means for whoever holds the certificate.
std::string Sentence(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate, or a CA above it, has expired: have it issued anew";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate, or a CA above it, is not valid yet: look at the clocks";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "no CA of the organization that it names stands behind the certificate: have it "
             "issued by that organization's own CA, and give the gateway its intermediates";
    case X509_V_ERR_INVALID_PURPOSE:
      return "the certificate is not for this use: extended key usage, if present, allows "
             "clientAuth, and key usage digitalSignature";
    case X509_V_ERR_CA_MD_TOO_WEAK:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_EE_KEY_TOO_SMALL:
      return "a key or signature of the certificate's chain is too weak: use P-256 and SHA-256 or "
             "stronger";
    default:
      return absl::StrCat("the certificate's chain does not verify: ",
                          X509_verify_cert_error_string(error));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<const CaBundle>> CaBundle::Create(absl::string_view ca_pem,
                                                                 absl::string_view crls,
                                                                 absl::Duration crl_grace) {
  absl::StatusOr<std::vector<Certificate>> certificates = Certificate::BundleFromPem(ca_pem);
  if (!certificates.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("CA bundle: ", certificates.status().message()));
  }
  auto bundle = std::unique_ptr<CaBundle>(new CaBundle());
  bundle->certificates_ = *std::move(certificates);
  bundle->crl_grace_ = crl_grace;
  bundle->roots_.reset(X509_STORE_new());
  bundle->intermediates_.reset(sk_X509_new_null());
  if (bundle->roots_ == nullptr || bundle->intermediates_ == nullptr) {
    return absl::ResourceExhaustedError("out of memory");
  }
  std::vector<std::string> problems;
  int number = 0;
  bool has_root = false;
  for (const Certificate& ca : bundle->certificates_) {
    ++number;
    if (!ca.is_ca()) {
      problems.push_back(absl::StrCat("CA bundle: certificate ", number,
                                      " is no CA: its basic constraints do not say CA:TRUE"));
    } else if (ca.is_self_signed()) {
      has_root = true;
      if (X509_STORE_add_cert(bundle->roots_.get(), ca.get()) != 1) {
        return absl::ResourceExhaustedError("out of memory");
      }
    } else if (sk_X509_push(bundle->intermediates_.get(), ca.get()) <= 0) {
      return absl::ResourceExhaustedError("out of memory");
    }
  }
  if (problems.empty() && !has_root) {
    problems.push_back("CA bundle: it has no root: add the self-signed certificate of the CA");
  }
  if (!crls.empty()) {
    absl::StatusOr<std::vector<RevocationList>> lists = RevocationList::BundleFromPem(crls);
    if (!lists.ok()) {
      problems.push_back(absl::StrCat("CRL: ", lists.status().message()));
    } else {
      std::vector<bool> used(lists->size(), false);
      number = 0;
      for (const Certificate& ca : bundle->certificates_) {
        ++number;
        const RevocationList* newest = nullptr;
        for (size_t i = 0; i < lists->size(); ++i) {
          const RevocationList& list = (*lists)[i];
          if (!list.IsSignedBy(ca)) continue;
          used[i] = true;
          if (newest == nullptr || newest->this_update() < list.this_update()) newest = &list;
        }
        if (newest != nullptr) {
          bundle->lists_.emplace(ca.fingerprint(), *newest);
        } else {
          problems.push_back(absl::StrCat("CRL: there is none that certificate ", number,
                                          " of the CA bundle signed: give one for each CA"));
        }
      }
      for (size_t i = 0; i < used.size(); ++i) {
        if (used[i]) continue;
        problems.push_back(
            absl::StrCat("CRL: list ", i + 1, " is signed by no CA of the bundle that may"));
      }
    }
  }
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  return bundle;
}

absl::StatusOr<std::vector<Certificate>> CaBundle::Verify(const Certificate& certificate,
                                                          ChainPurpose purpose,
                                                          std::optional<absl::Time> now) const {
  X509StoreContextPtr context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), roots_.get(), certificate.get(),
                                                intermediates_.get()) != 1) {
    ERR_clear_error();
    return absl::ResourceExhaustedError("out of memory");
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_depth(parameters, kMaxIntermediates);
  X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  if (now.has_value()) {
    X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(*now));
  } else if (X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME) != 1) {
    return absl::InternalError("verification flags");
  }
  switch (purpose) {
    case ChainPurpose::kTlsClient:
      if (X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) != 1) {
        return absl::InternalError("verification purpose");
      }
      break;
    case ChainPurpose::kDocumentSigning:
      break;
  }
  const int verified = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verified != 1) {
    return absl::FailedPreconditionError(Sentence(X509_STORE_CTX_get_error(context.get())));
  }
  std::vector<Certificate> path;
  const STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    absl::StatusOr<Certificate> next = Certificate::FromX509(sk_X509_value(chain, i));
    if (!next.ok()) return next.status();
    path.push_back(*std::move(next));
  }
  return path;
}

absl::StatusOr<std::vector<Certificate>> CaBundle::Path(const Certificate& leaf,
                                                        ChainPurpose purpose,
                                                        std::optional<absl::Time> now) const {
  absl::StatusOr<std::vector<Certificate>> path = Verify(leaf, purpose, now);
  if (!path.ok()) return path.status();
  // A root is no leaf, and a leaf is no CA: the one would have no list, the other could sign.
  if (path->size() < 2 || X509_check_ca(leaf.get()) != 0) {
    return absl::FailedPreconditionError(
        "the certificate is a CA's: have one issued whose basic constraints say CA:FALSE");
  }
  return path;
}

const RevocationList* CaBundle::ListOf(const Certificate& ca) const {
  const auto found = lists_.find(ca.fingerprint());
  return found == lists_.end() ? nullptr : &found->second;
}

absl::StatusOr<Chain> CaBundle::Build(const Certificate& leaf, ChainPurpose purpose,
                                      absl::Time now) const {
  absl::StatusOr<std::vector<Certificate>> path = Path(leaf, purpose, now);
  if (!path.ok()) return path.status();
  Chain chain;
  chain.certificates = *std::move(path);
  chain.from = absl::InfinitePast();
  chain.until = absl::InfiniteFuture();
  for (size_t i = 0; i < chain.certificates.size(); ++i) {
    const Certificate& certificate = chain.certificates[i];
    chain.from = std::max(chain.from, certificate.not_before());
    chain.until = std::min(chain.until, certificate.not_after());
    if (lists_.empty() || i + 1 == chain.certificates.size()) continue;
    const RevocationList* const list = ListOf(chain.certificates[i + 1]);
    if (list == nullptr) return absl::InternalError("a CA of the chain is not of the bundle");
    if (list->RevokedSince(certificate).has_value()) {
      return absl::FailedPreconditionError(
          "the certificate, or a CA above it, is revoked: have a new one issued");
    }
    const absl::Time stale = list->next_update() + crl_grace_;
    if (now >= stale) {
      return absl::FailedPreconditionError(
          "the organization's CRL is past its nextUpdate: have its CA publish a new one to the "
          "gateway");
    }
    chain.until = std::min(chain.until, stale);
    if (i == 0) chain.crl_number = list->number();
  }
  return chain;
}

bool CaBundle::RevokedBefore(const Certificate& leaf, absl::Time moment) const {
  const absl::StatusOr<std::vector<Certificate>> path =
      Path(leaf, ChainPurpose::kDocumentSigning, std::nullopt);
  if (!path.ok()) return false;
  for (size_t i = 0; i + 1 < path->size(); ++i) {
    const RevocationList* const list = ListOf((*path)[i + 1]);
    if (list == nullptr) continue;
    const std::optional<absl::Time> since = list->RevokedSince((*path)[i]);
    if (since.has_value() && *since < moment) return true;
  }
  return false;
}

bool CaBundle::HasStaleCrl(absl::Time now) const {
  return std::any_of(lists_.begin(), lists_.end(), [&](const auto& entry) {
    return now >= entry.second.next_update() + crl_grace_;
  });
}

}  // namespace sluice::server
