#include "client/witness/witness_server.h"

#include <httplib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <deque>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/witness/connection_watch.h"

namespace sluice::witness {
namespace {

// Threads that serve a connection each. One more that nobody is free for makes the library wait
// before it accepts others: what waits then waits in the system, which has a bound.
class BoundedThreads final : public httplib::TaskQueue {
 public:
  BoundedThreads(int count, ConnectionWatch* watch) : count_(count), watch_(watch) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { Serve(); });
  }

  void enqueue(std::function<void()> job) override {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &BoundedThreads::HasRoom));
    jobs_.push_back(std::move(job));
  }
  void shutdown() override {
    {
      absl::MutexLock lock(&mutex_);
      is_ending_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return jobs_.size() < static_cast<size_t>(count_);
  }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_ending_ || !jobs_.empty();
  }
  void Serve() {
    while (true) {
      std::function<void()> job;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &BoundedThreads::HasWork));
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
      watch_->Release();
    }
  }

  const int count_;
  ConnectionWatch* const watch_;
  std::vector<std::thread> threads_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status TlsError(absl::string_view what, const std::string& path) {
  char text[256] = "it can't be used";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof(text));
  }
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat(what, " ", path, ": ", text));
}

// The first byte of a handshake is where a connection begins.
void OnTlsState(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  auto* watch = static_cast<ConnectionWatch*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  watch->Hold(SSL_get_fd(ssl));
}

absl::Status SetUpTls(SSL_CTX* context, const WitnessServerOptions& options,
                      ConnectionWatch* watch) {
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    return TlsError("TLS for", options.host);
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  // An encrypted key is an error: nobody is there to be asked.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1) {
    return TlsError("the TLS certificate", options.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return TlsError("the TLS key", options.key);
  }
  SSL_CTX_set_app_data(context, watch);
  SSL_CTX_set_info_callback(context, OnTlsState);
  return absl::OkStatus();
}

void Answer(const WitnessAnswer& answer, httplib::Response& response) {
  response.status = answer.status;
  response.set_content(answer.body, answer.content_type);
}

}  // namespace

struct WitnessServer::Rep {
  Rep(const WitnessServerOptions& options, Witness* witness,
      std::function<void(const WitnessAnswer&)> log)
      : watch(options.request_within + options.idle_within),
        tls(absl::OkStatus()),
        server([&](SSL_CTX& context) {
          tls = SetUpTls(&context, options, &watch);
          return tls.ok();
        }),
        witness(witness),
        log(std::move(log)) {}

  void Tell(const WitnessAnswer& answer) {
    absl::MutexLock lock(&mutex);
    log(answer);
  }
  // What is refused before a witness is asked.
  void Refuse(int status, absl::string_view detail, httplib::Response& response) {
    WitnessAnswer answer;
    answer.status = status;
    answer.event = "refused";
    answer.detail = std::string(detail);
    answer.body = absl::StrCat(detail, "\n");
    // What is left of the body is no request.
    response.set_header("Connection", "close");
    Answer(answer, response);
    Tell(answer);
  }
  void AddCheckpoint(const httplib::Request& request, httplib::Response& response,
                     const httplib::ContentReader& read) {
    // Nothing is unpacked: a few bytes may be many.
    if (request.has_header("Content-Encoding") || request.is_multipart_form_data()) {
      Refuse(415, "the body must be the request itself", response);
      return;
    }
    std::string body;
    bool fits = true;
    const bool is_whole = read([&](const char* data, size_t size) {
      fits = body.size() + size <= kMaxRequestBytes;
      if (fits) body.append(data, size);
      return fits;
    });
    if (!fits) {
      Refuse(413, "the request is larger than 64 KiB", response);
    } else if (!is_whole) {
      Refuse(response.status >= 400 ? response.status : 400, "the request is not whole", response);
    } else {
      const WitnessAnswer answer = witness->AddCheckpoint(body);
      Answer(answer, response);
      Tell(answer);
    }
  }

  ConnectionWatch watch;
  absl::Status tls;
  httplib::SSLServer server;
  Witness* const witness;
  int port = 0;
  absl::Mutex mutex;
  bool is_stopped ABSL_GUARDED_BY(mutex) = false;
  bool is_accepting ABSL_GUARDED_BY(mutex) = false;  // by Run
  const std::function<void(const WitnessAnswer&)> log ABSL_GUARDED_BY(mutex);
};

WitnessServer::WitnessServer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
WitnessServer::~WitnessServer() = default;
int WitnessServer::port() const { return rep_->port; }

absl::StatusOr<std::unique_ptr<WitnessServer>> WitnessServer::Create(
    const WitnessServerOptions& options, Witness* witness,
    std::function<void(const WitnessAnswer&)> log) {
  auto made = std::make_unique<Rep>(options, witness, std::move(log));
  if (!made->tls.ok()) return made->tls;
  Rep* const rep = made.get();
  httplib::SSLServer& server = rep->server;
  if (!server.is_valid()) return absl::FailedPreconditionError("TLS can't be set up");
  const timeval request = absl::ToTimeval(options.request_within);
  server.set_read_timeout(request.tv_sec, request.tv_usec);
  server.set_write_timeout(request.tv_sec, request.tv_usec);
  server.set_keep_alive_timeout(
      absl::ToInt64Seconds(absl::Ceil(options.idle_within, absl::Seconds(1))));
  server.set_keep_alive_max_count(100);
  // By default the library lets another process listen at the same port.
  server.set_socket_options([](int socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.set_payload_max_length(kMaxRequestBytes);
  server.set_tcp_nodelay(true);
  server.new_task_queue = [rep, threads = options.threads] {
    return new BoundedThreads(threads, &rep->watch);
  };
  server.Post("/add-checkpoint", [rep](const httplib::Request& request, httplib::Response& response,
                                       const httplib::ContentReader& read) {
    rep->AddCheckpoint(request, response, read);
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response,
                                  std::exception_ptr) { response.status = 500; });
  server.set_logger(
      [rep](const httplib::Request&, const httplib::Response&) { rep->watch.Renew(); });
  if (options.port == 0) {
    rep->port = server.bind_to_any_port(options.host);
  } else if (server.bind_to_port(options.host, options.port)) {
    rep->port = options.port;
  }
  if (rep->port <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't listen at ", options.host, ":", options.port));
  }
  return absl::WrapUnique(new WitnessServer(std::move(made)));
}

absl::Status WitnessServer::Run() {
  {
    absl::MutexLock lock(&rep_->mutex);
    if (rep_->is_stopped) return absl::OkStatus();
    rep_->is_accepting = true;
  }
  (void)rep_->server.listen_after_bind();
  absl::MutexLock lock(&rep_->mutex);
  rep_->is_accepting = false;
  if (rep_->is_stopped) return absl::OkStatus();
  return absl::InternalError("connections can't be accepted any more");
}

void WitnessServer::Stop() {
  rep_->watch.StopReading();
  absl::MutexLock lock(&rep_->mutex);
  if (std::exchange(rep_->is_stopped, true)) return;
  // The library forgets a stop that comes before it accepts, and bears only one.
  while (rep_->is_accepting && !rep_->server.is_running()) {
    rep_->mutex.AwaitWithTimeout(
        absl::Condition(
            +[](bool* accepting) { return !*accepting; }, &rep_->is_accepting),
        absl::Milliseconds(1));
  }
  if (rep_->is_accepting) rep_->server.stop();
}

}  // namespace sluice::witness
