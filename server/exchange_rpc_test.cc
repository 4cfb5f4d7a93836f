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

  // Calls of as many principals of one organization, each on a thread and a connection of its own.
  class Callers {
   public:
    template <typename Ask>
    Callers(const DenialsOfALongWindow& test, const std::string& organization, int count, Ask ask) {
      for (int i = 0; i < count; ++i) {
        threads_.emplace_back([this, &test, ask, me = absl::StrCat(organization, "/s", i)] {
          const auto stub = v1::ExchangeService::NewStub(test.Connect());
          ask(*stub, me);
          ++answered_;
        });
      }
    }
    ~Callers() {
      for (std::thread& thread : threads_) thread.join();
    }
    int answered() const { return answered_; }

   private:
    std::atomic<int> answered_ = 0;
    std::vector<std::thread> threads_;
  };
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
  EXPECT_THAT(Entries("decision").back(),
              testing::AllOf(testing::HasSubstr("\"system\":\"hiring\""),
                             testing::HasSubstr("\"count\":50")));
}

TEST_F(DenialsOfALongWindow, HoldOneThreadOfAnOrganizationThatHasItsShareOfStreams) {
  limits_.concurrent_streams = limits_.total_streams = 1;
  quotas_.SetLimits(limits_);
  const auto context = AsOwner();
  const auto stream = owner_->PublishRecords(context.get());
  ASSERT_EQ(Ask(*stream, BatchOf("first", 0, 1)).new_count(), 1);

  constexpr int kCallers = 20;
  {
    const Callers callers(
        *this, "state-university", kCallers, [](v1::ExchangeService::Stub& stub, auto me) {
          v1::ReadOwnRecordsRequest request;
          request.set_parent("organizations/state-university");
          request.set_record_type("Candidate");
          const auto own = As(me);
          const auto reader = stub.ReadOwnRecords(own.get(), request);
          v1::ReadOwnRecordsResponse message;
          EXPECT_FALSE(reader->Read(&message));
          EXPECT_THAT(reader->Finish().error_message(), testing::HasSubstr("total_streams"));
        });
    EXPECT_TRUE(Comes([&] { return callers.answered() >= kCallers - 1; })) << callers.answered();
    EXPECT_EQ(callers.answered(), kCallers - 1) << "one waits until their entry is durable";
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
    denials_->Stop();
  }
  EXPECT_THAT(
      Entries("decision").back(),
      testing::AllOf(testing::HasSubstr("\"caller\":{\"organization\":\"state-university\"}"),
                     testing::HasSubstr("\"code\":\"RESOURCE_EXHAUSTED\""),
                     testing::HasSubstr("\"count\":20")));
}

TEST_F(DenialsOfALongWindow, HoldOneThreadOfEachOrganizationAndCode) {
  constexpr int kCallers = 6;
  const auto denied = [](v1::ExchangeService::Stub& stub, const std::string& me) {
    // One more than have entries of their own.
    for (int i = 0; i < Denials::kOwnEntries + 1; ++i) {
      v1::ReadRecordsRequest request = Request();
      request.set_purpose("no_such_purpose");
      const auto context = As(me);
      const auto reader = stub.ReadRecords(context.get(), request);
      v1::ReadRecordsResponse message;
      EXPECT_FALSE(reader->Read(&message));
      EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
    }
  };
  {
    const Callers some(*this, "river-unified", kCallers, denied);
    const Callers others(*this, "lake-college", kCallers, denied);
    for (const Callers* callers : {&some, &others}) {
      EXPECT_TRUE(Comes([&] { return callers->answered() >= kCallers - 1; }))
          << callers->answered();
    }
    EXPECT_EQ(some.answered(), kCallers - 1);
    EXPECT_EQ(others.answered(), kCallers - 1);
    denials_->Stop();
  }
  const std::vector<std::string> entries = Entries("decision");
  ASSERT_THAT(entries, testing::SizeIs(2 * kCallers * Denials::kOwnEntries + 2));
  const std::vector<std::string> shared(entries.end() - 2, entries.end());
  for (const char* organization : {"river-unified", "lake-college"}) {
    EXPECT_THAT(shared, testing::Contains(testing::AllOf(
                            testing::HasSubstr(absl::StrCat("\"caller\":{\"organization\":\"",
                                                            organization, "\"}")),
                            testing::HasSubstr("\"count\":6"))));
  }
}

}  // namespace
}  // namespace sluice::server
