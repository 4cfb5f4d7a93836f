// A gateway whose keys stand elsewhere than in files alone: wrapped under a credential of its unit,
// or on a PKCS#11 token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPin[] = "73519284";
constexpr int kFailed = 1;
constexpr int kCheckFailed = 3;

class KeySourceFlow : public ::testing::Test {
 protected:
  KeySourceFlow() {
    std::filesystem::create_directories(deployment_.Path("credentials"));
    setenv("CREDENTIALS_DIRECTORY", deployment_.Path("credentials").c_str(), 1);
    deployment_.ProposeSigned("pipeline");
  }
  ~KeySourceFlow() override { unsetenv("CREDENTIALS_DIRECTORY"); }

  void PutSecret(absl::string_view path, absl::string_view content) {
    WriteFile(deployment_.Path(path), content);
    ASSERT_EQ(chmod(deployment_.Path(path).c_str(), 0600), 0);
  }
  void Configure(absl::string_view keys) {
    deployment_.WriteConfiguration(
        absl::StrReplaceAll(deployment_.Configuration(), {{"keys: keys\n", keys}}));
  }
  void MakeToken() {
    std::filesystem::create_directories(deployment_.Path("tokens"));
    WriteFile(deployment_.Path("softhsm2.conf"),
              absl::StrCat("directories.tokendir = ", deployment_.Path("tokens").string(),
                           "\nobjectstore.backend = file\nlog.level = ERROR\n"));
    setenv("SOFTHSM2_CONF", deployment_.Path("softhsm2.conf").c_str(), 1);
    ASSERT_EQ(std::system(absl::StrCat("softhsm2-util --init-token --free --label sluice "
                                       "--so-pin 5678 --pin ",
                                       kPin, " >/dev/null")
                              .c_str()),
              0);
  }
  void Publish(int begin, int end) {
    const auto program = deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
    Must(tests::Publish(*program, absl::StrCat("batch-", begin), begin, end).status());
  }
  size_t RowsReleased() {
    ReadRows rows;
    const auto district = deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
    Must(Read(*district, ReadRequest("pipeline"), rows));
    return rows.row_ids.size();
  }
  // Runs what must refuse; what it says.
  std::string Refusal(absl::string_view command, int status) {
    const std::string said = deployment_.Path("refusal").string();
    const int ended =
        std::system(absl::StrCat("timeout 30 ", SLUICE_SLUICED, " ", command, " --config ",
                                 deployment_.Path("sluiced.yaml").string(), " >", said, " 2>&1")
                        .c_str());
    EXPECT_EQ(WEXITSTATUS(ended), status);
    return ReadFile(said);
  }

  Deployment deployment_;
};

constexpr char kWithCredential[] = "keys: {directory: keys, credential: sluice-keys}\n";
constexpr char kWithToken[] =
    "keys: {directory: keys, pkcs11: {module: /usr/lib/softhsm/libsofthsm2.so, token: sluice, "
    "pin_credential: pin}}\n";

TEST_F(KeySourceFlow, ACredentialWrapsWhatStoodInFilesAndIsChanged) {
  deployment_.Start();
  Publish(0, 3);
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  Configure(kWithCredential);
  EXPECT_THAT(Refusal("check-config", kCheckFailed),
              HasSubstr("LoadCredentialEncrypted=sluice-keys"));
  EXPECT_THAT(Refusal("", kFailed), HasSubstr("credentials/sluice-keys is not there"));
  PutSecret("credentials/sluice-keys", std::string(32, 'w'));
  EXPECT_EQ(deployment_.Check(), 0);
  deployment_.Start();
  Publish(3, 5);
  EXPECT_EQ(RowsReleased(), 5u);
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  for (const auto& file : std::filesystem::directory_iterator(deployment_.Path("keys"))) {
    const std::string extension = file.path().extension();
    if (extension == ".key" || extension == ".root" || extension == ".kek") {
      EXPECT_THAT(ReadFile(file), HasSubstr("sluice wrapped key")) << file;
    }
  }
  PutSecret("credentials/new", std::string(32, 'x'));
  Configure("keys: {directory: keys, credential: new}\n");
  EXPECT_THAT(Refusal("", kFailed), HasSubstr("keys.former_credential"));
  Configure("keys: {directory: keys, credential: new, former_credential: sluice-keys}\n");
  deployment_.Start();
  EXPECT_EQ(RowsReleased(), 5u);
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  std::filesystem::remove(deployment_.Path("credentials/sluice-keys"));
  Configure("keys: {directory: keys, credential: new}\n");
  deployment_.Start();
  EXPECT_EQ(RowsReleased(), 5u);
  Configure("keys: keys\n");
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  EXPECT_THAT(Refusal("", kFailed), HasSubstr("keys.credential"));
}

TEST_F(KeySourceFlow, ATokenKeepsTheKeyEncryptionKeys) {
  MakeToken();
  PutSecret("credentials/pin", kPin);
  Configure(kWithToken);
  EXPECT_EQ(deployment_.Check(), 0);
  deployment_.Start();
  Publish(0, 3);
  EXPECT_EQ(RowsReleased(), 3u);
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  deployment_.Start();
  EXPECT_EQ(RowsReleased(), 3u);
  ASSERT_EQ(deployment_.End(SIGTERM), 0);

  PutSecret("credentials/pin", "00000000");
  EXPECT_THAT(Refusal("", kFailed), HasSubstr("refuses the PIN"));
  PutSecret("credentials/pin", kPin);
  std::filesystem::rename(deployment_.Path("tokens"), deployment_.Path("aside"));
  std::filesystem::create_directory(deployment_.Path("tokens"));
  EXPECT_THAT(Refusal("", kFailed), HasSubstr("no token has the label \"sluice\""));
  EXPECT_THAT(Refusal("check-config", kCheckFailed), HasSubstr("keys.pkcs11.token"));
  std::filesystem::remove(deployment_.Path("tokens"));
  std::filesystem::rename(deployment_.Path("aside"), deployment_.Path("tokens"));
  Configure("keys: keys\n");
  EXPECT_THAT(Refusal("", kFailed), HasSubstr("keys.pkcs11"));
  EXPECT_THAT(ReadFile(deployment_.Path("sluiced.log")), Not(HasSubstr(kPin)));
}

}  // namespace
}  // namespace sluice::tests
