// The way of an owner's records into the store, over the real log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

using PublicationWay = ExchangeFixture;

TEST_F(PublicationWay, TellsAThousandBadRecordsAndThatThereAreMore) {
  v1::Candidate bad;  // without a key: one problem each
  const v1::PublishRecordsResponse exact = Publish(std::vector<v1::Candidate>(1000, bad));
  EXPECT_EQ(exact.state(), v1::PUBLISH_STATE_REFUSED);
  ASSERT_EQ(exact.bad_records_size(), 1000);
  EXPECT_EQ(exact.bad_records(999).reason(), "KEY_MISSING");
  const v1::PublishRecordsResponse more = Publish(std::vector<v1::Candidate>(1002, bad));
  ASSERT_EQ(more.bad_records_size(), 1000);
  EXPECT_EQ(more.bad_records(998).reason(), "KEY_MISSING");
  EXPECT_EQ(more.bad_records(999).reason(), "TOO_MANY");
  EXPECT_EQ(more.bad_records(999).index(), 1000);
  EXPECT_EQ(more.bad_records(999).field(), "");
  EXPECT_EQ(Publish(std::vector<v1::Candidate>(1002, Covered(1))).bad_records(999).reason(),
            "TOO_MANY");
}

TEST_F(PublicationWay, RefusesAForgedOwner) {
  const Caller caller = Recipient();
  RequestId id = NewRequestId().value();
  const auto admitted = admission_->AdmitOwner(caller, id, "PublishRecords",
                                               "organizations/state-university", "Candidate");
  EXPECT_EQ(ReasonOf(admitted.status()), "PRINCIPAL_NOT_PERMITTED");
  EXPECT_THAT(Entries("decision"), SizeIs(1));
}

TEST_F(PublicationWay, PublishesABatchWholeOrNotAtAll) {
  v1::Candidate no_key = Covered(2);
  no_key.clear_candidate_id();
  const auto refused = Publish({Covered(1), no_key, Covered(1)});
  EXPECT_EQ(refused.state(), v1::PUBLISH_STATE_REFUSED);
  ASSERT_EQ(refused.bad_records_size(), 2);
  EXPECT_EQ(refused.bad_records(0).index(), 1);
  EXPECT_EQ(refused.bad_records(0).reason(), "KEY_MISSING");
  EXPECT_EQ(refused.bad_records(1).index(), 2);
  EXPECT_EQ(refused.bad_records(1).reason(), "DUPLICATE_KEY");
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  EXPECT_THAT(reader.Rows(), IsEmpty());
}

TEST_F(PublicationWay, AnswersARepeatedRequestAsBeforeAndChangesNothing) {
  const auto first = Publish(CoveredUpTo(3));
  EXPECT_EQ(first.new_count(), 3);
  const auto again = Publish(CoveredUpTo(3));
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  const auto other = Publish(CoveredUpTo(3), "batch-2");
  EXPECT_EQ(other.unchanged_count(), 3);
}

}  // namespace
}  // namespace sluice::server
