#include "client/witness/witness_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "client/pki_directory.h"
#include "client/witness/witness_for_test.h"
#include "gtest/gtest.h"

namespace sluice::witness {
namespace {

constexpr char kPath[] = "/add-checkpoint";
constexpr char kType[] = "text/plain";

class WitnessServerTest : public WitnessTest {
 protected:
  void SetUp() override {
    WitnessTest::SetUp();
    pki::InitOptions options;
    options.now = absl::Now();
    ASSERT_TRUE(pki::InitOperator(path_, "sluice.example", options).ok());
    const auto issued =
        pki::IssueGateway(path_, "witness", {"localhost"}, {"127.0.0.1"}, 1, absl::Now());
    ASSERT_TRUE(issued.ok()) << issued.status();
    options_.host = "127.0.0.1";
    options_.certificate = issued->certificate_path;
    options_.key = issued->key_path;
  }
  void TearDown() override {
    Stop();
    server_.reset();
    WitnessTest::TearDown();
  }
  void Serve() {
    auto server = WitnessServer::Create(options_, witness_.get(), [this](const WitnessAnswer& a) {
      absl::MutexLock lock(&mutex_);
      events_.push_back(absl::StrCat(a.event, " ", a.status));
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::thread([this] { ended_ = server_->Run(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    server_->Stop();
    thread_.join();
    EXPECT_TRUE(ended_.ok()) << ended_;
  }
  std::unique_ptr<httplib::SSLClient> Connect() {
    auto client = std::make_unique<httplib::SSLClient>("127.0.0.1", server_->port());
    client->set_ca_cert_path((path_ + "/operator/ca.pem").c_str());
    client->enable_server_certificate_verification(true);
    client->set_read_timeout(60);
    client->set_keep_alive(true);
    return client;
  }
  // The answer as that of a witness that was asked without a network.
  WitnessAnswer Post(const std::string& body) {
    WitnessAnswer answer;
    answer.status = 0;
    if (auto result = Connect()->Post(kPath, body, kType)) {
      answer.status = result->status;
      answer.content_type = result->get_header_value("Content-Type");
      answer.body = result->body;
    }
    return answer;
  }
  // A connection that has sent nothing yet.
  int Dial() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  std::vector<std::string> events() {
    absl::MutexLock lock(&mutex_);
    return events_;
  }

  WitnessServerOptions options_;
  std::unique_ptr<WitnessServer> server_;
  std::thread thread_;
  absl::Status ended_;
  absl::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(WitnessServerTest, AnswersAsTheSpecificationSays) {
  Serve();
  ExpectCosigned(Post(Growth(0, 10)), 10);
  ExpectCosigned(Post(Growth(10, 20)), 20);
  ExpectSize(Post(Growth(10, 20)), 20);
  ExpectSize(Post(Body(20, {}, log_.Checkpoint(20, fork_.Root(20)))), 20);
  ExpectRefused(Post(Body(20, fork_.Consistency(20, 30), Checkpoint(30))), 422);
  ExpectRefused(Post(Body(21, {}, Checkpoint(20))), 400);
  ExpectRefused(Post("old 20\n"), 400);
  ExpectRefused(Post(""), 400);
  const client::LogForTest stranger("stranger.example/log/1");
  ExpectRefused(Post(Body(0, {}, stranger.Checkpoint(7, tree_.Root(7)))), 404);
  const client::LogForTest thief("gateway.example/log/1", 't');
  ExpectRefused(Post(Body(20, {}, thief.Checkpoint(20, tree_.Root(20)))), 403);
  const std::vector<std::string> expected = {
      "cosigned 200",  "cosigned 200",  "other_size 409", "fork 409",        "not_proved 422",
      "malformed 400", "malformed 400", "malformed 400",  "unknown_log 404", "not_signed 403"};
  EXPECT_EQ(events(), expected);
}

TEST_F(WitnessServerTest, AnswersAFullDirectoryWithoutACosignature) {
  Serve();
  ExpectCosigned(Post(Growth(0, 10)), 10);
  const std::string temporary = StateFile().string() + ".new";
  ASSERT_TRUE(std::filesystem::create_directory(temporary));
  ExpectRefused(Post(Growth(10, 20)), 503);
  std::filesystem::remove(temporary);
  ExpectCosigned(Post(Growth(10, 20)), 20);
}

TEST_F(WitnessServerTest, KnowsNoOtherPathOrMethod) {
  Serve();
  const auto client = Connect();
  for (const char* path : {"/", "/add-checkpoint", "/metrics", "/key", "/../key"}) {
    EXPECT_EQ(client->Get(path)->status, 404) << path;
  }
  for (const char* path : {"/", "/add-checkpoint/", "/x/add-checkpoint", "/add-checkpoints"}) {
    EXPECT_EQ(client->Post(path, Growth(0, 10), kType)->status, 404) << path;
  }
  EXPECT_EQ(client->Put(kPath, Growth(0, 10), kType)->status, 404);
  EXPECT_EQ(client->Delete(kPath)->status, 404);
  ExpectSize(Ask(Growth(1, 10)), 0);
}

TEST_F(WitnessServerTest, AnswersManyRequestsOfAConnection) {
  Serve();
  const auto client = Connect();
  for (size_t size = 1; size <= 40; ++size) {
    const auto result = client->Post(kPath, Growth(size - 1, size), kType);
    ASSERT_TRUE(result) << size;
    ASSERT_EQ(result->status, 200) << result->body;
  }
}

TEST_F(WitnessServerTest, TakesAWholeRequestInPiecesAndNoneThatIsTooLarge) {
  Serve();
  const auto pieces = [&](const std::string& body) {
    return Connect()->Post(
        kPath,
        [&body](size_t offset, httplib::DataSink& sink) {
          if (offset >= body.size()) {
            sink.done();
            return true;
          }
          return sink.write(body.data() + offset, std::min<size_t>(1000, body.size() - offset));
        },
        kType);
  };
  const auto whole = pieces(Growth(0, 10));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->status, 200) << whole->body;
  ExpectRefused(Post(Growth(10, 11) + std::string(kMaxRequestBytes, 'x')), 413);
  // In pieces nobody says how many there will be: the answer may come while the rest is sent.
  const auto endless = pieces(Growth(10, 11) + std::string(kMaxRequestBytes, 'x'));
  EXPECT_TRUE(!endless || endless->status == 413) << endless->status;
  ExpectSize(Ask(Growth(0, 1)), 10);
}

TEST_F(WitnessServerTest, UnpacksNothing) {
  Serve();
  const auto client = Connect();
  const auto packed =
      client->Post(kPath, httplib::Headers{{"Content-Encoding", "gzip"}}, Growth(0, 10), kType);
  EXPECT_EQ(packed->status, 415);
  EXPECT_EQ(Connect()->Post(kPath, Growth(0, 10), "multipart/form-data; boundary=x")->status, 415);
  ExpectSize(Ask(Growth(1, 10)), 0);
}

TEST_F(WitnessServerTest, SpeaksTls13And12) {
  Serve();
  const auto version = [&](int version) {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version);
    SSL* const ssl = SSL_new(context);
    const int fd = Dial();
    SSL_set_fd(ssl, fd);
    const std::string spoken = SSL_connect(ssl) == 1 ? SSL_get_version(ssl) : "";
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return spoken;
  };
  EXPECT_EQ(version(TLS1_3_VERSION), "TLSv1.3");
  EXPECT_EQ(version(TLS1_2_VERSION), "TLSv1.2");
}

TEST_F(WitnessServerTest, TwoAtOnceGetOneYes) {
  Serve();
  ExpectCosigned(Post(Growth(0, 10)), 10);
  std::vector<WitnessAnswer> answers(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = Post(Growth(10, 20 + i)); });
  }
  for (std::thread& thread : threads) thread.join();
  size_t yes = 0, size = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].status == 200) ++yes, size = 20 + i;
  }
  ASSERT_EQ(yes, 1u);
  for (const WitnessAnswer& answer : answers) {
    if (answer.status != 200) ExpectSize(answer, size);
  }
}

TEST_F(WitnessServerTest, EndsWhoeverHoldsAThreadForTooLong) {
  options_.threads = 1;
  options_.request_within = absl::Milliseconds(400);
  options_.idle_within = absl::Milliseconds(100);
  Serve();
  // One says nothing; one sends a byte of its handshake at a time, each in good time.
  const int silent = Dial();
  const int slow = Dial();
  std::thread trickle([slow] {
    // A record of a handshake that is announced with 16 KiB.
    const std::string begin("\x16\x03\x01\x40\x00\x01\x00\x3F\xFC\x03\x03", 11);
    bool open = send(slow, begin.data(), begin.size(), MSG_NOSIGNAL) > 0;
    char byte = 0;
    while (open) {
      absl::SleepFor(absl::Milliseconds(50));
      open = send(slow, &byte, 1, MSG_NOSIGNAL) > 0 &&
             (recv(slow, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    }
  });
  ExpectCosigned(Post(Growth(0, 10)), 10);
  trickle.join();
  close(silent);
  close(slow);
}

TEST_F(WitnessServerTest, StopsBesideConnectionsThatWait) {
  options_.request_within = absl::Minutes(10);
  options_.idle_within = absl::Minutes(10);
  Serve();
  const auto client = Connect();
  ASSERT_EQ(client->Post(kPath, Growth(0, 10), kType)->status, 200);
  const int silent = Dial();
  Stop();
  close(silent);
  EXPECT_FALSE(Connect()->Post(kPath, Growth(10, 11), kType));
}

TEST_F(WitnessServerTest, AStopBeforeItRunsCounts) {
  auto server = WitnessServer::Create(options_, witness_.get(), [](const WitnessAnswer&) {});
  ASSERT_TRUE(server.ok());
  (*server)->Stop();
  EXPECT_TRUE((*server)->Run().ok());
}

TEST_F(WitnessServerTest, SaysWhatItCantUse) {
  const auto why = [&](const WitnessServerOptions& options) {
    return WitnessServer::Create(options, witness_.get(), [](const WitnessAnswer&) {}).status();
  };
  WitnessServerOptions options = options_;
  options.certificate = path_ + "/none.pem";
  EXPECT_TRUE(absl::StrContains(why(options).message(), "none.pem")) << why(options);
  options = options_;
  options.key = path_ + "/operator/ca.key";
  EXPECT_TRUE(absl::StrContains(why(options).message(), "ca.key")) << why(options);
  Serve();
  options = options_;
  options.port = server_->port();
  EXPECT_TRUE(absl::StrContains(why(options).message(), "can't listen")) << why(options);
}

}  // namespace
}  // namespace sluice::witness
