// A gateway in the test's own process, with a clock that the test turns.
#include "server/gateway.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "tests/e2e/crowd.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/silent_proxy.h"

namespace sluice::tests {
namespace {

class GatewayInProcess : public ::testing::Test {
 protected:
  GatewayInProcess() {
    // The clock stands, so nothing is refilled.
    quotas_ = "quotas: {calls_per_second: 1000000}\n";
    // Made before a test turns the clock.
    deployment_.As("operator", "operator", "root");
    deployment_.As(kProgram, "system", "sis");
    deployment_.As(kDistrict, "system", "hr");
    options_.clock = [this] { return absl::FromUnixMillis(ms_); };
  }
  ~GatewayInProcess() override {
    if (gateway_ != nullptr) gateway_->Stop();
  }

  void Start() {
    deployment_.WriteConfiguration(absl::StrCat(deployment_.Configuration(), quotas_));
    server::ConfigRead read = server::LoadConfig(deployment_.Path("sluiced.yaml").string());
    ASSERT_TRUE(read.findings.empty()) << read.findings[0].ToString();
    gateway_ = Must(server::Gateway::Start(std::move(read.config), options_));
  }
  void Turn(absl::Duration by) { ms_ += absl::ToInt64Milliseconds(by); }

  std::unique_ptr<client::Gateway> Connect(absl::string_view organization, absl::string_view kind,
                                           absl::string_view name) {
    return deployment_.ConnectTo(absl::StrCat("127.0.0.1:", gateway_->port()),
                                 deployment_.As(organization, kind, name));
  }
  int CountInTheLog(absl::string_view text) {
    v1::ListEntriesRequest all;
    all.set_page_size(1000);
    int count = 0;
    const auto entries = Must(Connect("operator", "operator", "root")->ListEntries(all));
    for (const auto& entry : entries.entries()) count += absl::StrContains(entry.body(), text);
    return count;
  }

  Deployment deployment_;
  std::string quotas_;
  std::atomic<int64_t> ms_ = absl::ToUnixMillis(absl::Now());
  server::Gateway::Options options_;
  std::unique_ptr<server::Gateway> gateway_;
};

TEST_F(GatewayInProcess, FindsADocumentInTheInboxWithinAMinuteThoughNobodyTellsIt) {
  Start();
  const auto district = Connect(kDistrict, "system", "hr");
  const auto grants = [&] { return Must(district->ListGrants({})).grants_size(); };
  deployment_.ProposeSigned("pipeline");
  Turn(absl::Seconds(59));
  EXPECT_EQ(grants(), 0);
  Turn(absl::Seconds(1));
  WaitFor("the grants of a document in the inbox", [&] { return grants() == 1; });
  EXPECT_EQ(CountInTheLog("\"state\":\"SIGNED\""), 1);
}

TEST_F(GatewayInProcess, HaltsByNameWhileItsClockStandsBehindTheLogAndGoesOnByItself) {
  deployment_.ProposeSigned("pipeline");
  Start();
  Must(Publish(*Connect(kProgram, "system", "sis"), "one", 0, 10).status());
  const auto district = Connect(kDistrict, "system", "hr");
  ReadRows before;
  Must(Read(*district, ReadRequest("pipeline"), before));
  Turn(-absl::Seconds(3));
  ReadRows meanwhile;
  EXPECT_EQ(Reason(Read(*district, ReadRequest("pipeline"), meanwhile)), "CLOCK_BEHIND");
  EXPECT_TRUE(meanwhile.row_ids.empty());
  // As far behind as it may stand.
  Turn(absl::Seconds(1));
  ReadRows after;
  Must(Read(*district, ReadRequest("pipeline"), after));
  EXPECT_EQ(after.row_ids, before.row_ids);
}

TEST_F(GatewayInProcess, WritesDownThatATermHasEnded) {
  const auto day = [this](absl::Duration from_now) {
    return absl::FormatTime("%Y-%m-%d", absl::FromUnixMillis(ms_) + from_now, absl::UTCTimeZone());
  };
  std::string text = deployment_.Document("pipeline");
  const std::string tomorrow = absl::StrCat("expires: ", day(absl::Hours(24)));
  text.replace(text.find("expires: "), tomorrow.size(), tomorrow);
  deployment_.Propose("pipeline", text);
  deployment_.Sign("pipeline", kProgram);
  deployment_.Sign("pipeline", kDistrict);
  Start();
  EXPECT_EQ(CountInTheLog("\"state\":\"ACTIVE\""), 1);
  EXPECT_EQ(CountInTheLog("\"state\":\"EXPIRED\""), 0);
  Turn(absl::Hours(48));
  WaitFor("the end of the term in the log",
          [&] { return CountInTheLog("\"state\":\"EXPIRED\"") > 0; });
  // Another look finds nothing more to say.
  deployment_.ProposeSigned("second-pipeline");
  Turn(absl::Seconds(60));
  WaitFor("another look at the inbox",
          [&] { return CountInTheLog("\"mou\":\"second-pipeline\"") > 0; });
  EXPECT_EQ(CountInTheLog("\"state\":\"EXPIRED\""), 1);
}

TEST_F(GatewayInProcess, EndsAReleaseWhoseReaderNeverReads) {
  quotas_ = "quotas: {calls_per_second: 1000000, concurrent_streams: 1}\n";
  options_.reader_within = absl::Seconds(1);
  deployment_.ProposeSigned("pipeline");
  Start();
  const auto program = Connect(kProgram, "system", "sis");
  for (int begin = 0; begin < 60'000; begin += 5000) {  // more than the transport holds
    // The stream before may have its place yet.
    WaitFor("a publish", [&] {
      return Publish(*program, absl::StrCat("batch-", begin), begin, begin + 5000).ok();
    });
  }
  const auto district = Connect(kDistrict, "system", "hr");
  const auto never = district->ReadRecords(ReadRequest("pipeline"));
  v1::ReadRecordsResponse response;
  ASSERT_TRUE(never->Read(&response));
  const auto other = Connect(kDistrict, "system", "hr");
  const auto read = [&] {
    ReadRows rows;
    return Read(*other, ReadRequest("pipeline"), rows);
  };
  EXPECT_TRUE(absl::IsResourceExhausted(read())) << "who never reads has the only place";
  WaitFor("its place", [&] { return read().ok(); });
  while (never->Read(&response)) EXPECT_FALSE(response.has_trailer());
  EXPECT_FALSE(never->Finish().ok());
}

TEST_F(GatewayInProcess, EndsAPublishWhoseClientSendsNothing) {
  quotas_ = "quotas: {calls_per_second: 1000000, concurrent_streams: 1}\n";
  options_.reader_within = absl::Seconds(1);
  Start();
  const auto silent = Connect(kProgram, "system", "sis");
  const auto stream = silent->PublishRecords();
  v1::PublishRecordsRequest batch;
  batch.set_parent(absl::StrCat("organizations/", kProgram));
  batch.set_record_type("Candidate");
  batch.set_request_id("first");
  batch.add_records(MakeCandidate(0).SerializeAsString());
  v1::PublishRecordsResponse answer;
  ASSERT_TRUE(stream->Write(batch) && stream->Read(&answer));
  const auto other = Connect(kProgram, "system", "sis");
  const auto publish = [&] { return Publish(*other, "second", 1, 2).status(); };
  EXPECT_TRUE(absl::IsResourceExhausted(publish())) << "who sends nothing has the only place";
  WaitFor("its place", [&] { return publish().ok(); });
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(GatewayInProcess, HangsUpOnWhoeverFinishesNoHandshake) {
  options_.handshake_within = absl::Seconds(1);
  Start();
  Crowd crowd(gateway_->port(), deployment_.Path("pki/operator/ca.pem").string(),
              deployment_.As(kProgram, "system", "sis"));
  ASSERT_EQ(crowd.Join(Crowd::Member::kMute, 50), 50);
  ASSERT_EQ(crowd.Join(Crowd::Member::kHalf, 50), 50);
  EXPECT_EQ(crowd.Standing(), 100);
  WaitFor("the end of handshakes that were never made", [&] { return crowd.Standing() == 0; });
  ASSERT_EQ(crowd.Join(Crowd::Member::kStands, 10), 10);
  EXPECT_EQ(crowd.Standing(), 10);
}

TEST_F(GatewayInProcess, NoticesThatAnIdleClientHasVanished) {
  quotas_ = "quotas: {calls_per_second: 1000000, concurrent_streams: 1}\n";
  options_.ping_every = absl::Milliseconds(50);
  options_.ping_timeout = absl::Seconds(5);
  Start();
  const Identity identity = deployment_.As(kProgram, "system", "sis");
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ReadFile(deployment_.Path("pki/operator/ca.pem"));
  tls.pem_cert_chain = ReadFile(identity.certificate);
  tls.pem_private_key = ReadFile(identity.key);
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  SilentProxy proxy(gateway_->port());
  const auto stub = v1::ExchangeService::NewStub(grpc::CreateCustomChannel(
      absl::StrCat("127.0.0.1:", proxy.port()), grpc::SslCredentials(tls), arguments));
  grpc::ClientContext context;
  const auto idle = stub->PublishRecords(&context);
  v1::PublishRecordsRequest batch;
  batch.set_parent(absl::StrCat("organizations/", kProgram));
  batch.set_record_type("Candidate");
  batch.set_request_id("first");
  batch.add_records(MakeCandidate(0).SerializeAsString());
  v1::PublishRecordsResponse answer;
  ASSERT_TRUE(idle->Write(batch) && idle->Read(&answer));

  const auto other = Connect(kProgram, "system", "sis");
  const auto refused = [&] {
    return absl::IsResourceExhausted(Publish(*other, "second", 1, 2).status());
  };
  EXPECT_TRUE(refused()) << "the idle stream has the only place";
  // However long it was idle.
  const int before = proxy.from_gateway();
  WaitFor("some pings", [&] { return proxy.from_gateway() >= before + 5; });
  EXPECT_TRUE(refused());
  proxy.FallSilent();
  WaitFor("the vanished client's place", [&] { return !refused(); });
  context.TryCancel();
}

}  // namespace
}  // namespace sluice::tests
