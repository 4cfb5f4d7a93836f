#include "server/witness_https.h"

#include <httplib.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {
namespace {

constexpr size_t kMostBytes = 64 << 10;

class Https final : public WitnessTransport {
 public:
  Https(const WitnessUrl& url, const std::string& ca_file, absl::Duration within)
      : path_(url.prefix + "/add-checkpoint"), client_(url.host, url.port) {
    const timeval t = absl::ToTimeval(within);
    client_.set_connection_timeout(t.tv_sec, t.tv_usec);
    client_.set_read_timeout(t.tv_sec, t.tv_usec);
    client_.set_write_timeout(t.tv_sec, t.tv_usec);
    client_.set_ca_cert_path(ca_file);
    client_.enable_server_certificate_verification(true);
    client_.set_follow_location(false);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_socket_options([this](socket_t socket) { Hold(socket); });
  }
  ~Https() override { Hold(-1); }

  absl::StatusOr<WitnessAnswer> Post(const std::string& body) override {
    WitnessAnswer answer;
    httplib::Request request;
    request.method = "POST";
    request.path = path_;
    request.body = body;
    request.set_header("Content-Type", "text/plain; charset=utf-8");
    request.content_receiver = [&answer](const char* data, size_t size, uint64_t, uint64_t) {
      if (answer.body.size() + size > kMostBytes) return false;
      answer.body.append(data, size);
      return true;
    };
    // The library speaks by exceptions where it does not by its errors.
    try {
      const httplib::Result result = client_.send(request);
      if (!result) return Failed(result.error());
      answer.status = result->status;
      answer.content_type = result->get_header_value("Content-Type");
      return answer;
    } catch (const std::exception&) {
      return absl::UnavailableError("its answer can't be read");
    }
  }

  // Whatever the library waits for on the socket then fails at once. Its own `stop` waits for a
  // handshake that is under way.
  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
  }

 private:
  // A descriptor of our own for the socket, because the library closes its when it likes.
  void Hold(int socket) {
    absl::MutexLock lock(&mutex_);
    if (socket_ >= 0) close(socket_);
    socket_ = socket < 0 ? -1 : dup(socket);
  }

  absl::Status Failed(httplib::Error error) const {
    if (error == httplib::Error::SSLServerVerification) {
      return absl::UnavailableError("its certificate is not one of its CA for its name");
    }
    return absl::UnavailableError(absl::StrCat("no answer: ", httplib::to_string(error)));
  }

  const std::string path_;
  absl::Mutex mutex_;
  int socket_ ABSL_GUARDED_BY(mutex_) = -1;
  httplib::SSLClient client_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WitnessTransport>> ConnectWitness(const WitnessConfig& config,
                                                                 absl::Duration within) {
  const absl::StatusOr<WitnessUrl> url = ParseWitnessUrl(config.url);
  if (!url.ok()) return url.status();
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr ||
      SSL_CTX_load_verify_locations(context.get(), config.ca_file.c_str(), nullptr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("its CA file can't be read: ", config.ca_file));
  }
  return std::make_unique<Https>(*url, config.ca_file, within);
}

}  // namespace sluice::server
