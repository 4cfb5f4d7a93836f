#include "server/identity/identity.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/identity/ca_bundle.h"
#include "server/identity/certificate.h"
#include "server/identity/spiffe_id.h"

namespace sluice::server {
namespace {

// How many verified certificates are remembered; when full, all are forgotten at once: each costs
// one chain to verify again.
constexpr size_t kMaxVerified = 4096;

absl::Status Refuse(absl::string_view sentence) { return absl::UnauthenticatedError(sentence); }

// What a certificate proves, and how long it does without another look.
struct Verified {
  Principal principal;
  std::string spiffe_id;
  std::string spki;
  absl::Time from;
  absl::Time until;

  bool Holds(absl::Time now) const { return from <= now && now < until; }
};

// A certificate as it came: unparsed.
struct Leaf {
  std::string fingerprint;
  std::string der;
};

class CertificateIdentity : public Identity {
 public:
  explicit CertificateIdentity(std::shared_ptr<const Trust> trust) : trust_(std::move(trust)) {}

  absl::StatusOr<Caller> Verify(absl::string_view leaf_pem, absl::Time now) const override {
    absl::StatusOr<Leaf> leaf = Decode(leaf_pem);
    if (!leaf.ok()) return leaf.status();
    absl::StatusOr<Verified> verified = Lookup(leaf->fingerprint, leaf->der, now);
    if (!verified.ok()) return verified.status();
    return MakeCaller(std::move(verified->principal), std::move(verified->spiffe_id),
                      std::move(verified->spki), std::move(leaf->fingerprint),
                      std::move(leaf->der));
  }

  absl::Status StillValid(const Caller& caller, absl::Time now) const override {
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = verified_.find(caller.fingerprint());
      if (found != verified_.end() && found->second.Holds(now)) return absl::OkStatus();
    }
    return Lookup(caller.fingerprint(), caller.certificate(), now).status();
  }

  const std::shared_ptr<const Trust>& trust() const override { return trust_; }

 private:
  // The certificate of a PEM text; a text that was met before is not decoded again, which is most
  // of what a known caller costs.
  absl::StatusOr<Leaf> Decode(absl::string_view pem) const {
    const std::string text = Fingerprint(pem);
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = decoded_.find(text);
      if (found != decoded_.end()) return found->second;
    }
    absl::StatusOr<std::string> der = OneCertificateDer(pem);
    if (!der.ok()) {
      return Refuse(absl::StrCat("the caller's certificate is unusable: ", der.status().message()));
    }
    Leaf leaf{Fingerprint(*der), *std::move(der)};
    absl::MutexLock lock(&mutex_);
    // Of callers that were verified only: nobody else fills it.
    if (verified_.contains(leaf.fingerprint) && decoded_.size() < kMaxVerified) {
      decoded_.insert_or_assign(text, leaf);
    }
    return leaf;
  }

  absl::StatusOr<Verified> Lookup(const std::string& fingerprint, absl::string_view der,
                                  absl::Time now) const {
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = verified_.find(fingerprint);
      if (found != verified_.end() && found->second.Holds(now)) return found->second;
    }
    absl::StatusOr<Verified> verified = Check(der, now);
    absl::MutexLock lock(&mutex_);
    if (!verified.ok()) {
      verified_.erase(fingerprint);
      return verified;
    }
    if (verified_.size() >= kMaxVerified) {
      verified_.clear();
      decoded_.clear();
    }
    verified_.insert_or_assign(fingerprint, *verified);
    return verified;
  }

  absl::StatusOr<Verified> Check(absl::string_view der, absl::Time now) const {
    absl::StatusOr<Certificate> leaf = Certificate::FromDer(der);
    if (!leaf.ok()) {
      return Refuse(
          absl::StrCat("the caller's certificate is unusable: ", leaf.status().message()));
    }
    absl::StatusOr<std::vector<std::string>> uris = leaf->Uris();
    if (!uris.ok()) {
      return Refuse(
          absl::StrCat("the caller's certificate is unusable: ", uris.status().message()));
    }
    if (uris->size() != 1) {
      return Refuse(absl::StrCat("the caller's certificate has ", uris->size(),
                                 " URIs among its alternative names: have it issued with exactly "
                                 "one, its SPIFFE id"));
    }
    absl::StatusOr<Principal> principal = ParseSpiffeId(uris->front(), trust_->trust_domain());
    if (!principal.ok()) return Refuse(principal.status().message());
    absl::StatusOr<const CaBundle*> bundle = BundleFor(*principal);
    if (!bundle.ok()) return bundle.status();
    absl::StatusOr<Chain> chain = (*bundle)->Build(*leaf, ChainPurpose::kTlsClient, now);
    if (!chain.ok()) return Refuse(chain.status().message());
    return Verified{*std::move(principal), std::move(uris->front()), leaf->spki(), chain->from,
                    chain->until};
  }

  // The only CAs that may stand behind a principal.
  absl::StatusOr<const CaBundle*> BundleFor(const Principal& principal) const {
    const bool is_operator = principal.kind == policy::PrincipalKind::kOperator;
    const CaBundle* bundle = nullptr;
    if (is_operator) {
      bundle = trust_->OperatorCas();
    } else if (principal.kind == policy::PrincipalKind::kSignatory) {
      bundle = trust_->SignatoryCas(principal.organization);
    } else {
      bundle = trust_->CallerCas(principal.organization);
    }
    if (bundle != nullptr) return bundle;
    return Refuse(is_operator ? "this gateway has no operator's CA in its configuration"
                              : "the SPIFFE id names an organization that this gateway does not "
                                "know: ask its operator to add it");
  }

  const std::shared_ptr<const Trust> trust_;
  mutable absl::Mutex mutex_;
  // By fingerprint.
  mutable absl::flat_hash_map<std::string, Verified> verified_ ABSL_GUARDED_BY(mutex_);
  // Certificates of those, by their PEM text's digest.
  mutable absl::flat_hash_map<std::string, Leaf> decoded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<const Identity> Identity::Create(std::shared_ptr<const Trust> trust) {
  return std::make_shared<const CertificateIdentity>(std::move(trust));
}

}  // namespace sluice::server
