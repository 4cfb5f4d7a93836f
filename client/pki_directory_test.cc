#include "client/pki_directory.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/pki.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::pki {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

mode_t Mode(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

class PkiDirectory : public ::testing::Test {
 protected:
  PkiDirectory() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "pki.XXXXXX");
    dir_ = mkdtemp(pattern.data());
  }
  ~PkiDirectory() override { std::filesystem::remove_all(dir_); }

  std::string Init() {
    return InitOrganization(dir_, "sluice.example", "river-unified", {kNow}).value();
  }
  std::string Own(absl::string_view file) { return absl::StrCat(dir_, "/river-unified/", file); }

  // Runs a command line; its exit code.
  int Run(const std::string& command) { return system((command + " >/dev/null 2>&1").c_str()); }

  std::string dir_;
};

TEST_F(PkiDirectory, InitMakesBothCasAndSaysTheSignatoryDigest) {
  const std::string digest = Init();
  EXPECT_EQ(digest, SpkiDigest(Contents(Own("signatory-ca.pem"))).value());
  EXPECT_NE(digest, SpkiDigest(Contents(Own("ca.pem"))).value());
  EXPECT_EQ(ReadCrl(Contents(Own("crl.pem")))->number, 1u);
  EXPECT_TRUE(ReadCrl(Contents(Own("signatory-crl.pem")))->revocations.empty());
}

TEST_F(PkiDirectory, KeysAreTheirOwnersAlone) {
  Init();
  const Issued issued = Issue(dir_, "river-unified", "system", "hr", 30, kNow).value();
  for (const std::string& key : {Own("ca.key"), Own("signatory-ca.key"), issued.key_path}) {
    EXPECT_EQ(Mode(key), 0600u) << key;
  }
  EXPECT_EQ(Mode(Own("")), 0700u);
}

TEST_F(PkiDirectory, NeverOverwrites) {
  Init();
  const std::string before = Contents(Own("ca.key"));
  EXPECT_TRUE(absl::IsAlreadyExists(
      InitOrganization(dir_, "sluice.example", "river-unified", {kNow}).status()));
  EXPECT_EQ(Contents(Own("ca.key")), before);

  const Issued first = Issue(dir_, "river-unified", "system", "hr", 30, kNow).value();
  const std::string key = Contents(first.key_path);
  EXPECT_TRUE(
      absl::IsAlreadyExists(Issue(dir_, "river-unified", "system", "hr", 30, kNow).status()));
  EXPECT_EQ(Contents(first.key_path), key);
}

TEST_F(PkiDirectory, IssuesUnderTheCaThatTheKindNeeds) {
  Init();
  const Issued system = Issue(dir_, "river-unified", "system", "hr", 30, kNow).value();
  EXPECT_EQ(system.spiffe_id, "spiffe://sluice.example/org/river-unified/system/hr");
  EXPECT_EQ(system.certificate_path, Own("system-hr.pem"));
  EXPECT_TRUE(IsIssuedBy(Contents(system.certificate_path), Contents(Own("ca.pem"))).value());
  const Issued dean = Issue(dir_, "river-unified", "signatory", "dean", 30, kNow).value();
  EXPECT_TRUE(
      IsIssuedBy(Contents(dean.certificate_path), Contents(Own("signatory-ca.pem"))).value());
}

TEST_F(PkiDirectory, RefusesNamesThatAreNotNames) {
  Init();
  for (absl::string_view name : {"", "a/b", "..", "Upper", "-x", "a b"}) {
    EXPECT_FALSE(Issue(dir_, "river-unified", "system", name, 30, kNow).ok()) << name;
    EXPECT_FALSE(Issue(dir_, name, "system", "x", 30, kNow).ok()) << name;
    EXPECT_FALSE(InitOrganization(dir_, "sluice.example", name, {kNow}).ok()) << name;
    EXPECT_FALSE(RenewCrls(dir_, name, 30, kNow).ok()) << name;
  }
  EXPECT_FALSE(Issue(dir_, "river-unified", "emperor", "x", 30, kNow).ok());
  EXPECT_FALSE(InitOrganization(dir_, "sluice.example", "operator", {kNow}).ok());
  EXPECT_FALSE(InitOrganization(dir_, "not a domain", "other", {kNow}).ok());
}

TEST_F(PkiDirectory, OperatorAndGatewayStandUnderTheOperatorsCa) {
  ASSERT_TRUE(InitOperator(dir_, "sluice.example", {kNow}).ok());
  EXPECT_EQ(IssueOperator(dir_, "ada", 30, kNow)->spiffe_id,
            "spiffe://sluice.example/operator/ada");
  EXPECT_EQ(IssueGateway(dir_, "g1", {"localhost"}, {"127.0.0.1"}, 30, kNow)->spiffe_id,
            "spiffe://sluice.example/gateway/g1");
  EXPECT_FALSE(IssueGateway(dir_, "g2", {}, {}, 30, kNow).ok());
  EXPECT_EQ(RenewCrls(dir_, "operator", 30, kNow)->size(), 1u);
}

TEST_F(PkiDirectory, RevokesOnceAndOnTheRightList) {
  Init();
  const std::string pem =
      Contents(Issue(dir_, "river-unified", "system", "hr", 30, kNow)->certificate_path);
  const absl::Time since = kNow - absl::Hours(3);
  EXPECT_EQ(Revoke(dir_, "river-unified", pem, 30, kNow, since).value(), Own("crl.pem"));
  Crl crl = ReadCrl(Contents(Own("crl.pem"))).value();
  EXPECT_EQ(crl.number, 2u);
  ASSERT_EQ(crl.revocations.size(), 1u);
  EXPECT_EQ(crl.revocations[0].serial, SerialNumber(pem).value());
  EXPECT_EQ(crl.revocations[0].invalid_since, since);
  EXPECT_TRUE(ReadCrl(Contents(Own("signatory-crl.pem")))->revocations.empty());

  EXPECT_TRUE(Revoke(dir_, "river-unified", pem, 30, kNow, since).ok());
  EXPECT_EQ(ReadCrl(Contents(Own("crl.pem")))->number, 2u);

  ASSERT_TRUE(RenewCrls(dir_, "river-unified", 60, kNow).ok());
  crl = ReadCrl(Contents(Own("crl.pem"))).value();
  EXPECT_EQ(crl.number, 3u);
  EXPECT_EQ(crl.revocations.size(), 1u);
  EXPECT_EQ(crl.next_update, kNow + absl::Hours(24 * 60));
}

TEST_F(PkiDirectory, WillNotRevokeWhatItDidNotIssue) {
  Init();
  ASSERT_TRUE(InitOrganization(dir_, "sluice.example", "other", {kNow}).ok());
  const std::string pem =
      Contents(Issue(dir_, "other", "system", "hr", 30, kNow)->certificate_path);
  EXPECT_TRUE(absl::IsNotFound(Revoke(dir_, "river-unified", pem, 30, kNow, kNow).status()));
  EXPECT_EQ(ReadCrl(Contents(Own("crl.pem")))->number, 1u);
}

TEST_F(PkiDirectory, OpensslAcceptsChainListAndSignature) {
  Init();
  const Issued dean = Issue(dir_, "river-unified", "signatory", "dean", 30, kNow).value();
  const std::string document = absl::StrCat(dir_, "/mou.yaml");
  std::ofstream(document, std::ios::binary) << "mou: x\nversion: 1\n";
  const std::string signature =
      SignFile(document, dean.certificate_path, dean.key_path, "river-unified").value();
  EXPECT_EQ(signature, document + ".river-unified.p7s");
  const std::string at = absl::StrCat(" -attime ", absl::ToUnixSeconds(kNow));

  EXPECT_EQ(Run(absl::StrCat("openssl verify -crl_check", at, " -CAfile ", Own("signatory-ca.pem"),
                             " -CRLfile ", Own("signatory-crl.pem"), " ", dean.certificate_path)),
            0);
  const std::string verify =
      absl::StrCat("openssl cms -verify -binary -inform DER -purpose any", at, " -CAfile ",
                   Own("signatory-ca.pem"), " -in ", signature, " -content ", document);
  EXPECT_EQ(Run(verify), 0);
  std::ofstream(document, std::ios::app) << "# one byte more\n";
  EXPECT_NE(Run(verify), 0);
}

}  // namespace
}  // namespace sluice::pki
