// A witness over HTTPS: `POST /add-checkpoint`, and nothing else. What strangers may take of it is
// bounded: threads, connections that wait, bytes and time.
//
// Run is one thread's; Stop may come from any other.
#ifndef SLUICE_CLIENT_WITNESS_WITNESS_SERVER_H_
#define SLUICE_CLIENT_WITNESS_WITNESS_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/witness/witness.h"

namespace sluice::witness {

struct WitnessServerOptions {
  std::string host;
  int port = 0;             // 0: any that is free
  std::string certificate;  // PEM files: the chain, the server's own first
  std::string key;
  int threads = 16;  // each serves one connection at a time
  absl::Duration request_within = absl::Seconds(10);
  absl::Duration idle_within = absl::Seconds(5);  // between a connection's requests
};

class WitnessServer {
 public:
  // Binds. `log` is called after each request, by one thread at a time. FAILED_PRECONDITION if the
  // certificate or the address can't be used.
  static absl::StatusOr<std::unique_ptr<WitnessServer>> Create(
      const WitnessServerOptions& options, Witness* witness,
      std::function<void(const WitnessAnswer&)> log);
  ~WitnessServer();

  int port() const;
  // Until Stop; then what was begun is answered. INTERNAL if it ends without.
  absl::Status Run();
  void Stop();

 private:
  struct Rep;
  explicit WitnessServer(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_WITNESS_SERVER_H_
