// What is destroyed of the log's openings when its time is over, and what never is.
#include "server/opening_retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "server/audit/entry_encoding.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::HasSubstr;

class OpeningRetentionTest : public ExchangeFixture {
 protected:
  // So many openings there are, by field.
  std::map<std::string, int> Openings() {
    std::map<std::string, int> counts;
    for (uint64_t i = 0; i < log_->size(); ++i) {
      const std::vector<LogRow::Opening> openings = store().ReadOpenings(i).value();
      for (const LogRow::Opening& opening : openings) ++counts[opening.field];
    }
    return counts;
  }
  void ReadAll() {
    KeptMessages sent;
    ASSERT_TRUE(Read(Request(), sent).ok());
  }
  // A person asks something, with a name and a filter.
  void AskAsAPerson() {
    RequestId id = NewRequestId().value();
    const Caller caller =
        IdentityForTest::Make(policy::PrincipalKind::kAuditor, "state-university", "quinn");
    ASSERT_TRUE(admission_
                    ->AdmitOwner(caller, id, "ListSubjectDisclosures",
                                 "organizations/state-university", std::nullopt, "candidate  S1")
                    .ok());
  }
  std::string Entry(uint64_t index) {
    std::string body;
    EXPECT_TRUE(store()
                    .ReadLogRows(index, index + 1,
                                 [&](const LogRow& row) {
                                   body = row.body;
                                   return false;
                                 })
                    .ok());
    return body;
  }
  OpeningRetention Of(const OpeningPeriods& periods) {
    return OpeningRetention(&store(), log_.get(), periods);
  }
};

TEST_F(OpeningRetentionTest, DestroysEachClassWhenItsTimeIsOverAndNoDisclosuresSubjects) {
  Publish(CoveredUpTo(3));
  ReadAll();
  AskAsAPerson();
  const std::map<std::string, int> all = Openings();
  for (const char* const field :
       {"filter", "caller", "rows.considered", "rows.withheld", "subjects.n", "subjects"}) {
    ASSERT_EQ(all.at(field), 1) << field;
  }
  OpeningRetention retention =
      Of({absl::Hours(24 * 30), absl::Hours(24 * 60), absl::Hours(24 * 90)});
  now_.Turn(absl::Hours(24 * 30 - 1));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings(), all);
  now_.Turn(absl::Hours(24));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings().count("filter"), 0u);
  EXPECT_EQ(Openings().count("caller"), 1u);
  now_.Turn(absl::Hours(24 * 31));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings().count("caller"), 0u);
  EXPECT_EQ(Openings().count("rows.withheld"), 1u);
  now_.Turn(absl::Hours(24 * 365 * 20));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings(), (std::map<std::string, int>{{"subjects", 1}}));
}

TEST_F(OpeningRetentionTest, SaysInTheLogWhatWasDestroyedAndWhose) {
  AskAsAPerson();
  const uint64_t asked = log_->size() - 1, size = log_->size();
  OpeningRetention retention = Of({.filters = absl::Hours(24 * 30)});
  now_.Turn(absl::Hours(24 * 31));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  ASSERT_EQ(log_->size(), size + 1);
  const std::string entry = Entry(size);
  EXPECT_THAT(entry, HasSubstr(absl::StrCat("\"reason\":\"PERIOD_OVER\",\"openings\":[{\"field\":"
                                            "\"filter\",\"begin\":",
                                            asked, ",\"end\":", size,
                                            "}],\"parties\":[\"state-university\"]")));
  EXPECT_TRUE(Concerns(entry, "state-university"));
  // There is nothing more to say, today or after a start.
  ASSERT_TRUE(retention.Run(now_.Now() + absl::Hours(48)).ok());
  OpeningRetention anew = Of({.filters = absl::Hours(24 * 30)});
  ASSERT_TRUE(anew.Run(now_.Now()).ok());
  EXPECT_EQ(log_->size(), size + 1);
}

TEST_F(OpeningRetentionTest, DestroysTheOperatorsToo) {
  ReadEntry read;
  read.request = NewRequestId().value();
  read.caller = {{policy::PrincipalKind::kOperator, "", "root"}, std::string(64, 'a')};
  read.operation = "ListEntries";
  ASSERT_TRUE(log_->Append(read).ok());
  OpeningRetention retention = Of({.callers = absl::Hours(24 * 30)});
  now_.Turn(absl::Hours(24 * 31));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings().count("caller"), 0u);
  EXPECT_THAT(Entry(log_->size() - 1), HasSubstr("\"field\":\"caller\",\"begin\":"));
}

TEST_F(OpeningRetentionTest, KeepsAllWhereNoPeriodIsGiven) {
  AskAsAPerson();
  const std::map<std::string, int> all = Openings();
  OpeningRetention retention = Of({});
  now_.Turn(absl::Hours(24 * 365 * 100));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings(), all);
}

TEST_F(OpeningRetentionTest, LooksOnceADay) {
  AskAsAPerson();
  OpeningRetention retention = Of({.filters = absl::Hours(24 * 30)});
  now_.Turn(absl::Hours(24 * 30 - 12));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  now_.Turn(absl::Hours(23));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings().count("filter"), 1u);
  now_.Turn(absl::Hours(1));
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings().count("filter"), 0u);
}

TEST_F(OpeningRetentionTest, GoesThroughALongLogABiteAtATime) {
  const uint64_t entries = 2 * OpeningRetention::kEntriesABite + 7;
  AskAsAPerson();
  HeartbeatEntry heartbeat;
  while (log_->size() < entries) ASSERT_TRUE(log_->Append(heartbeat).ok());
  AskAsAPerson();
  now_.Turn(absl::Hours(24 * 40));
  AskAsAPerson();  // of today: stays
  OpeningRetention retention = Of({.filters = absl::Hours(24 * 30)});
  ASSERT_TRUE(retention.Run(now_.Now()).ok());
  EXPECT_EQ(Openings().at("filter"), 1);
}

}  // namespace
}  // namespace sluice::server
