// The way of a request where other gateways may change what it rests on: nothing is decided, and no
// batch leaves, by what was not just seen to hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/error.h"
#include "server/request_id.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SharedExchange : public ExchangeFixture {
 protected:
  void Suspend() {
    policy::MouVersion suspended = policy::SignedForTest(policy::ExampleMou());
    suspended.suspended = true;
    SetMous({std::move(suspended)});
  }
};

TEST_F(SharedExchange, DecidesByWhatItHasTakenOverWhileItWaited) {
  Publish({Covered(1)});
  await_fresh_ = [this] {
    Suspend();
    return absl::OkStatus();
  };
  KeptMessages reader;
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "SUSPENDED");
  EXPECT_THAT(reader.messages, IsEmpty());
}

TEST_F(SharedExchange, DecidesNothingThatItCantSeeTheGroundsOf) {
  Publish({Covered(1)});
  const size_t decided = Entries("decision").size();
  await_fresh_ = [] { return StateUnavailable(); };
  KeptMessages reader;
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "STATE_UNAVAILABLE");
  EXPECT_THAT(reader.messages, IsEmpty());
  EXPECT_THAT(Entries("decision"), SizeIs(decided));
  EXPECT_EQ(ReasonOf(admission_->Identify("").status()), "STATE_UNAVAILABLE");
  EXPECT_EQ(ReasonOf(admission_->StillValid(Recipient())), "STATE_UNAVAILABLE");
}

TEST_F(SharedExchange, SendsNoFurtherBatchThatItCantSeeTheGroundsOf) {
  Publish(CoveredUpTo(3000));
  KeptMessages reader;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (message.has_batch()) await_fresh_ = [] { return StateUnavailable(); };
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "STATE_UNAVAILABLE");
  EXPECT_THAT(reader.Rows(), SizeIs(Answer::kBatchRows));
  // The log says that it was broken off.
  EXPECT_THAT(Entries("outcome").back(), HasSubstr("UNAVAILABLE"));
}

TEST_F(SharedExchange, TakesOverBetweenTwoBatchesWhatAnotherTookBack) {
  Publish(CoveredUpTo(3000));
  KeptMessages reader;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (!message.has_batch()) return;
    await_fresh_ = [this] {
      Suspend();
      return absl::OkStatus();
    };
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "SUSPENDED");
  EXPECT_THAT(reader.Rows(), SizeIs(Answer::kBatchRows));
}

TEST_F(SharedExchange, GivesNoRowThatWasTakenBackWhileTheLogWasWritten) {
  Publish({Covered(1)});
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  v1::GetRecordRequest request;
  request.set_purpose("hiring_pipeline");
  request.set_record_type("Candidate");
  request.set_row_id(reader.Rows().at(0).first);
  // With the disclosure of the row, the last entry before it leaves.
  await_fresh_ = [this] {
    if (Entries("disclosure").size() > 1) Suspend();
    return absl::OkStatus();
  };
  RequestId id = NewRequestId().value();
  EXPECT_EQ(ReasonOf(exchange_->Get(Recipient(), id, request).status()), "SUSPENDED");
  EXPECT_THAT(Entries("disclosure"), SizeIs(2));
}

}  // namespace
}  // namespace sluice::server
