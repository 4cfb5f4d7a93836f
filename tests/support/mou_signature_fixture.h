// Signatures of an MOU document, made by this project's PKI and by the openssl command.
#ifndef SLUICE_TESTS_SUPPORT_MOU_SIGNATURE_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_MOU_SIGNATURE_FIXTURE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/mou_signature.h"
#include "tests/support/organization_for_test.h"

namespace sluice::server {

inline const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
inline constexpr absl::Duration kDay = absl::Hours(24);
inline constexpr char kDocument[] = "mou: stem-pipeline\nversion: 1\n";

// An MOU of which river-unified is a party, and what signs it, well and badly.
class MouSignature : public ::testing::Test {
 protected:
  MouSignature() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "signature.XXXXXX");
    dir_ = mkdtemp(pattern.data());
  }
  ~MouSignature() override { std::filesystem::remove_all(dir_); }

  static std::shared_ptr<const Trust> InForce(TrustConfig config) {
    return Trust::Create(std::move(config)).value();
  }
  absl::StatusOr<VerifiedSignature> Verify(absl::string_view cms,
                                           absl::string_view document = kDocument,
                                           absl::Time received = kNow) {
    return VerifyMouSignature(document, cms, "river-unified", river_.signatory_ca_digest(),
                              *InForce(TrustForTest({&state_, &river_})), received);
  }
  // Why a signature is refused; "" if it is not.
  std::string Refusal(absl::string_view cms, absl::string_view document = kDocument) {
    const absl::StatusOr<VerifiedSignature> verified = Verify(cms, document);
    if (verified.ok()) return "";
    EXPECT_EQ(verified.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(verified.status().message());
  }
  std::string Sign(const pki::Credential& signer, absl::string_view document = kDocument) {
    return pki::SignDocument(document, signer).value();
  }
  // A signatory's certificate of river's that is as `spec` says.
  pki::Credential Under(const pki::CertificateSpec& spec,
                        pki::KeyType type = pki::KeyType::kP256) const {
    return pki::MakeCertificate(spec, river_.signatory_ca(), type).value();
  }
  pki::CertificateSpec Spec() const {
    return pki::SignatorySpec(river_.Id("signatory", "dean"), river_.validity());
  }

  std::string Path(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
  void Write(absl::string_view name, absl::string_view bytes) {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }
  void WriteCredential(absl::string_view name, const pki::Credential& credential) {
    Write(absl::StrCat(name, ".pem"), credential.certificate);
    Write(absl::StrCat(name, ".key"), credential.key.ToPem().value());
  }
  // What `openssl cms -sign` makes of the document with these options more.
  std::string OpensslSign(const pki::Credential& signer, absl::string_view options = "-binary",
                          absl::string_view document = kDocument) {
    Write("mou.yaml", document);
    WriteCredential("signer", signer);
    const std::string command = absl::StrCat(
        "openssl cms -sign -in ", Path("mou.yaml"), " -signer ", Path("signer.pem"), " -inkey ",
        Path("signer.key"), " -outform DER -out ", Path("out.p7s"), " ", options, " 2>/dev/null");
    EXPECT_EQ(system(command.c_str()), 0) << options;
    std::ifstream in(Path("out.p7s"), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }

  OrganizationForTest state_{"state-university", kNow};
  OrganizationForTest river_{"river-unified", kNow};
  std::string dir_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_MOU_SIGNATURE_FIXTURE_H_
