// `sluice audit export --syslog`: to a server over TCP and TLS, and what becomes of the cursor
// where the server does not take it all.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/command/command_for_test.h"
#include "client/pki.h"

namespace sluice::client {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

// A server on loopback that takes one connection and keeps what it says.
class SyslogServer {
 public:
  struct Tls {
    std::string certificate, key;  // files
    std::string clients;           // the CA of whom it takes; empty: anybody
  };
  // `most`: it ends the connection after so many bytes, at once.
  explicit SyslogServer(std::optional<Tls> tls = std::nullopt, size_t most = SIZE_MAX)
      : tls_(std::move(tls)), most_(most), socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_, 1), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~SyslogServer() { Received(); }

  int port() const { return port_; }
  // All that came, once the connection has ended; one that never came is not waited for.
  const std::string& Received() {
    shutdown(socket_, SHUT_RD);
    if (thread_.joinable()) thread_.join();
    if (socket_ >= 0) close(std::exchange(socket_, -1));
    return received_;
  }
  // By their lengths; "torn" where these don't hold.
  std::vector<std::string> Messages() {
    std::vector<std::string> messages;
    absl::string_view left = Received();
    while (!left.empty()) {
      const size_t space = left.find(' ');
      size_t size = 0;
      if (space == left.npos || !absl::SimpleAtoi(left.substr(0, space), &size) ||
          size > left.size() - space - 1) {
        messages.push_back("torn");
        break;
      }
      messages.emplace_back(left.substr(space + 1, size));
      left.remove_prefix(space + 1 + size);
    }
    return messages;
  }

 private:
  void Serve() {
    const int peer = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    if (tls_) {
      ServeTls(peer);
    } else {
      char bytes[4096];
      for (ssize_t n; received_.size() < most_ && (n = read(peer, bytes, sizeof(bytes))) > 0;) {
        received_.append(bytes, static_cast<size_t>(n));
      }
    }
    close(peer);
  }
  void ServeTls(int peer) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), tls_->certificate.c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), tls_->key.c_str(), SSL_FILETYPE_PEM), 1);
    if (!tls_->clients.empty()) {
      EXPECT_EQ(SSL_CTX_load_verify_file(context.get(), tls_->clients.c_str()), 1);
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), SSL_free);
    SSL_set_fd(tls.get(), peer);
    if (SSL_accept(tls.get()) != 1) return;
    char bytes[4096];
    for (int n; received_.size() < most_ && (n = SSL_read(tls.get(), bytes, sizeof(bytes))) > 0;) {
      received_.append(bytes, static_cast<size_t>(n));
    }
    SSL_shutdown(tls.get());
  }

  const std::optional<Tls> tls_;
  const size_t most_;
  int socket_;
  int port_ = 0;
  std::string received_;
  std::thread thread_;
};

class AuditExportSyslogTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    AddEntries(20);
  }
  void AddEntries(int count) {
    for (int i = 0; i < count; ++i) {
      service_->gateway.entries.push_back(
          absl::StrCat("{\"v\":1,\"type\":\"decision\",\"time_ms\":",
                       1798761600000 + service_->gateway.entries.size(),
                       ",\"operation\":\"READ\",\"result\":\"PERMIT\"}"));
    }
  }
  // The certificate of a server of these names, by a CA of its own.
  SyslogServer::Tls MakeTls(const std::string& dns_name, const std::string& ip_address) {
    const pki::Validity lasting{absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)};
    const pki::Credential ca = *pki::MakeRoot(pki::CaSpec("syslog CA", "syslog.example", lasting));
    const pki::Credential server = *pki::MakeCertificate(
        pki::ServerSpec("spiffe://syslog.example/server", {dns_name}, {ip_address}, lasting), ca);
    const pki::Credential client =
        *pki::MakeCertificate(pki::ClientSpec("spiffe://syslog.example/sender", lasting), ca);
    service_->Write("syslog-ca.pem", ca.certificate);
    service_->Write("syslog.pem", server.certificate);
    service_->Write("syslog.key", *server.key.ToPem());
    service_->Write("sender.pem", client.certificate);
    service_->Write("sender.key", *client.key.ToPem());
    return {directory_ + "/syslog.pem", directory_ + "/syslog.key", ""};
  }
  std::string Cursor() const { return ReadFile(directory_ + "/cursor").value_or(""); }
  static constexpr char kExport[] = "audit export --resume cursor --syslog ";
};

TEST_F(AuditExportSyslogTest, SendsEachEntryAsAMessageByItsLength) {
  SyslogServer server;
  const Outcome sent = Run(absl::StrCat(kExport, "tcp://127.0.0.1:", server.port()));
  EXPECT_EQ(sent.code, kDone) << sent.err;
  EXPECT_EQ(sent.out, "");
  const std::vector<std::string> messages = server.Messages();
  ASSERT_THAT(messages, SizeIs(20));
  // The very lines that a file would have.
  std::string lines;
  for (const std::string& message : messages) absl::StrAppend(&lines, message, "\n");
  EXPECT_EQ(lines, Run("audit export --format syslog").out);
  EXPECT_THAT(Cursor(), HasSubstr("\"next_index\":20}"));
}

TEST_F(AuditExportSyslogTest, GoesOnWhereTheLastOneEnded) {
  {
    SyslogServer server;
    EXPECT_EQ(Run(absl::StrCat(kExport, "tcp://127.0.0.1:", server.port())).code, kDone);
  }
  AddEntries(3);
  SyslogServer server;
  EXPECT_EQ(Run(absl::StrCat(kExport, "tcp://127.0.0.1:", server.port())).code, kDone);
  ASSERT_THAT(server.Messages(), SizeIs(3));
  EXPECT_THAT(server.Messages()[0], HasSubstr("index=\"20\""));
}

TEST_F(AuditExportSyslogTest, SendsOverTlsToWhoIsNamed) {
  SyslogServer server(MakeTls("syslog.example", "127.0.0.1"));
  const Outcome sent =
      Run(absl::StrCat(kExport, "tls://127.0.0.1:", server.port(), " --syslog-ca syslog-ca.pem"));
  EXPECT_EQ(sent.code, kDone) << sent.err;
  EXPECT_THAT(server.Messages(), SizeIs(20));
}

TEST_F(AuditExportSyslogTest, ShowsAServerThatAsksWhoSends) {
  SyslogServer::Tls tls = MakeTls("localhost", "127.0.0.1");
  tls.clients = directory_ + "/syslog-ca.pem";
  const std::string as_sender =
      " --syslog-ca syslog-ca.pem --syslog-certificate sender.pem --syslog-key sender.key";
  {
    SyslogServer server(tls);
    const Outcome sent = Run(absl::StrCat(kExport, "tls://localhost:", server.port(), as_sender));
    EXPECT_EQ(sent.code, kDone) << sent.err;
    EXPECT_THAT(server.Messages(), SizeIs(20));
  }
  service_->Write("cursor", "{\"origin\":\"gateway.example/log/1\",\"next_index\":0}\n");
  SyslogServer server(tls);
  ExpectError(
      absl::StrCat(kExport, "tls://localhost:", server.port(), " --syslog-ca syslog-ca.pem"),
      kUnavailable, "tls://localhost:");
  EXPECT_THAT(Cursor(), HasSubstr("\"next_index\":0}"));
}

TEST_F(AuditExportSyslogTest, SendsNothingToWhoIsNotTheOneNamed) {
  {
    SyslogServer server(MakeTls("syslog.example", "127.0.0.2"));
    ExpectError(
        absl::StrCat(kExport, "tls://127.0.0.1:", server.port(), " --syslog-ca syslog-ca.pem"),
        kUnavailable, "IP address mismatch");
    EXPECT_EQ(server.Received(), "");
  }
  {
    SyslogServer server(MakeTls("syslog.example", "127.0.0.1"));
    ExpectError(
        absl::StrCat(kExport, "tls://localhost:", server.port(), " --syslog-ca syslog-ca.pem"),
        kUnavailable, "hostname mismatch");
  }
  {
    SyslogServer server(MakeTls("localhost", "127.0.0.1"));
    // Nobody whom this machine trusts vouches for it.
    ExpectError(absl::StrCat(kExport, "tls://127.0.0.1:", server.port()), kUnavailable,
                "certificate");
    EXPECT_EQ(server.Received(), "");
  }
  // A server without TLS.
  SyslogServer server(std::nullopt, 1);
  ExpectError(
      absl::StrCat(kExport, "tls://127.0.0.1:", server.port(), " --syslog-ca syslog-ca.pem"),
      kUnavailable, "");
  EXPECT_EQ(Cursor(), "");
}

TEST_F(AuditExportSyslogTest, TheCursorStaysWhereTheServerEndedTheConnection) {
  AddEntries(1980);
  for (const bool is_tls : {false, true}) {
    std::optional<SyslogServer::Tls> tls;
    if (is_tls) tls = MakeTls("localhost", "127.0.0.1");
    SyslogServer server(tls, 100);
    // It is gone when the second page comes.
    service_->gateway.lie = [&](v1::ListEntriesResponse& page) {
      if (page.entries_size() > 0 && page.entries(0).index() > 0) server.Received();
    };
    ExpectError(absl::StrCat(kExport, is_tls ? "tls" : "tcp", "://127.0.0.1:", server.port(),
                             is_tls ? " --syslog-ca syslog-ca.pem" : ""),
                kUnavailable, "://127.0.0.1:");
    EXPECT_THAT(Cursor(), Not(HasSubstr("\"next_index\":2000}")));
    service_->Write("cursor", "{\"origin\":\"gateway.example/log/1\",\"next_index\":0}\n");
  }
}

TEST_F(AuditExportSyslogTest, SaysWhatItCantReach) {
  int port = 0;
  {
    SyslogServer server;
    port = server.port();
  }
  ExpectError(absl::StrCat(kExport, "tcp://127.0.0.1:", port), kUnavailable, "Connection refused");
  ExpectError(absl::StrCat(kExport, "tcp://nobody.invalid:601"), kUnavailable, "nobody.invalid");
}

TEST_F(AuditExportSyslogTest, RefusesWhatIsNoServer) {
  for (const char* const server :
       {"127.0.0.1:601", "udp://127.0.0.1:514", "tcp://", "tcp://:601", "tcp://host:0",
        "tcp://host:65536", "tcp://host:port", "tls://[::1", "tls://host/path", "tls://me@host"}) {
    ExpectError(absl::StrCat(kExport, server), kUsage, "is no server");
  }
  ExpectError("audit export --syslog tls://host --out file", kUsage, "--out");
  ExpectError("audit export --syslog tls://host --format cef", kUsage, "--format");
  ExpectError("audit export --syslog-ca ca.pem", kUsage, "--syslog");
  ExpectError("audit export --syslog tls://host --syslog-certificate c.pem", kUsage,
              "--syslog-key");
}

}  // namespace
}  // namespace sluice::client
