// The RPCs as a caller meets them: what is refused takes nothing from those who may go on.
#include "server/exchange_rpc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/support/rpc_fixture.h"

namespace sluice::server {
namespace {

class ReadsOnOneThread : public RpcFixture {
 protected:
  ReadsOnOneThread() : RpcFixture(/*most_threads=*/1) {}
};

TEST_F(ReadsOnOneThread, RefuseOneTooManyWithTheQuotasNameAndGoOn) {
  // More than the transport holds on its way: the read waits for its reader.
  for (int i = 0; i < 20; ++i) {
    std::vector<v1::Candidate> many;
    for (int n = 0; n < 2500; ++n) many.push_back(Covered(2500 * i + n));
    Publish(many, absl::StrCat("batch-", i));
  }
  const auto context = AsRecipient();
  const auto slow = recipient_->ReadRecords(context.get(), Request());
  v1::ReadRecordsResponse message;
  ASSERT_TRUE(slow->Read(&message));
  ASSERT_TRUE(message.has_header());

  const grpc::Status refused = ReadAll(Request());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), testing::HasSubstr("total_streams"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(Details(refused)).reason(), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(Details(refused)).retry_delay().seconds(), 1);

  int rows = 0;
  while (slow->Read(&message)) rows += message.batch().records_size();
  EXPECT_TRUE(slow->Finish().ok());
  EXPECT_EQ(rows, 50000) << "the read under way is whole";
  threads_.Wait();
  EXPECT_TRUE(ReadAll(Request()).ok());
}

TEST_F(ReadsOnOneThread, RefuseARequestOfMoreFieldsThanAnyNeeds) {
  Publish(CoveredUpTo(1));
  v1::ReadRecordsRequest request = Request();
  for (int i = 0; i < 4000; ++i) request.add_read_mask("subject_area");
  EXPECT_TRUE(ReadAll(request).ok());
  threads_.Wait();
  for (int i = 0; i < 200; ++i) request.add_read_mask("subject_area");
  const grpc::Status refused = ReadAll(request);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), testing::HasSubstr("more than 4096 fields"));
}

// The window never ends by itself: whoever waited for it would wait in vain.
class DenialsOfALongWindow : public RpcFixture {
 protected:
  DenialsOfALongWindow() { denial_window_ = absl::Hours(24); }
};

TEST_F(DenialsOfALongWindow, AreAnsweredAtOnceButForOneAndBlockNoPermittedRead) {
  Publish(CoveredUpTo(3));
  v1::ReadRecordsRequest denied = Request();
  denied.set_purpose("no_such_purpose");
  constexpr int kDenials = 60;
  absl::Mutex mutex;
  int answered = 0;
  std::atomic<int> denials = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kDenials; ++i) {
    callers.emplace_back([&] {
      const grpc::Status status = ReadAll(denied);
      if (status.error_code() == grpc::StatusCode::PERMISSION_DENIED) ++denials;
      absl::MutexLock lock(&mutex);
      ++answered;
    });
  }
  {
    const auto all_but_one = [&] { return answered >= kDenials - 1; };
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&all_but_one), kPatience / 2))
        << answered << " were answered";
  }
  EXPECT_TRUE(ReadAll(Request()).ok());
  {
    absl::MutexLock lock(&mutex);
    EXPECT_EQ(answered, kDenials - 1) << "one waits until their entry is durable";
  }
  EXPECT_THAT(Entries("decision"), testing::SizeIs(1 + Denials::kOwnEntries + 1))
      << "a publish, ten denials, a permit";
  denials_->Stop();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(denials, kDenials);
  EXPECT_THAT(Entries("decision").back(), testing::HasSubstr("\"count\":50"));
}

}  // namespace
}  // namespace sluice::server
