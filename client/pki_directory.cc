#include "client/pki_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/pki.h"

namespace sluice::pki {
namespace {

// A certificate counts from a little before it is made: clocks differ.
constexpr absl::Duration kSkew = absl::Minutes(5);
// The operator's directory; no organization may have the name of a directory that is not its own.
constexpr char kOperator[] = "operator";

// A CA of a directory by the names of its files.
struct CaFiles {
  const char* certificate;
  const char* key;
  const char* crl;
};
constexpr CaFiles kCa = {"ca.pem", "ca.key", "crl.pem"};
constexpr CaFiles kSignatoryCa = {"signatory-ca.pem", "signatory-ca.key", "signatory-crl.pem"};

std::string Join(absl::string_view dir, absl::string_view name) {
  return absl::StrCat(dir, "/", name);
}

absl::Status FileError(absl::string_view doing, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(doing, " ", path));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return FileError("reading", path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

absl::Status WriteNew(const std::string& path, absl::string_view bytes, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return FileError("writing", path);
  absl::Status status;
  while (!bytes.empty() && status.ok()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      status = FileError("writing", path);
    }
  }
  if (status.ok() && fsync(fd) != 0) status = FileError("writing", path);
  if (close(fd) != 0 && status.ok()) status = FileError("writing", path);
  if (!status.ok()) (void)unlink(path.c_str());
  return status;
}

// Whole or not at all, for whoever reads it meanwhile.
absl::Status Replace(const std::string& path, absl::string_view bytes) {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".new");
  if (absl::Status written = WriteNew(temporary, bytes, 0644); !written.ok()) return written;
  if (rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  absl::Status failed = FileError("replacing", path);
  (void)unlink(temporary.c_str());
  return failed;
}

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return FileError("making directory", path);
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

absl::Status CheckName(absl::string_view what, absl::string_view name, bool starts_with_letter) {
  const bool good =
      !name.empty() && name.size() <= 63 && name[0] != '-' &&
      (!starts_with_letter || absl::ascii_islower(static_cast<unsigned char>(name[0]))) &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
      });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no ", what, ": lower-case letters, digits and hyphens, ",
                   starts_with_letter ? "a letter first" : "no hyphen first", ", 63 at most"));
}

absl::Status CheckOrganization(absl::string_view organization) {
  if (organization == kOperator) {
    return absl::InvalidArgumentError("no organization is named operator: that is the gateway's");
  }
  return CheckName("organization", organization, /*starts_with_letter=*/true);
}

absl::Status CheckTrustDomain(absl::string_view domain) {
  const bool good =
      !domain.empty() && domain.size() <= 255 &&
      std::all_of(domain.begin(), domain.end(), [](unsigned char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-' || c == '_';
      });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", domain, "\" is no trust domain"));
}

absl::StatusOr<Validity> ValidFor(int days, absl::Time now) {
  if (days < 1 || days > 36500) return absl::InvalidArgumentError("days are 1 to 36500");
  return Validity{now - kSkew, now + absl::Hours(24) * days};
}

absl::Status WriteCredential(const std::string& certificate_path, const std::string& key_path,
                             const Credential& credential) {
  absl::StatusOr<std::string> key = credential.key.ToPem();
  if (!key.ok()) return key.status();
  // The key first: it is what must not be lost, and what says ALREADY_EXISTS.
  if (absl::Status written = WriteNew(key_path, *key, 0600); !written.ok()) return written;
  absl::Status written = WriteNew(certificate_path, credential.certificate, 0644);
  if (!written.ok()) (void)unlink(key_path.c_str());
  return written;
}

absl::Status InitCa(const std::string& dir, const CaFiles& files, absl::string_view name,
                    absl::string_view trust_domain, const InitOptions& options) {
  absl::StatusOr<Validity> validity = ValidFor(options.ca_days, options.now);
  if (!validity.ok()) return validity.status();
  absl::StatusOr<Validity> crl_validity = ValidFor(options.crl_days, options.now);
  if (!crl_validity.ok()) return crl_validity.status();
  absl::StatusOr<Credential> ca = MakeRoot(CaSpec(name, trust_domain, *validity));
  if (!ca.ok()) return ca.status();
  Crl crl;
  crl.this_update = crl_validity->not_before;
  crl.next_update = crl_validity->not_after;
  absl::StatusOr<std::string> crl_pem = MakeCrl(crl, *ca);
  if (!crl_pem.ok()) return crl_pem.status();
  absl::Status written = WriteCredential(Join(dir, files.certificate), Join(dir, files.key), *ca);
  if (!written.ok()) return written;
  return WriteNew(Join(dir, files.crl), *crl_pem, 0644);
}

absl::Status CheckNothingThere(const std::string& dir, const CaFiles& files) {
  for (const char* name : {files.certificate, files.key, files.crl}) {
    if (Exists(Join(dir, name))) {
      return absl::AlreadyExistsError(
          absl::StrCat(Join(dir, name), " exists: a CA is made once; choose another directory"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Credential> LoadCredential(const std::string& certificate_path,
                                          const std::string& key_path) {
  absl::StatusOr<std::string> certificate = ReadFile(certificate_path);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> pem = ReadFile(key_path);
  if (!pem.ok()) return pem.status();
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*pem);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(key_path, ": ", key.status().message()));
  }
  return Credential{*std::move(certificate), *std::move(key)};
}

absl::StatusOr<Credential> LoadCa(const std::string& dir, const CaFiles& files) {
  return LoadCredential(Join(dir, files.certificate), Join(dir, files.key));
}

absl::StatusOr<Issued> WriteIssued(const std::string& dir, absl::string_view file_name,
                                   const CertificateSpec& spec, const Credential& ca) {
  absl::StatusOr<Credential> credential = MakeCertificate(spec, ca);
  if (!credential.ok()) return credential.status();
  Issued issued{absl::StrCat(Join(dir, file_name), ".pem"),
                absl::StrCat(Join(dir, file_name), ".key"), spec.uris.front()};
  absl::Status written = WriteCredential(issued.certificate_path, issued.key_path, *credential);
  if (!written.ok()) return written;
  return issued;
}

// A CA's revocation list with the next number, for `days` from now, and one line more.
absl::Status Reissue(const std::string& dir, const CaFiles& files, int days, absl::Time now,
                     const Revocation* added) {
  absl::StatusOr<Validity> validity = ValidFor(days, now);
  if (!validity.ok()) return validity.status();
  absl::StatusOr<Credential> ca = LoadCa(dir, files);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::string> old = ReadFile(Join(dir, files.crl));
  if (!old.ok()) return old.status();
  absl::StatusOr<Crl> crl = ReadCrl(*old);
  if (!crl.ok()) return crl.status();
  ++crl->number;
  crl->this_update = validity->not_before;
  crl->next_update = validity->not_after;
  if (added != nullptr) crl->revocations.push_back(*added);
  absl::StatusOr<std::string> pem = MakeCrl(*crl, *ca);
  if (!pem.ok()) return pem.status();
  return Replace(Join(dir, files.crl), *pem);
}

// What a certificate is issued by, and for how long.
struct Issuer {
  std::string directory;
  Credential ca;
  std::string trust_domain;
  Validity validity;
};

// The CA of an organization, or of the operator, that is to issue a certificate of this name.
absl::StatusOr<Issuer> OpenIssuer(absl::string_view dir, absl::string_view whose,
                                  const CaFiles& files, absl::string_view name, int days,
                                  absl::Time now) {
  if (absl::Status good = CheckName("name", name, /*starts_with_letter=*/false); !good.ok()) {
    return good;
  }
  const absl::StatusOr<Validity> validity = ValidFor(days, now);
  if (!validity.ok()) return validity.status();
  std::string own = Join(dir, whose);
  absl::StatusOr<Credential> ca = LoadCa(own, files);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::string> trust_domain = TrustDomainOf(ca->certificate);
  if (!trust_domain.ok()) return trust_domain.status();
  return Issuer{std::move(own), *std::move(ca), *std::move(trust_domain), *validity};
}

}  // namespace

absl::StatusOr<std::string> InitOrganization(absl::string_view dir, absl::string_view trust_domain,
                                             absl::string_view organization,
                                             const InitOptions& options) {
  absl::Status good = CheckOrganization(organization);
  if (good.ok()) good = CheckTrustDomain(trust_domain);
  if (good.ok()) good = MakeDirectory(std::string(dir));
  const std::string own = Join(dir, organization);
  if (good.ok()) good = MakeDirectory(own);
  if (good.ok()) good = CheckNothingThere(own, kCa);
  if (good.ok()) good = CheckNothingThere(own, kSignatoryCa);
  if (good.ok()) {
    good = InitCa(own, kCa, absl::StrCat(organization.substr(0, 40), " CA"), trust_domain, options);
  }
  if (good.ok()) {
    good = InitCa(own, kSignatoryCa, absl::StrCat(organization.substr(0, 40), " signatory CA"),
                  trust_domain, options);
  }
  if (!good.ok()) return good;
  absl::StatusOr<std::string> pem = ReadFile(Join(own, kSignatoryCa.certificate));
  if (!pem.ok()) return pem.status();
  return SpkiDigest(*pem);
}

absl::Status InitOperator(absl::string_view dir, absl::string_view trust_domain,
                          const InitOptions& options) {
  const std::string own = Join(dir, kOperator);
  absl::Status good = CheckTrustDomain(trust_domain);
  if (good.ok()) good = MakeDirectory(std::string(dir));
  if (good.ok()) good = MakeDirectory(own);
  if (good.ok()) good = CheckNothingThere(own, kCa);
  if (good.ok()) good = InitCa(own, kCa, "operator CA", trust_domain, options);
  return good;
}

absl::StatusOr<Issued> Issue(absl::string_view dir, absl::string_view organization,
                             absl::string_view kind, absl::string_view name, int days,
                             absl::Time now) {
  static constexpr std::array<const char*, 4> kKinds = {"system", "admin", "auditor", "signatory"};
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", kind, "\" is no kind: system, admin, auditor or signatory"));
  }
  if (absl::Status good = CheckOrganization(organization); !good.ok()) return good;
  const bool signs = kind == "signatory";
  const absl::StatusOr<Issuer> issuer =
      OpenIssuer(dir, organization, signs ? kSignatoryCa : kCa, name, days, now);
  if (!issuer.ok()) return issuer.status();
  const std::string id = OrganizationSpiffeId(issuer->trust_domain, organization, kind, name);
  return WriteIssued(issuer->directory, absl::StrCat(kind, "-", name),
                     signs ? SignatorySpec(id, issuer->validity) : ClientSpec(id, issuer->validity),
                     issuer->ca);
}

absl::StatusOr<Issued> IssueOperator(absl::string_view dir, absl::string_view name, int days,
                                     absl::Time now) {
  const absl::StatusOr<Issuer> issuer = OpenIssuer(dir, kOperator, kCa, name, days, now);
  if (!issuer.ok()) return issuer.status();
  return WriteIssued(issuer->directory, absl::StrCat("operator-", name),
                     ClientSpec(OperatorSpiffeId(issuer->trust_domain, name), issuer->validity),
                     issuer->ca);
}

absl::StatusOr<Issued> IssueGateway(absl::string_view dir, absl::string_view name,
                                    const std::vector<std::string>& dns_names,
                                    const std::vector<std::string>& ip_addresses, int days,
                                    absl::Time now) {
  if (dns_names.empty() && ip_addresses.empty()) {
    return absl::InvalidArgumentError("a gateway has at least one DNS name or IP address");
  }
  const absl::StatusOr<Issuer> issuer = OpenIssuer(dir, kOperator, kCa, name, days, now);
  if (!issuer.ok()) return issuer.status();
  return WriteIssued(issuer->directory, absl::StrCat("gateway-", name),
                     ServerSpec(GatewaySpiffeId(issuer->trust_domain, name), dns_names,
                                ip_addresses, issuer->validity),
                     issuer->ca);
}

absl::StatusOr<std::vector<std::string>> RenewCrls(absl::string_view dir,
                                                   absl::string_view organization, int days,
                                                   absl::Time now) {
  if (organization != kOperator) {
    if (absl::Status good = CheckOrganization(organization); !good.ok()) return good;
  }
  const std::string own = Join(dir, organization);
  std::vector<std::string> paths;
  for (const CaFiles& files : {kCa, kSignatoryCa}) {
    if (organization == kOperator && !Exists(Join(own, files.certificate))) continue;
    if (absl::Status made = Reissue(own, files, days, now, nullptr); !made.ok()) return made;
    paths.push_back(Join(own, files.crl));
  }
  return paths;
}

absl::StatusOr<std::string> Revoke(absl::string_view dir, absl::string_view organization,
                                   absl::string_view certificate_pem, int crl_days, absl::Time now,
                                   absl::Time invalid_since) {
  if (organization != kOperator) {
    if (absl::Status good = CheckOrganization(organization); !good.ok()) return good;
  }
  if (invalid_since > now) {
    return absl::InvalidArgumentError("a revocation counts from now or before");
  }
  absl::StatusOr<std::string> serial = SerialNumber(certificate_pem);
  if (!serial.ok()) return serial.status();
  const std::string own = Join(dir, organization);
  for (const CaFiles& files : {kCa, kSignatoryCa}) {
    absl::StatusOr<std::string> ca = ReadFile(Join(own, files.certificate));
    if (!ca.ok()) {
      if (organization == kOperator && absl::IsNotFound(ca.status())) continue;
      return ca.status();
    }
    absl::StatusOr<bool> issued = IsIssuedBy(certificate_pem, *ca);
    if (!issued.ok()) return issued.status();
    if (!*issued) continue;
    const std::string path = Join(own, files.crl);
    absl::StatusOr<std::string> old = ReadFile(path);
    if (!old.ok()) return old.status();
    absl::StatusOr<Crl> crl = ReadCrl(*old);
    if (!crl.ok()) return crl.status();
    const bool already =
        std::any_of(crl->revocations.begin(), crl->revocations.end(),
                    [&](const Revocation& revocation) { return revocation.serial == *serial; });
    if (already) return path;
    const Revocation added{*serial, now, invalid_since};
    if (absl::Status made = Reissue(own, files, crl_days, now, &added); !made.ok()) return made;
    return path;
  }
  return absl::NotFoundError(
      absl::StrCat("no CA of ", own, " issued this certificate: revoke it where it was made"));
}

absl::StatusOr<std::string> SignText(absl::string_view text, absl::string_view certificate_path,
                                     absl::string_view key_path) {
  absl::StatusOr<Credential> signer =
      LoadCredential(std::string(certificate_path), std::string(key_path));
  if (!signer.ok()) return signer.status();
  return SignDocument(text, *signer);
}

absl::StatusOr<std::string> SignFile(absl::string_view document_path,
                                     absl::string_view certificate_path, absl::string_view key_path,
                                     absl::string_view organization) {
  if (absl::Status good = CheckOrganization(organization); !good.ok()) return good;
  absl::StatusOr<std::string> document = ReadFile(std::string(document_path));
  if (!document.ok()) return document.status();
  absl::StatusOr<std::string> signature = SignText(*document, certificate_path, key_path);
  if (!signature.ok()) return signature.status();
  std::string path = absl::StrCat(document_path, ".", organization, ".p7s");
  if (absl::Status written = Replace(path, *signature); !written.ok()) return written;
  return path;
}

}  // namespace sluice::pki
