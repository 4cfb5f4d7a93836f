// When to ask again, and after how long: exponential backoff with full jitter, for calls that are
// safe to repeat (reads, and publishes under the same `request_id`). What the gateway asks for
// (google.rpc.RetryInfo) is honored.
//
// One a call; not thread-safe.
#ifndef SLUICE_CLIENT_RETRY_H_
#define SLUICE_CLIENT_RETRY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::client {

struct RetryPolicy {
  int max_attempts = 6;  // in a row without progress; 1: never again
  absl::Duration first = absl::Milliseconds(200);
  absl::Duration longest = absl::Seconds(15);
  // A delay that the gateway asks for is waited for up to this; a longer one is the caller's
  // affair.
  absl::Duration longest_asked = absl::Minutes(2);
};

// Where time and chance come from.
struct RetryEnvironment {
  std::function<void(absl::Duration)> sleep;
  std::function<double()> random;  // in [0, 1)

  // The machine's own.
  static RetryEnvironment System();
};

class Retry {
 public:
  Retry(RetryPolicy policy, RetryEnvironment environment);

  // After a failed attempt: waits and returns OK if another is worth making, else `error` itself.
  // UNAVAILABLE always is; another code only with a RetryInfo.
  absl::Status Again(const absl::Status& error);
  // Something arrived: the next failure is a first one.
  void Progress() { attempts_ = 1; }
  // How often Again said yes.
  int retries() const { return retries_; }

  // Calls until it succeeds or is not worth repeating. `call` returns StatusOr.
  template <typename Call>
  auto Run(Call&& call) -> decltype(call()) {
    while (true) {
      auto answer = call();
      if (answer.ok()) return answer;
      const absl::Status again = Again(answer.status());
      if (!again.ok()) return again;
    }
  }

 private:
  const RetryPolicy policy_;
  const RetryEnvironment environment_;
  int attempts_ = 1;
  int retries_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_RETRY_H_
