// The signature itself: its form, its algorithms, its key, the bytes that it is over.
#include "server/identity/mou_signature.h"

#include <openssl/cms.h>
#include <openssl/evp.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/openssl_ptr.h"
#include "tests/support/mou_signature_fixture.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(MouSignature, VerifiesOursAndSaysWhatTheLogNeeds) {
  const pki::Credential dean = river_.Signatory("dean");
  river_.signatory_crl().number = 42;
  const VerifiedSignature verified = Verify(Sign(dean)).value();
  EXPECT_EQ(verified.organization, "river-unified");
  EXPECT_EQ(absl::StrCat("sha256:", verified.signer_spki),
            pki::SpkiDigest(dean.certificate).value());
  EXPECT_THAT(verified.chain, SizeIs(2));
  EXPECT_EQ(verified.crl_number, "42");
  EXPECT_EQ(verified.received, kNow);
}

TEST_F(MouSignature, VerifiesTheOpensslCommandsWithEachKindOfKey) {
  for (pki::KeyType type : {pki::KeyType::kP256, pki::KeyType::kP384, pki::KeyType::kRsa3072}) {
    EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean", type))), "");
  }
  for (const char* md : {"sha384", "sha512"}) {
    EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean"), absl::StrCat("-binary -md ", md))), "");
  }
  EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -keyid")), "");
  EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean", pki::KeyType::kRsa3072),
                                "-binary -keyopt rsa_padding_mode:pss")),
            "");
}

TEST_F(MouSignature, RefusesAChangedDocument) {
  const std::string cms = Sign(river_.Signatory("dean"));
  std::string document = kDocument;
  for (size_t i = 0; i < document.size(); ++i) {
    std::string changed = document;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(Refusal(cms, changed), HasSubstr("not over these bytes")) << i;
  }
  EXPECT_THAT(Refusal(cms, document + "\n"), HasSubstr("not over these bytes"));
  EXPECT_THAT(Refusal(cms, ""), HasSubstr("not over these bytes"));
}

// The signature's bytes made anew over its signed attributes, with this key.
std::string SignedAnew(const std::string& der, EVP_PKEY* key) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  CMS_SignerInfo* const signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0);
  // RFC 5652, 5.4: what is signed is the attributes' DER as a SET OF.
  std::string attributes;
  for (int i = 0; i < CMS_signed_get_attr_count(signer); ++i) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(signer, i), &bytes);
    attributes.append(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
  }
  std::string set = "\x31";
  if (attributes.size() >= 128) set.push_back('\x81');
  set.push_back(static_cast<char>(attributes.size()));
  set += attributes;

  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  size_t size = 0;
  const auto* const data = reinterpret_cast<const unsigned char*>(set.data());
  EXPECT_EQ(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key), 1);
  EXPECT_EQ(EVP_DigestSign(context, nullptr, &size, data, set.size()), 1);
  std::string signature(size, '\0');
  EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                           set.size()),
            1);
  EVP_MD_CTX_free(context);
  EXPECT_EQ(ASN1_STRING_set(CMS_SignerInfo_get0_signature(signer), signature.data(),
                            static_cast<int>(size)),
            1);
  unsigned char* bytes = nullptr;
  const int length = i2d_CMS_ContentInfo(cms.get(), &bytes);
  const std::string made(reinterpret_cast<char*>(bytes), static_cast<size_t>(length));
  OPENSSL_free(bytes);
  return made;
}

TEST_F(MouSignature, RefusesASignatureByAnotherKeyThanItsCertificates) {
  const pki::Credential dean = river_.Signatory("dean");
  const std::string cms = Sign(dean);
  // Made by hand it verifies, so it is the key alone that is wrong below.
  EXPECT_EQ(Refusal(SignedAnew(cms, dean.key.get())), "");
  for (const pki::Credential* other : {&river_.signatory_ca(), &state_.ca()}) {
    EXPECT_THAT(Refusal(SignedAnew(cms, other->key.get())), HasSubstr("made by another key"));
  }
  EXPECT_THAT(Refusal(SignedAnew(cms, river_.Signatory("dean").key.get())),
              HasSubstr("made by another key"));
}

TEST_F(MouSignature, RefusesASignatureMadeWithoutBinary) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "")), HasSubstr("-binary"));
}

TEST_F(MouSignature, RefusesEmbeddedContentEvenOverTheRightBytes) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -nodetach")),
              HasSubstr("content embedded"));
}

TEST_F(MouSignature, RefusesTwoSigners) {
  WriteCredential("second", river_.Signatory("provost"));
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"),
                                  absl::StrCat("-binary -signer ", Path("second.pem"), " -inkey ",
                                               Path("second.key")))),
              HasSubstr("has 2 signers"));
}

TEST_F(MouSignature, RefusesMissingSignedAttributes) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -noattr")),
              HasSubstr("no signed attributes"));
}

TEST_F(MouSignature, RefusesAMissingCertificate) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -nocerts")),
              HasSubstr("without its signer's certificate"));
}

TEST_F(MouSignature, RefusesAWeakDigest) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -md sha1")),
              HasSubstr("weaker than SHA-256"));
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -md sha224")),
              HasSubstr("weaker than SHA-256"));
}

TEST_F(MouSignature, RefusesAnotherContentType) {
  EXPECT_THAT(
      Refusal(OpensslSign(river_.Signatory("dean"), "-binary -econtent_type 1.3.6.1.4.1.1.1")),
      HasSubstr("another type than data"));
}

TEST_F(MouSignature, RefusesAShortRsaKey) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean", pki::KeyType::kRsa2048))),
              HasSubstr("less than 3072 bits"));
}

TEST_F(MouSignature, RefusesAnotherCurve) {
  // Not one that client/pki would make: by the command line.
  Write("ca.pem", river_.signatory_ca().certificate);
  Write("ca.key", river_.signatory_ca().key.ToPem().value());
  Write("ext", absl::StrCat("subjectAltName=URI:", river_.Id("signatory", "dean"), "\n"));
  const std::string make = absl::StrCat(
      "cd ", dir_,
      " && openssl ecparam -name secp521r1 -genkey -noout -out k.key"
      " && openssl req -new -key k.key -subj /CN=dean -out k.csr"
      " && openssl x509 -req -in k.csr -CA ca.pem -CAkey ca.key -days 365 -extfile ext -out k.pem"
      " && printf '%s' '",
      kDocument,
      "' > mou.yaml"
      " && openssl cms -sign -binary -in mou.yaml -signer k.pem -inkey k.key -outform DER -out "
      "k.p7s");
  ASSERT_EQ(system(absl::StrCat("(", make, ") 2>/dev/null").c_str()), 0);
  std::ifstream in(Path("k.p7s"), std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  EXPECT_THAT(Refusal(bytes.str()), HasSubstr("another kind than P-256"));
}

TEST_F(MouSignature, RefusesWhatIsNoCms) {
  const std::string cms = Sign(river_.Signatory("dean"));
  EXPECT_THAT(Refusal(""), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal("-----BEGIN CMS-----"), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal(cms + "x"), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal(cms.substr(0, cms.size() - 1)), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal(std::string(1 << 20, '0')), HasSubstr("larger than"));
  Write("x", "data");
  ASSERT_EQ(system(absl::StrCat("openssl cms -data_create -in ", Path("x"), " -outform DER -out ",
                                Path("data.cms"))
                       .c_str()),
            0);
  std::ifstream in(Path("data.cms"), std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  EXPECT_THAT(Refusal(bytes.str()), HasSubstr("another CMS than SignedData"));
}

TEST_F(MouSignature, ACorruptedSignatureVerifiesOnlyForTheSameSignerAndBytes) {
  const pki::Credential dean = river_.Signatory("dean");
  const std::string cms = Sign(dean);
  const std::string spki = Verify(cms)->signer_spki;
  int refused = 0;
  for (size_t i = 0; i < cms.size(); ++i) {
    std::string corrupt = cms;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 1);
    const absl::StatusOr<VerifiedSignature> verified = Verify(corrupt);
    if (verified.ok()) {
      EXPECT_EQ(verified->signer_spki, spki) << i;
    } else {
      ++refused;
    }
  }
  // A handful of bytes say nothing that counts (a version, parameters).
  EXPECT_GT(refused, static_cast<int>(cms.size()) - 16);
}

}  // namespace
}  // namespace sluice::server
