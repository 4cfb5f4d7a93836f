// What an operator may put in the place of an organization's CAs: CaBundle's checks of a change.
#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/identity/ca_bundle.h"

namespace sluice::server {
namespace {

// Each call of the organization may look at all of them.
constexpr size_t kMaxCertificates = 16;
// Of what all organizations have (Trust), so that one can't take it from the others.
constexpr size_t kMaxNameBytes = 4 << 10;
// What a CA's clock may be ahead of ours.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

}  // namespace

absl::Status CaBundle::CheckChange(const CaBundle* before, absl::Time now) const {
  std::vector<std::string> problems;
  if (certificates_.size() > kMaxCertificates) {
    problems.push_back(absl::StrCat("CA bundle: it has ", certificates_.size(), " certificates; ",
                                    kMaxCertificates, " are the most"));
  }
  if (NameBytes() > kMaxNameBytes) {
    problems.push_back(absl::StrCat("CA bundle: the names of its CAs are larger than ",
                                    kMaxNameBytes / 1024, " KiB"));
  }
  if (before != nullptr && !before->lists_.empty() && lists_.empty()) {
    problems.push_back(
        "CRL: there is none any more: who was revoked would be let in again; give one for each CA");
  }
  int number = 0;
  for (const Certificate& ca : certificates_) {
    ++number;
    const auto is_ca = [&ca](const Certificate& other) {
      return other.fingerprint() == ca.fingerprint();
    };
    const bool is_new = before == nullptr || std::none_of(before->certificates_.begin(),
                                                          before->certificates_.end(), is_ca);
    if (is_new) {
      const absl::StatusOr<std::vector<Certificate>> path =
          Verify(ca, ChainPurpose::kDocumentSigning, now);
      if (!path.ok()) {
        problems.push_back(
            absl::StrCat("CA bundle: certificate ", number, ": ", path.status().message()));
        continue;
      }
      for (size_t i = 0; i + 1 < path->size(); ++i) {
        const RevocationList* const list = ListOf((*path)[i + 1]);
        if (list == nullptr || !list->RevokedSince((*path)[i]).has_value()) continue;
        problems.push_back(
            absl::StrCat("CA bundle: certificate ", number, ": it, or a CA above it, is revoked"));
        break;
      }
    }
    const RevocationList* const list = ListOf(ca);
    if (list == nullptr) continue;
    const RevocationList* const old = before == nullptr ? nullptr : before->NewestListBy(ca);
    if (old != nullptr && list->this_update() < old->this_update()) {
      problems.push_back(absl::StrCat("CRL: the list of certificate ", number,
                                      " is older than the one in force: who was revoked since "
                                      "would be let in again"));
    }
    if (old != nullptr && list->this_update() == old->this_update() &&
        list->number() == old->number()) {
      continue;
    }
    if (list->this_update() > now + kClockSkew) {
      problems.push_back(absl::StrCat("CRL: the list of certificate ", number,
                                      " is of a time to come: look at the clocks"));
    }
    if (now >= list->next_update() + crl_grace_) {
      problems.push_back(absl::StrCat("CRL: the list of certificate ", number,
                                      " is past its nextUpdate: have its CA publish a new one"));
    }
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
}

const RevocationList* CaBundle::NewestListBy(const Certificate& ca) const {
  const RevocationList* newest = nullptr;
  for (const auto& [fingerprint, list] : lists_) {
    if (!list.IsSignedBy(ca)) continue;
    if (newest == nullptr || newest->this_update() < list.this_update()) newest = &list;
  }
  return newest;
}

size_t CaBundle::NameBytes() const {
  size_t bytes = 0;
  for (const Certificate& ca : certificates_) {
    const int size = i2d_X509_NAME(X509_get_subject_name(ca.get()), nullptr);
    bytes += 2 + (size > 0 ? static_cast<size_t>(size) : 0);
  }
  return bytes;
}

absl::StatusOr<std::string> CaBundle::CertificatesPem() const {
  std::string text;
  std::set<std::string> written;
  for (const Certificate& ca : certificates_) {
    if (!written.insert(ca.fingerprint()).second) continue;
    const absl::StatusOr<std::string> pem = ca.ToPem();
    if (!pem.ok()) return pem.status();
    absl::StrAppend(&text, *pem);
  }
  return text;
}

absl::StatusOr<std::string> CaBundle::ListsPem() const {
  std::string text;
  std::set<std::string> written;
  for (const Certificate& ca : certificates_) {
    const RevocationList* const list = ListOf(ca);
    if (list == nullptr || !written.insert(ca.fingerprint()).second) continue;
    const absl::StatusOr<std::string> pem = list->ToPem();
    if (!pem.ok()) return pem.status();
    // Two certificates of one CA (of its key and name) may stand under one list.
    if (text.find(*pem) == std::string::npos) absl::StrAppend(&text, *pem);
  }
  return text;
}

}  // namespace sluice::server
