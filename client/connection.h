// A connection to a gateway: gRPC over mTLS, from PEM files. gRPC shows a refused handshake as
// UNAVAILABLE "Socket closed"; here it becomes a sentence that names the likely causes and what the
// certificate says of itself. Keys are read, handed to TLS and wiped; they are never logged.
#ifndef SLUICE_CLIENT_CONNECTION_H_
#define SLUICE_CLIENT_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/gateway.h"

namespace sluice::client {

struct ConnectionOptions {
  std::string target;            // "gateway.example.org:8443"
  std::string ca_file;           // PEM: the CAs that the gateway's certificate may stand under
  std::string certificate_file;  // PEM: the leaf, then its intermediates
  std::string key_file;          // PEM
  std::string server_name;       // empty: the target's host
  absl::Duration deadline = absl::Seconds(30);  // of each unary call
};

// Fails where a file can't be read, is no PEM, or the key is not the certificate's; connects at the
// first call, and again whenever the connection was lost.
absl::StatusOr<std::unique_ptr<Gateway>> Connect(ConnectionOptions options);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_CONNECTION_H_
