#include "server/request_id.h"

#include <openssl/rand.h>

#include "absl/strings/escaping.h"

namespace sluice::server {

absl::StatusOr<RequestId> NewRequestId() {
  char bytes[16];
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes), sizeof bytes) != 1) {
    return absl::InternalError("the system has no randomness");
  }
  return absl::BytesToHexString(absl::string_view(bytes, sizeof bytes));
}

}  // namespace sluice::server
