#include "tests/e2e/crowd.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/string_view.h"

namespace sluice::tests {
namespace {

// A TLS 1.2 record's header that announces a handshake of 512 bytes, and 2 of them.
constexpr absl::string_view kBeginOfHello("\x16\x03\x01\x02\x00\x01\x00", 7);
// HTTP/2: the client's preface, empty SETTINGS, and the acknowledgement of the server's.
constexpr absl::string_view kPreface(
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\0\0\0\x04\0\0\0\0\0"
    "\0\0\0\x04\x01\0\0\0\0",
    24 + 9 + 9);
constexpr unsigned char kHttp2[] = {2, 'h', '2'};
constexpr timeval kPatience = {.tv_sec = 30};

}  // namespace

Crowd::Crowd(int port, const std::string& ca_file, const Identity& identity)
    : port_(port), context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* const context = context_.get();
  if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, identity.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, identity.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_set_alpn_protos(context, kHttp2, sizeof kHttp2) != 0) {
    Must(absl::InternalError("no TLS for the crowd"));
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

int Crowd::Join(Member member, int count) {
  for (int joined = 0; joined < count; ++joined) {
    if (!JoinOne(member)) return joined;
  }
  return count;
}

bool Crowd::JoinOne(Member member) {
  One one{.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .tls = nullptr};
  if (one.socket < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port_));
  setsockopt(one.socket, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  bool joined = connect(one.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  switch (member) {
    case Member::kMute:
      break;
    case Member::kHalf:
      joined = joined && send(one.socket, kBeginOfHello.data(), kBeginOfHello.size(),
                              MSG_NOSIGNAL) == static_cast<ssize_t>(kBeginOfHello.size());
      break;
    case Member::kStands:
      joined = joined && StandUp(one);
      break;
  }
  if (joined) {
    members_.push_back(std::move(one));
  } else {
    close(one.socket);
  }
  return joined;
}

bool Crowd::StandUp(One& one) {
  one.tls.reset(SSL_new(context_.get()));
  char answer[64];
  return SSL_set1_host(one.tls.get(), "localhost") == 1 &&
         SSL_set_fd(one.tls.get(), one.socket) == 1 && SSL_connect(one.tls.get()) == 1 &&
         SSL_write(one.tls.get(), kPreface.data(), static_cast<int>(kPreface.size())) > 0 &&
         SSL_read(one.tls.get(), answer, sizeof answer) > 0;
}

int Crowd::Standing() const {
  return static_cast<int>(std::count_if(members_.begin(), members_.end(), [](const One& one) {
    char byte;
    // What was sent and not read (settings, session tickets) is not the end, and hides it.
    for (;;) {
      const ssize_t got = recv(one.socket, &byte, 1, MSG_DONTWAIT);
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN;
    }
  }));
}

void Crowd::Leave() {
  for (const One& one : members_) close(one.socket);
  members_.clear();
}

int Crowd::RaiseDescriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return static_cast<int>(std::min<rlim_t>(files.rlim_cur, 1 << 30));
}

}  // namespace sluice::tests
