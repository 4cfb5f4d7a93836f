// A witness's HTTPS server for one test, on a port of its own, with a CA of its own; what it says
// is the test's.
//
// Starts and stops with its life.
#ifndef SLUICE_TESTS_SUPPORT_HTTPS_WITNESS_H_
#define SLUICE_TESTS_SUPPORT_HTTPS_WITNESS_H_

#include <gtest/gtest.h>
#include <httplib.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/pki.h"

namespace sluice::tests {

class HttpsWitness {
 public:
  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

  // `names`: the DNS names that its certificate is for.
  explicit HttpsWitness(Handler handler, std::vector<std::string> names = {"localhost"}) {
    std::string directory = testing::TempDir() + "/sluice_witness_XXXXXX";
    directory_ = mkdtemp(directory.data()) == nullptr ? "" : directory;
    const pki::Validity validity{absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)};
    const pki::Credential root =
        pki::MakeRoot(pki::CaSpec("witness", "witness.example", validity)).value();
    const pki::Credential server =
        pki::MakeCertificate(
            pki::ServerSpec("spiffe://witness.example/witness", std::move(names), {}, validity),
            root)
            .value();
    Write("ca.pem", root.certificate);
    Write("server.pem", server.certificate);
    Write("server.key", server.key.ToPem().value());
    server_ = std::make_unique<httplib::SSLServer>((directory_ + "/server.pem").c_str(),
                                                   (directory_ + "/server.key").c_str());
    server_->Post(".*", std::move(handler));
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) absl::SleepFor(absl::Milliseconds(1));
  }
  ~HttpsWitness() {
    server_->stop();
    thread_.join();
  }
  HttpsWitness(const HttpsWitness&) = delete;
  HttpsWitness& operator=(const HttpsWitness&) = delete;

  std::string ca_file() const { return directory_ + "/ca.pem"; }
  int port() const { return port_; }
  std::string url(const std::string& host = "localhost") const {
    return absl::StrCat("https://", host, ":", port_);
  }

 private:
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }

  std::string directory_;
  std::unique_ptr<httplib::SSLServer> server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_SUPPORT_HTTPS_WITNESS_H_
