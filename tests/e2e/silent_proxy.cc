#include "tests/e2e/silent_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace sluice::tests {
namespace {

constexpr int kTurnMs = 10;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// False at the end of either side.
bool Pass(int from, int to) {
  char bytes[16 << 10];
  const ssize_t got = recv(from, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t wrote = send(to, bytes + sent, got - sent, MSG_NOSIGNAL);
    if (wrote <= 0) return false;
    sent += wrote;
  }
  return true;
}

}  // namespace

SilentProxy::SilentProxy(int target_port) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 1) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this, target_port] { Run(target_port); });
}

SilentProxy::~SilentProxy() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void SilentProxy::Run(int target_port) {
  pollfd ready{listener_, POLLIN, 0};
  while (poll(&ready, 1, kTurnMs) == 0) {
    if (stopping_) return;
  }
  const int client = accept(listener_, nullptr, nullptr);
  const int gateway = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(target_port);
  bool open = connect(gateway, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  while (!stopping_) {
    pollfd ends[] = {{client, POLLIN, 0}, {gateway, POLLIN, 0}};
    if (!open || silent_) {
      poll(nullptr, 0, kTurnMs);
      continue;
    }
    poll(ends, 2, kTurnMs);
    if (ends[0].revents != 0) open = Pass(client, gateway);
    if (open && ends[1].revents != 0) {
      open = Pass(gateway, client);
      ++from_gateway_;
    }
  }
  close(client);
  close(gateway);
}

}  // namespace sluice::tests
