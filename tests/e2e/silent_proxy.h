// A connection between a client and a gateway that a test can make fall silent: both ends stay
// open, and nothing passes any more, as when a machine on the way is switched off.
//
// One connection. Its own thread passes bytes on; the rest may be called from any.
#ifndef SLUICE_TESTS_E2E_SILENT_PROXY_H_
#define SLUICE_TESTS_E2E_SILENT_PROXY_H_

#include <atomic>
#include <thread>

namespace sluice::tests {

class SilentProxy {
 public:
  // Listens on loopback; passes on to this port of it.
  explicit SilentProxy(int target_port);
  ~SilentProxy();
  SilentProxy(const SilentProxy&) = delete;
  SilentProxy& operator=(const SilentProxy&) = delete;

  int port() const { return port_; }
  // How often something came from the gateway.
  int from_gateway() const { return from_gateway_; }
  void FallSilent() { silent_ = true; }

 private:
  void Run(int target_port);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> from_gateway_ = 0;
  std::atomic<bool> silent_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_SILENT_PROXY_H_
