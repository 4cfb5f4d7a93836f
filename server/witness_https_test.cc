#include "server/witness_https.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/support/https_witness.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using tests::HttpsWitness;

constexpr absl::Duration kWithin = absl::Seconds(20);

std::unique_ptr<WitnessTransport> Connect(const std::string& url, const std::string& ca_file,
                                          absl::Duration within = kWithin) {
  WitnessConfig config;
  config.url = url;
  config.ca_file = ca_file;
  return ConnectWitness(config, within).value();
}

// Listens and, as a test says, speaks or not; no TLS.
class BareServer {
 public:
  explicit BareServer(std::function<void(int)> serve) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int caller = accept(listener_, nullptr, nullptr);
      if (caller < 0) return;
      serve(caller);
      close(caller);
    });
  }
  ~BareServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return absl::StrCat("https://localhost:", port_); }

 private:
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

// Until the other side has closed.
void Drain(int socket) {
  char bytes[4096];
  while (recv(socket, bytes, sizeof(bytes), 0) > 0) {
  }
}

TEST(WitnessHttps, PostsTheBodyUnderThePrefixAndGivesBackWhatWasSaid) {
  std::string path, body;
  HttpsWitness server([&](const httplib::Request& request, httplib::Response& response) {
    path = request.path;
    body = request.body;
    response.status = 409;
    response.set_content("7\n", "text/x.tlog.size");
  });
  const auto witness = Connect(server.url() + "/of/us/", server.ca_file());
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<WitnessAnswer> answer = witness->Post("old 3\n\nnote\n");
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 409);
    EXPECT_EQ(answer->content_type, "text/x.tlog.size");
    EXPECT_EQ(answer->body, "7\n");
    EXPECT_EQ(path, "/of/us/add-checkpoint");
    EXPECT_EQ(body, "old 3\n\nnote\n");
  }
}

TEST(WitnessHttps, RefusesACertificateOfAnotherCa) {
  std::atomic<int> asked{0};
  const auto count = [&](const httplib::Request&, httplib::Response&) { ++asked; };
  HttpsWitness server(count), other(count);
  const absl::StatusOr<WitnessAnswer> answer = Connect(server.url(), other.ca_file())->Post("x");
  EXPECT_TRUE(absl::IsUnavailable(answer.status()));
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("certificate"));
  EXPECT_EQ(asked, 0);
}

TEST(WitnessHttps, RefusesACertificateOfAnotherName) {
  std::atomic<int> asked{0};
  HttpsWitness server([&](const httplib::Request&, httplib::Response&) { ++asked; },
                      {"witness.example"});
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const absl::StatusOr<WitnessAnswer> answer =
        Connect(server.url(host), server.ca_file())->Post("x");
    EXPECT_TRUE(absl::IsUnavailable(answer.status())) << host;
  }
  EXPECT_EQ(asked, 0);
}

TEST(WitnessHttps, FollowsNoRedirect) {
  std::atomic<int> asked{0};
  HttpsWitness elsewhere([&](const httplib::Request&, httplib::Response&) { ++asked; });
  HttpsWitness server([&](const httplib::Request&, httplib::Response& response) {
    response.set_redirect(elsewhere.url() + "/add-checkpoint", 307);
  });
  const absl::StatusOr<WitnessAnswer> answer = Connect(server.url(), server.ca_file())->Post("x");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 307);
  EXPECT_EQ(asked, 0);
}

TEST(WitnessHttps, TakesNoAnswerAbove64KiB) {
  size_t size = 64 << 10;
  HttpsWitness server([&](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(size, 'x'), "text/plain");
  });
  EXPECT_TRUE(Connect(server.url(), server.ca_file())->Post("x").ok());
  ++size;
  EXPECT_TRUE(absl::IsUnavailable(Connect(server.url(), server.ca_file())->Post("x").status()));
}

TEST(WitnessHttps, IsUnavailableWhereNobodyListens) {
  std::string url, ca_file;
  {
    HttpsWitness server([](const httplib::Request&, httplib::Response&) {});
    url = server.url();
    ca_file = server.ca_file();
  }
  EXPECT_TRUE(absl::IsUnavailable(Connect(url, ca_file)->Post("x").status()));
}

TEST(WitnessHttps, IsUnavailableWhereTheServerClosesOrSpeaksNoTls) {
  HttpsWitness other([](const httplib::Request&, httplib::Response&) {});
  BareServer closes([](int) {});
  EXPECT_TRUE(absl::IsUnavailable(Connect(closes.url(), other.ca_file())->Post("x").status()));
  BareServer garbles([](int socket) {
    send(socket, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
    shutdown(socket, SHUT_WR);
    Drain(socket);
  });
  EXPECT_TRUE(absl::IsUnavailable(Connect(garbles.url(), other.ca_file())->Post("x").status()));
}

TEST(WitnessHttps, IsUnavailableWhereAStepOfARequestTakesTooLong) {
  HttpsWitness other([](const httplib::Request&, httplib::Response&) {});
  BareServer hangs(Drain);
  EXPECT_TRUE(absl::IsUnavailable(
      Connect(hangs.url(), other.ca_file(), absl::Milliseconds(50))->Post("x").status()));
}

// What the library's own limit on each step does not end.
TEST(WitnessHttps, IsEndedInAHandshakeByCancel) {
  HttpsWitness other([](const httplib::Request&, httplib::Response&) {});
  absl::Notification connected;
  BareServer hangs([&](int socket) {
    connected.Notify();
    Drain(socket);
  });
  const auto witness = Connect(hangs.url(), other.ca_file(), absl::Minutes(10));
  std::thread cancel([&] {
    connected.WaitForNotification();
    witness->Cancel();
  });
  EXPECT_TRUE(absl::IsUnavailable(witness->Post("x").status()));
  cancel.join();
}

TEST(WitnessHttps, IsEndedInAnAnswerByCancelAndAsksAnewThen) {
  absl::Notification asked, go_on;
  std::atomic<bool> first{true};
  HttpsWitness server([&](const httplib::Request&, httplib::Response&) {
    if (!first.exchange(false)) return;
    asked.Notify();
    go_on.WaitForNotification();
  });
  const auto witness = Connect(server.url(), server.ca_file(), absl::Minutes(10));
  std::thread cancel([&] {
    asked.WaitForNotification();
    witness->Cancel();
  });
  EXPECT_TRUE(absl::IsUnavailable(witness->Post("x").status()));
  cancel.join();
  go_on.Notify();
  const absl::StatusOr<WitnessAnswer> again = witness->Post("x");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->status, 200);
}

TEST(WitnessHttps, IsNotMadeOfAUrlOrACaFileThatIsNone) {
  HttpsWitness server([](const httplib::Request&, httplib::Response&) {});
  EXPECT_TRUE(absl::IsInvalidArgument(
      ConnectWitness({"", "http://localhost", server.ca_file()}, kWithin).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      ConnectWitness({"", server.url(), server.ca_file() + "x"}, kWithin).status()));
}

}  // namespace
}  // namespace sluice::server
