#include "client/retry.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "client/error.h"

namespace sluice::client {

RetryEnvironment RetryEnvironment::System() {
  auto generator = std::make_shared<absl::BitGen>();
  return {[](absl::Duration d) { absl::SleepFor(d); },
          [generator] { return absl::Uniform(*generator, 0.0, 1.0); }};
}

Retry::Retry(RetryPolicy policy, RetryEnvironment environment)
    : policy_(policy), environment_(std::move(environment)) {}

absl::Status Retry::Again(const absl::Status& error) {
  const ErrorDetail detail = ErrorOf(error);
  if (!absl::IsUnavailable(error) && !detail.retry_delay.has_value()) return error;
  if (attempts_ >= policy_.max_attempts) return error;
  if (detail.retry_delay.value_or(absl::ZeroDuration()) > policy_.longest_asked) return error;

  absl::Duration ceiling = policy_.first;
  for (int i = 1; i < attempts_ && ceiling < policy_.longest; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, policy_.longest);
  // Jitter comes on top of what the gateway asked for, or all its callers would return at once.
  const absl::Duration delay =
      detail.retry_delay.value_or(absl::ZeroDuration()) + ceiling * environment_.random();
  ++attempts_;
  ++retries_;
  environment_.sleep(delay);
  return absl::OkStatus();
}

}  // namespace sluice::client
