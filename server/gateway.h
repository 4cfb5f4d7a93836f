// The gateway: wires the parts and nothing else. Makes each from the configuration, in the order in
// which they stand on one another, serves until told to stop, and watches over their health.
//
// Thread-safe.
#ifndef SLUICE_SERVER_GATEWAY_H_
#define SLUICE_SERVER_GATEWAY_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config.h"

namespace sluice::server {

class Gateway {
 public:
  struct Options {
    // Start although the clock is more than a day ahead of the log's newest entry.
    bool accept_clock = false;
    // Serve from a store that was moved elsewhere, where it then must never be served.
    bool accept_moved = false;
    // The system's clock.
    std::function<absl::Time()> clock;
    // How often a silent client is asked whether it is there, and how long it has to answer, so
    // that one who vanished keeps no stream's place.
    absl::Duration ping_every = absl::Seconds(60);
    absl::Duration ping_timeout = absl::Seconds(20);
    // How long a connection may take until TLS stands.
    absl::Duration handshake_within = absl::Seconds(10);
    // How long a release waits for its reader to take a message.
    absl::Duration reader_within = absl::Minutes(10);
  };

  // Serves when it returns.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(Config config, Options options);
  virtual ~Gateway() = default;

  // The port that it listens on.
  virtual int port() const = 0;
  // Takes a changed configuration, certificates, CRLs and inbox into force; running streams go on.
  // The status of a failure says what is in force: nothing new, or all but the inbox.
  virtual absl::Status Reload(Config config) = 0;
  // Not OK once only a restart helps.
  virtual absl::Status Fatal() const = 0;
  // Takes no new calls, lets those that run end within the configured time, cancels the rest.
  virtual void Stop() = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_GATEWAY_H_
