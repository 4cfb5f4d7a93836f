#include "tests/support/cutting_proxy.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (path.size() >= sizeof address.sun_path) abort();
  path.copy(address.sun_path, path.size());
  return address;
}

// All of it, or not: what a test sends is small, and the peer reads.
bool SendAll(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

bool Receive(int fd, std::string& bytes) {
  bytes.resize(256 << 10);
  const ssize_t n = recv(fd, bytes.data(), bytes.size(), 0);
  bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return n > 0;
}

}  // namespace

CuttingProxy::CuttingProxy(const std::string& directory, int port, const std::string& server_socket)
    : path_(absl::StrCat(directory, "/.s.PGSQL.", port)), server_socket_(server_socket) {
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path_);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 16) != 0 || pipe(wake_) != 0) {
    abort();
  }
  thread_ = std::thread([this] { Run(); });
}

CuttingProxy::~CuttingProxy() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (write(wake_[1], "x", 1) != 1) abort();
  thread_.join();
  for (Pair& pair : pairs_) Close(pair);
  close(listener_);
  close(wake_[0]);
  close(wake_[1]);
}

void CuttingProxy::CutAt(Cut cut, const std::string& word) {
  absl::MutexLock lock(&mutex_);
  cut_ = cut;
  word_ = word;
}

void CuttingProxy::AwaitCut() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](Cut* cut) { return *cut == Cut::kNone; }, &cut_));
}

void CuttingProxy::Hang() {
  {
    absl::MutexLock lock(&mutex_);
    hang_ = true;
  }
  if (write(wake_[1], "x", 1) != 1) abort();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](bool* hang) { return !*hang; }, &hang_));
}

void CuttingProxy::HangAll() {
  {
    absl::MutexLock lock(&mutex_);
    hang_new_ = true;
  }
  Hang();
}

void CuttingProxy::Heal() {
  absl::MutexLock lock(&mutex_);
  hang_new_ = false;
}

void CuttingProxy::Run() {
  for (;;) {
    std::vector<pollfd> fds = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      fds.push_back({pair.hangs ? -1 : pair.client, POLLIN, 0});
      fds.push_back({pair.hangs ? -1 : pair.server, POLLIN, 0});
    }
    if (poll(fds.data(), fds.size(), -1) < 0) abort();
    size_t at = 2;
    for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
      bool stands = true;
      if (fds[at].revents != 0) stands = FromClient(*pair);
      if (stands && !pair->hangs && fds[at + 1].revents != 0) stands = FromServer(*pair);
      if (!stands) Close(*pair);
      pair = stands ? std::next(pair) : pairs_.erase(pair);
    }
    char byte;
    if (fds[1].revents != 0 && read(wake_[0], &byte, 1) != 1) abort();
    {
      absl::MutexLock lock(&mutex_);
      if (stop_) return;
      if (std::exchange(hang_, false)) {
        for (Pair& pair : pairs_) pair.hangs = true;
      }
    }
    if (fds[0].revents != 0) Accept();
  }
}

void CuttingProxy::Accept() {
  Pair pair{.client = accept(listener_, nullptr, nullptr),
            .server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const sockaddr_un address = AddressOf(server_socket_);
  if (pair.client < 0 ||
      connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Close(pair);
  }
  absl::MutexLock lock(&mutex_);
  pair.hangs = hang_new_;
  pairs_.push_back(pair);
}

bool CuttingProxy::FromClient(Pair& pair) {
  std::string bytes;
  if (!Receive(pair.client, bytes)) return false;
  absl::MutexLock lock(&mutex_);
  if (cut_ == Cut::kNone || bytes.find(word_) == std::string::npos) {
    return SendAll(pair.server, bytes);
  }
  switch (cut_) {
    case Cut::kNone:
    case Cut::kBefore:
      cut_ = Cut::kNone;
      return false;
    case Cut::kAfter:
      pair.cut_after = true;
      return SendAll(pair.server, bytes);
    case Cut::kHidden:
      cut_ = Cut::kNone;
      close(std::exchange(pair.client, -1));
      pair.hangs = true;
      return true;
    case Cut::kHang:
      cut_ = Cut::kNone;
      hang_ = true;
      return true;
  }
  return false;
}

bool CuttingProxy::FromServer(Pair& pair) {
  std::string bytes;
  if (!Receive(pair.server, bytes)) return false;
  if (!pair.cut_after) return SendAll(pair.client, bytes);
  absl::MutexLock lock(&mutex_);
  cut_ = Cut::kNone;
  return false;
}

void CuttingProxy::Close(Pair& pair) {
  if (pair.client >= 0) close(pair.client);
  if (pair.server >= 0) close(pair.server);
}

}  // namespace sluice::server
