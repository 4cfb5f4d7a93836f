// One row by its id: what leaves, what does not, and what the log says of either.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "re2/re2.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "server/store/sqlite_store.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

class GetRecord : public ExchangeFixture {
 protected:
  // A second owner grants the same type, and a field besides.
  static std::string MouOfTwoOwners() {
    return absl::StrReplaceAll(
        policy::ExampleMou(),
        {{"prohibitions: []",
          "  - name: of-lake\n    from: lake-college\n    to: [river-unified]\n"
          "    purpose: hiring_pipeline\n    record: Candidate\n    operations: [READ]\n"
          "    fields:\n      sex: pass\n      subject_area: pass\nprohibitions: []"},
         {"parties:\n", "parties:\n  - {organization: lake-college, signatory_ca: sha256:" +
                            std::string(64, 'b') + "}\n"}});
  }
  static v1::GetRecordRequest RowRequest(absl::string_view row_id) {
    v1::GetRecordRequest request;
    request.set_purpose("hiring_pipeline");
    request.set_record_type("Candidate");
    request.set_row_id(std::string(row_id));
    return request;
  }
  absl::StatusOr<v1::GetRecordResponse> Get(const v1::GetRecordRequest& request) {
    RequestId id = NewRequestId().value();
    return exchange_->Get(Recipient(), id, request);
  }
  // The rows' ids of a release of this owner's.
  std::vector<std::string> RowIds(absl::string_view owner = "state-university") {
    v1::ReadRecordsRequest read = Request();
    read.set_parent(absl::StrCat("organizations/", owner));
    KeptMessages reader;
    EXPECT_TRUE(Read(read, reader).ok());
    std::vector<std::string> ids;
    for (const auto& row : reader.Rows()) ids.push_back(row.first);
    return ids;
  }
  // Row 1 is there and, since its second publish, out of scope; row 2 never was.
  std::pair<std::string, std::string> HiddenAndAbsent() {
    Publish({Covered(1)});
    const std::vector<std::string> ids = RowIds();
    v1::Candidate moved = Covered(1);
    moved.set_expected_completion_year(2020);
    Publish({moved}, "batch-2");
    return {ids.at(0), std::string(26, 'a')};
  }

  // The last outcome in the log: what all who may see the entry see of it, and what its owner can
  // open besides.
  struct LoggedOutcome {
    std::string owner;
    std::string shape;  // the entry without what is random, or a count of time
    std::map<std::string, std::string> opened;
  };
  LoggedOutcome LastOutcome() {
    LoggedOutcome last;
    uint64_t index = 0;
    EXPECT_TRUE(store()
                    .ReadLogRows(0, log_->size(),
                                 [&](const LogRow& row) {
                                   if (absl::StrContains(row.body, "\"type\":\"outcome\"")) {
                                     last.shape = row.body;
                                     index = row.index;
                                   }
                                   return true;
                                 })
                    .ok());
    last.owner = std::string(ParseEntry(last.shape)->json.FindString("owner"));
    RE2::GlobalReplace(&last.shape, "\"(considered|withheld|request)\":\"[^\"]*\"", "\"\\1\"");
    RE2::GlobalReplace(&last.shape, "\"(time_ms|wseq|of)\":[0-9]+", "\"\\1\"");
    const auto openings = store().ReadOpenings(index);
    EXPECT_TRUE(openings.ok());
    for (const LogRow::Opening& opening : *openings) {
      EXPECT_EQ(opening.owner, last.owner);
      last.opened[opening.field] = opening.value;
    }
    return last;
  }
};

TEST_F(GetRecord, GetsOneRowByItsIdAndNoOther) {
  Publish(CoveredUpTo(3));
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  const auto [row_id, record] = reader.Rows()[1];
  v1::GetRecordRequest request;
  request.set_purpose("hiring_pipeline");
  request.set_record_type("Candidate");
  request.set_row_id(row_id);
  RequestId id = NewRequestId().value();
  const Caller caller = Recipient();
  const auto got = exchange_->Get(caller, id, request);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->row().row_id(), row_id);
  EXPECT_EQ(got->row().record(), record);
  EXPECT_THAT(Entries("disclosure"), SizeIs(2));

  request.set_row_id(std::string(25, 'a') + "a");
  EXPECT_EQ(exchange_->Get(caller, id, request).status().code(), absl::StatusCode::kNotFound);
  request.set_row_id("S1001");
  EXPECT_EQ(exchange_->Get(caller, id, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(GetRecord, GetsARowOfWhicheverOwnerUnderThatOwnersGrants) {
  SetMous({policy::SignedForTest(MouOfTwoOwners())});
  Publish(CoveredUpTo(2));
  v1::ReadRecordsRequest read = Request();
  KeptMessages refused, reader;
  EXPECT_EQ(Read(read, refused).code(), absl::StatusCode::kInvalidArgument) << "which owner?";
  read.set_parent("organizations/state-university");
  ASSERT_TRUE(Read(read, reader).ok());
  v1::GetRecordRequest request;
  request.set_purpose("hiring_pipeline");
  request.set_record_type("Candidate");
  request.set_row_id(reader.Rows().at(0).first);
  RequestId id = NewRequestId().value();
  const Caller caller = Recipient();
  ASSERT_TRUE(exchange_->Get(caller, id, request).ok());
  request.add_read_mask("home_postal_code");
  EXPECT_TRUE(exchange_->Get(caller, id, request).ok());
  request.clear_read_mask();
  request.add_read_mask("sex");
  EXPECT_EQ(exchange_->Get(caller, id, request).status().code(), absl::StatusCode::kNotFound)
      << "a field that another owner's grant lists";
  request.add_read_mask("first_name");
  EXPECT_EQ(exchange_->Get(caller, id, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(GetRecord, FindsNoRowThatIsOutOfScopeAndSaysNoMoreThanForOneThatIsNotThere) {
  Publish({Covered(1)});
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  v1::GetRecordRequest request;
  request.set_purpose("hiring_pipeline");
  request.set_record_type("Candidate");
  request.set_row_id(reader.Rows().at(0).first);
  v1::Candidate moved = Covered(1);
  moved.set_expected_completion_year(2020);
  Publish({moved}, "batch-2");
  RequestId id = NewRequestId().value();
  const Caller caller = Recipient();
  const absl::Status hidden = exchange_->Get(caller, id, request).status();
  request.set_row_id(std::string(26, 'a'));
  const absl::Status absent = exchange_->Get(caller, id, request).status();
  EXPECT_EQ(hidden, absent);
}

TEST_F(GetRecord, SaysInTheLogWhoseRowsWereLookedAtWhenNoneLeaves) {
  const auto [hidden, absent] = HiddenAndAbsent();
  const absl::Status of_hidden = Get(RowRequest(hidden)).status();
  const LoggedOutcome looked_at = LastOutcome();
  const absl::Status of_absent = Get(RowRequest(absent)).status();
  const LoggedOutcome none = LastOutcome();
  EXPECT_EQ(of_hidden, of_absent) << "to the caller they look alike";
  EXPECT_EQ(looked_at.shape, none.shape) << "and to whoever sees the caller's entries";
  EXPECT_THAT(looked_at.shape, HasSubstr("\"status\":\"NOT_FOUND\",\"aborted\":true"));
  EXPECT_EQ(looked_at.owner, "state-university");
  EXPECT_THAT(looked_at.opened,
              ElementsAre(Pair("rows.considered", "1"), Pair("rows.withheld", "0")));
  EXPECT_THAT(none.opened, ElementsAre(Pair("rows.considered", "0"), Pair("rows.withheld", "0")));
}

TEST_F(GetRecord, NamesNoOwnerInTheLogWhereThatWouldSayThatTheRowIsThere) {
  SetMous({policy::SignedForTest(MouOfTwoOwners())});
  const auto [hidden, absent] = HiddenAndAbsent();
  const absl::Status of_hidden = Get(RowRequest(hidden)).status();
  const LoggedOutcome looked_at = LastOutcome();
  const absl::Status of_absent = Get(RowRequest(absent)).status();
  const LoggedOutcome none = LastOutcome();
  EXPECT_EQ(of_hidden, of_absent);
  EXPECT_EQ(looked_at.shape, none.shape);
  EXPECT_EQ(looked_at.owner, "");
}

TEST_F(GetRecord, SaysInTheLogWhoseRowLeft) {
  SetMous({policy::SignedForTest(MouOfTwoOwners())});
  Publish({Covered(1)}, "batch-1", "lake-college");
  const std::string row_id = RowIds("lake-college").at(0);
  ASSERT_TRUE(Get(RowRequest(row_id)).ok());
  EXPECT_EQ(LastOutcome().owner, "lake-college");
  EXPECT_THAT(LastOutcome().opened, Contains(Pair("rows.considered", "1")));
}

// The engine itself, with one connection to read by: whoever asks the store again from within a
// visit waits for himself.
class GetRecordOnOneReader : public GetRecord {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = directory_.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'h'));
    options.keks = std::make_shared<KeksForTest>();
    options.readers = 1;
    auto sqlite = OpenSqliteStore(std::move(options));
    ASSERT_TRUE(sqlite.ok()) << sqlite.status();
    sqlite_ = *std::move(sqlite);
    GetRecord::SetUp();
  }
  void TearDown() override {
    GetRecord::TearDown();
    sqlite_->Stop();
  }
  Store& store() override { return *sqlite_; }

  TestDirectory directory_;
  std::unique_ptr<Store> sqlite_;
};

TEST_F(GetRecordOnOneReader, GetsARowOfTheSecondOwner) {
  SetMous({policy::SignedForTest(MouOfTwoOwners())});
  Publish({Covered(1)});
  Publish({Covered(2)}, "batch-1", "lake-college");
  for (const char* owner : {"state-university", "lake-college"}) {
    const std::vector<std::string> ids = RowIds(owner);
    ASSERT_THAT(ids, SizeIs(1)) << owner;
    const auto got = Get(RowRequest(ids[0]));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->header().owner(), absl::StrCat("organizations/", owner));
    EXPECT_GT(got->header().as_of_position(), 0);
  }
}

}  // namespace
}  // namespace sluice::server
