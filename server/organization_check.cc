#include "server/organization_check.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "policy/canonical_form.h"
#include "server/error.h"
#include "server/identity/ca_bundle.h"

namespace sluice::server {
namespace {

constexpr size_t kMaxBundleBytes = 64 << 10;
constexpr size_t kMaxListBytes = 1 << 20;
constexpr size_t kMaxDisplayName = 128;

// A bundle with its lists, of callers or of signatories, and the names of their fields.
struct Part {
  absl::string_view bundle_field;
  absl::string_view list_field;
  std::string* bundle;
  std::string* list;
  const std::string* bundle_before;  // null: nothing
  const std::string* list_before;
};

absl::Status CheckDisplayName(absl::string_view name) {
  constexpr absl::string_view kField = "organization.display_name";
  if (name.size() > kMaxDisplayName) {
    return Invalid(kField, absl::StrCat("is longer than ", kMaxDisplayName, " bytes"));
  }
  if (!policy::IsValidUtf8(name)) return Invalid(kField, "is no UTF-8");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return Invalid(kField, "must be one line of text");
  }
  return absl::OkStatus();
}

absl::Status CheckPart(const Part& part, absl::Duration crl_grace, absl::Time now) {
  if (part.bundle->size() > kMaxBundleBytes) {
    return Invalid(part.bundle_field,
                   absl::StrCat("is larger than ", kMaxBundleBytes / 1024, " KiB"));
  }
  // Lists may come with those that they replace, which are left out below.
  const absl::Status too_large =
      Invalid(part.list_field, absl::StrCat("is larger than ", kMaxListBytes / 1024, " KiB"));
  if (part.list->size() > 3 * kMaxListBytes) return too_large;
  const absl::StatusOr<std::unique_ptr<const CaBundle>> bundle =
      CaBundle::Create(*part.bundle, *part.list, crl_grace);
  if (!bundle.ok()) return Invalid(part.bundle_field, bundle.status().message());
  std::unique_ptr<const CaBundle> before;
  if (part.bundle_before != nullptr) {
    absl::StatusOr<std::unique_ptr<const CaBundle>> was =
        CaBundle::Create(*part.bundle_before, *part.list_before, crl_grace);
    if (!was.ok()) return was.status();
    before = *std::move(was);
  }
  if (const absl::Status s = (*bundle)->CheckChange(before.get(), now); !s.ok()) {
    return Invalid(part.bundle_field, s.message());
  }
  absl::StatusOr<std::string> certificates = (*bundle)->CertificatesPem();
  if (!certificates.ok()) return certificates.status();
  absl::StatusOr<std::string> lists = (*bundle)->ListsPem();
  if (!lists.ok()) return lists.status();
  if (lists->size() > kMaxListBytes) return too_large;
  *part.bundle = *std::move(certificates);
  *part.list = *std::move(lists);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StoredOrganization> CheckOrganization(StoredOrganization organization,
                                                     const StoredOrganization* before,
                                                     absl::Duration crl_grace, absl::Time now) {
  if (const absl::Status s = CheckDisplayName(organization.display_name); !s.ok()) return s;
  Part callers{"organization.ca_bundle",
               "organization.crl",
               &organization.ca_bundle,
               &organization.crl,
               nullptr,
               nullptr};
  if (before != nullptr) {
    callers.bundle_before = &before->ca_bundle;
    callers.list_before = &before->crl;
  }
  if (const absl::Status s = CheckPart(callers, crl_grace, now); !s.ok()) return s;

  if (organization.signatory_bundle.empty()) {
    if (!organization.signatory_crl.empty()) {
      return Invalid("organization.signatory_crl", "stands without a signatory_bundle");
    }
    if (before != nullptr && !before->signatory_bundle.empty()) {
      return Invalid("organization.signatory_bundle",
                     "can't be taken away: the CAs of its systems would sign documents");
    }
    return organization;
  }
  if (!organization.crl.empty() && organization.signatory_crl.empty()) {
    return Invalid("organization.signatory_crl",
                   "is missing, though there is a crl: no signature under these CAs could be "
                   "revoked");
  }
  Part signatories{"organization.signatory_bundle",
                   "organization.signatory_crl",
                   &organization.signatory_bundle,
                   &organization.signatory_crl,
                   nullptr,
                   nullptr};
  if (before != nullptr && !before->signatory_bundle.empty()) {
    signatories.bundle_before = &before->signatory_bundle;
    signatories.list_before = &before->signatory_crl;
  }
  if (const absl::Status s = CheckPart(signatories, crl_grace, now); !s.ok()) return s;
  return organization;
}

}  // namespace sluice::server
