#include "client/connection.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "client/fake_service_for_test.h"
#include "client/publisher.h"
#include "client/release_reader.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "connection-XXXXXX";
    directory_ = mkdtemp(name.data());
    service_ = std::make_unique<ServiceForTest>(directory_);
  }
  void TearDown() override {
    service_.reset();
    std::filesystem::remove_all(directory_);
  }
  absl::Status Ask(ConnectionOptions options) {
    options.deadline = absl::Seconds(20);
    const auto gateway = Connect(std::move(options));
    if (!gateway.ok()) return gateway.status();
    return (*gateway)->ListGrants(v1::ListGrantsRequest()).status();
  }
  void ExpectUnavailable(ConnectionOptions options, absl::string_view why) {
    const absl::Status status = Ask(std::move(options));
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
  }
  void ExpectInvalid(ConnectionOptions options, absl::string_view why) {
    const absl::Status status = Ask(std::move(options));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
  }

  std::string directory_;
  std::unique_ptr<ServiceForTest> service_;
};

TEST_F(ConnectionTest, AnswersOverMutualTls) { EXPECT_TRUE(Ask(service_->Options()).ok()); }

TEST_F(ConnectionTest, CarriesADenialWithItsDetails) {
  service_->gateway.unary_error = DenialForTest();
  const absl::Status status = Ask(service_->Options());
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_EQ(ErrorOf(status).reason, "PURPOSE_NOT_GRANTED");
  EXPECT_EQ(ErrorOf(status).decision_id, "00112233445566778899aabbccddeeff");
}

TEST_F(ConnectionTest, ExplainsAnExpiredCertificate) {
  service_->WriteClient("old", service_->client_ca(),
                        {absl::Now() - absl::Hours(2), absl::Now() - absl::Hours(1)});
  ExpectUnavailable(service_->Options("old"), "system/old) expired on ");
}

TEST_F(ConnectionTest, ExplainsACertificateThatIsNotValidYet) {
  service_->WriteClient("new", service_->client_ca(),
                        {absl::Now() + absl::Hours(1), absl::Now() + absl::Hours(2)});
  ExpectUnavailable(service_->Options("new"), "is not valid before ");
}

TEST_F(ConnectionTest, ExplainsACertificateOfAnotherCa) {
  service_->WriteClient("other", ServiceForTest::Root("stranger CA"), ServiceForTest::Lasting());
  ExpectUnavailable(service_->Options("other"), "issued by \"stranger CA\"");
}

TEST_F(ConnectionTest, ExplainsAGatewayThatStandsUnderAnotherCa) {
  service_->Write("ca.pem", ServiceForTest::Root("another CA").certificate);
  ExpectUnavailable(service_->Options(), "does not stand under a CA of");
}

TEST_F(ConnectionTest, ExplainsAGatewayOfAnotherName) {
  ConnectionOptions options = service_->Options();
  options.server_name = "other.example";
  ExpectUnavailable(std::move(options), "other.example");
}

TEST_F(ConnectionTest, SaysThatNothingListens) {
  const ConnectionOptions options = service_->Options();
  service_->Stop();
  ExpectUnavailable(options, "nothing listens there");
}

TEST_F(ConnectionTest, NamesTheFileThatIsMissing) {
  ConnectionOptions options = service_->Options();
  options.certificate_file = service_->Path("none.pem");
  const absl::Status status = Ask(options);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "none.pem"));
}

TEST_F(ConnectionTest, RefusesAKeyThatIsNotTheCertificates) {
  service_->WriteClient("second", service_->client_ca(), ServiceForTest::Lasting());
  ConnectionOptions options = service_->Options();
  options.key_file = service_->Path("second.key");
  ExpectInvalid(std::move(options), "second.key: the key is not the certificate's");
}

TEST_F(ConnectionTest, RefusesFilesThatAreNoPem) {
  service_->Write("garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  ConnectionOptions options = service_->Options();
  options.ca_file = service_->Path("garbage");
  ExpectInvalid(options, "garbage: holds no PEM certificate");
  options = service_->Options();
  options.certificate_file = service_->Path("garbage");
  ExpectInvalid(options, "garbage: holds no PEM certificate");
  options = service_->Options();
  options.key_file = service_->Path("garbage");
  ExpectInvalid(options, "garbage: the key file holds no PEM private key");
}

TEST_F(ConnectionTest, NeverRepeatsAKey) {
  const auto key = ReadFile(service_->Path("system.key"));
  const std::string secret = key->substr(40, 40);
  ConnectionOptions options = service_->Options();
  options.certificate_file = service_->Path("system.key");
  EXPECT_FALSE(absl::StrContains(Ask(options).ToString(), secret));
  options = service_->Options();
  options.ca_file = service_->Path("system.key");
  EXPECT_FALSE(absl::StrContains(Ask(options).ToString(), secret));
}

TEST_F(ConnectionTest, ResumesAnInterruptedRead) {
  std::vector<v1::Row> rows(6);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].set_row_id(absl::StrCat("row-", i));
  ScriptForTest broken = ReleaseForTest(rows, 2);
  broken.messages.resize(3);
  broken.end = absl::UnavailableError("draining");
  service_->gateway.scripts = {broken, ReleaseForTest(rows, 2, 4)};
  const auto gateway = Connect(service_->Options());
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  ReleaseReader reader(gateway->get(), v1::ReadRecordsRequest(), RetryPolicy(),
                       {[](absl::Duration) {}, [] { return 0.0; }});
  ASSERT_TRUE(reader.ReadHeader().ok());
  while (true) {
    const auto batch = reader.ReadBatch();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
  }
  EXPECT_EQ(reader.summary().rows, 6);
  EXPECT_EQ(service_->gateway.reads[1].page_token(), "4");
}

TEST_F(ConnectionTest, PublishesOverABrokenStreamExactlyOnce) {
  service_->gateway.breaks = {2, 3};
  const auto gateway = Connect(service_->Options());
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  Publisher publisher(gateway->get(), {"organizations/u", "Candidate", "run", 10}, RetryPolicy(),
                      {[](absl::Duration) {}, [] { return 0.0; }}, nullptr);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(publisher.Add("record").ok());
  const auto summary = publisher.Finish();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->records, 200);
  EXPECT_EQ(service_->gateway.committed.size(), 20u);
}

}  // namespace
}  // namespace sluice::client
