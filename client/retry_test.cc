#include "client/retry.h"

#include <vector>

#include "absl/status/statusor.h"
#include "client/error.h"
#include "google/protobuf/any.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class RetryTest : public testing::Test {
 protected:
  RetryEnvironment Environment(double random) {
    return {[this](absl::Duration d) { slept_.push_back(d); }, [random] { return random; }};
  }
  static absl::Status WithDelay(absl::StatusCode code, int64_t seconds) {
    google::rpc::RetryInfo info;
    info.mutable_retry_delay()->set_seconds(seconds);
    google::rpc::Status wire;
    wire.add_details()->PackFrom(info);
    return MakeStatus(code, "later", wire.SerializeAsString());
  }

  std::vector<absl::Duration> slept_;
};

TEST_F(RetryTest, DoublesTheLongestDelayUpToItsBound) {
  RetryPolicy policy;
  policy.max_attempts = 6;
  policy.first = absl::Milliseconds(100);
  policy.longest = absl::Milliseconds(500);
  Retry retry(policy, Environment(1.0));
  const absl::Status error = absl::UnavailableError("gone");
  while (retry.Again(error).ok()) {
  }
  EXPECT_EQ(slept_, (std::vector<absl::Duration>{absl::Milliseconds(100), absl::Milliseconds(200),
                                                 absl::Milliseconds(400), absl::Milliseconds(500),
                                                 absl::Milliseconds(500)}));
  EXPECT_EQ(retry.retries(), 5);
}

TEST_F(RetryTest, JitterTakesAnyPartOfTheDelay) {
  Retry retry(RetryPolicy(), Environment(0.25));
  ASSERT_TRUE(retry.Again(absl::UnavailableError("gone")).ok());
  EXPECT_EQ(slept_.front(), RetryPolicy().first / 4);
}

TEST_F(RetryTest, ProgressMakesTheNextFailureAFirstOne) {
  RetryPolicy policy;
  policy.max_attempts = 2;
  Retry retry(policy, Environment(0.5));
  const absl::Status error = absl::UnavailableError("gone");
  ASSERT_TRUE(retry.Again(error).ok());
  EXPECT_FALSE(retry.Again(error).ok());
  retry.Progress();
  EXPECT_TRUE(retry.Again(error).ok());
  EXPECT_EQ(slept_.back(), policy.first / 2);
}

TEST_F(RetryTest, NeverRepeatsWhatWasRefused) {
  for (const absl::Status& error :
       {absl::PermissionDeniedError("no"), absl::InvalidArgumentError("no"),
        absl::InternalError("no"), absl::AbortedError("no"), absl::DeadlineExceededError("no"),
        absl::ResourceExhaustedError("no"), absl::DataLossError("no")}) {
    Retry retry(RetryPolicy(), Environment(0.5));
    EXPECT_EQ(retry.Again(error), error);
  }
  EXPECT_TRUE(slept_.empty());
}

TEST_F(RetryTest, WaitsAsLongAsTheGatewayAsksAndThenTheJitter) {
  Retry retry(RetryPolicy(), Environment(0.5));
  ASSERT_TRUE(retry.Again(WithDelay(absl::StatusCode::kResourceExhausted, 7)).ok());
  EXPECT_EQ(slept_.front(), absl::Seconds(7) + RetryPolicy().first / 2);
}

TEST_F(RetryTest, LeavesALongWaitToItsCaller) {
  Retry retry(RetryPolicy(), Environment(0.5));
  EXPECT_FALSE(retry.Again(WithDelay(absl::StatusCode::kResourceExhausted, 3600)).ok());
  EXPECT_TRUE(slept_.empty());
}

TEST_F(RetryTest, RunStopsAtTheFirstSuccess) {
  Retry retry(RetryPolicy(), Environment(0.0));
  int calls = 0;
  const absl::StatusOr<int> answer = retry.Run([&]() -> absl::StatusOr<int> {
    if (++calls < 3) return absl::UnavailableError("gone");
    return calls;
  });
  EXPECT_EQ(answer.value(), 3);
}

}  // namespace
}  // namespace sluice::client
