#include "server/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

// For the store, the log's files, a reload, and what gRPC itself needs.
constexpr int kOwnDescriptors = 256;
// Without a descriptor nothing can be accepted, and the connection that waits keeps poll awake.
constexpr int kPauseMs = 100;

absl::Status CantListen(const std::string& address, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("can't listen on ", address, ": ", why));
}

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

void SetPort(sockaddr* address, int port) {
  const in_port_t wire = htons(static_cast<uint16_t>(port));
  if (address->sa_family == AF_INET) reinterpret_cast<sockaddr_in*>(address)->sin_port = wire;
  if (address->sa_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(address)->sin6_port = wire;
}

int PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// The lowest free descriptor is what a connection gets. So its number says how many there are at
// least, and nobody has to count those that end.
int HighestDescriptor(int most) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > (1 << 30)) {
    return most + kOwnDescriptors;
  }
  const int all = static_cast<int>(limit.rlim_cur);
  return std::min(most + kOwnDescriptors, all - std::min(kOwnDescriptors, all / 4));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const std::string& address) {
  std::unique_ptr<Listener> listener(new Listener);
  if (pipe2(listener->wake_, O_CLOEXEC) != 0) return CantListen(address, strerror(errno));
  if (absl::Status status = listener->Bind(address); !status.ok()) return status;
  return listener;
}

absl::Status Listener::Bind(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port_) ||
      port_ < 0 || port_ > 65535) {
    return CantListen(address, "it is no HOST:PORT");
  }
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return CantListen(address, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    const int fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return CantListen(address, strerror(errno));
    sockets_.push_back(fd);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    SetPort(one->ai_addr, port_);
    if (bind(fd, one->ai_addr, one->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
      return CantListen(address, strerror(errno));
    }
    port_ = PortOf(fd);
  }
  return absl::OkStatus();
}

void Listener::Start(Accept accept) {
  absl::MutexLock lock(&mutex_);
  thread_ = std::thread([this, accept = std::move(accept)] { Run(accept); });
}

void Listener::Stop() {
  absl::MutexLock lock(&mutex_);
  close(std::exchange(wake_[1], -1));
  if (thread_.joinable()) thread_.join();
  for (const int socket : sockets_) close(socket);
  sockets_.clear();
  close(std::exchange(wake_[0], -1));
}

void Listener::Run(const Accept& accept) {
  std::vector<pollfd> waited = {{wake_[0], POLLIN, 0}};
  for (const int socket : sockets_) waited.push_back({socket, POLLIN, 0});
  for (;;) {
    if (poll(waited.data(), waited.size(), -1) < 0) continue;
    // Its other end is closed: that is Stop.
    if (waited[0].revents != 0) return;
    for (size_t i = 1; i < waited.size(); ++i) {
      if (waited[i].revents != 0) TakeFrom(waited[i].fd, accept);
    }
  }
}

void Listener::TakeFrom(int socket, const Accept& accept) {
  const int connection = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection < 0) {
    const bool none_waits = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
    if (none_waits) return;
    pollfd stopping = {wake_[0], POLLIN, 0};
    poll(&stopping, 1, kPauseMs);
    return;
  }
  if (connection > HighestDescriptor(most_)) {
    ++turned_away_;
    close(connection);
    return;
  }
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  accept(connection);
}

}  // namespace sluice::server
