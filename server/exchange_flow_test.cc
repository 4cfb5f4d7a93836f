// The way of a read, from a caller to what leaves, over the real policy and the real log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using ExchangeFlow = ExchangeFixture;

TEST_F(ExchangeFlow, ReleasesExactlyTheGrantedFieldsEachUnderItsRule) {
  Publish({Covered(1)});
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  const auto rows = reader.Rows();
  ASSERT_THAT(rows, SizeIs(1));
  v1::Candidate released;
  ASSERT_TRUE(released.ParseFromString(rows[0].second));
  EXPECT_THAT(released.candidate_id(), SizeIs(26));
  EXPECT_NE(released.candidate_id(), rows[0].first) << "a row id is never a person's";
  EXPECT_EQ(released.birth_date().year(), 1995);
  EXPECT_EQ(released.birth_date().month(), 0);
  EXPECT_EQ(released.birth_date().day(), 0);
  EXPECT_EQ(released.home_postal_code(), "941");
  EXPECT_EQ(released.expected_completion_year(), 2027);
  released.clear_candidate_id();
  released.clear_birth_date();
  released.clear_home_postal_code();
  released.clear_subject_area();
  released.clear_expected_completion_year();
  EXPECT_EQ(released.ByteSizeLong(), 0u) << "something left that no grant lists";
}

TEST_F(ExchangeFlow, LeavesOutRowsThatNoGrantCovers) {
  v1::Candidate early = Covered(1), history = Covered(2), unset = Covered(3);
  early.set_expected_completion_year(2026);
  history.set_subject_area("uri://ed-fi.org/AcademicSubjectDescriptor#Social Studies");
  unset.clear_expected_completion_year();
  Publish({early, history, unset, Covered(4)});
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  EXPECT_THAT(reader.Rows(), SizeIs(1));
}

TEST_F(ExchangeFlow, BeginsWithWhatTheReleaseIsAndEndsWithWhatItCarried) {
  const int64_t position = Publish(CoveredUpTo(3)).position();
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  ASSERT_THAT(reader.messages, SizeIs(3));
  const v1::ReleaseHeader& header = reader.messages[0].header();
  EXPECT_EQ(header.decision_id(), request_id_);
  EXPECT_EQ(header.mou(), "stem-pipeline");
  EXPECT_EQ(header.version(), 1);
  EXPECT_EQ(header.owner(), "organizations/state-university");
  EXPECT_EQ(header.catalog_digest(), policy::CatalogForTest()->Find("Candidate")->digest());
  EXPECT_EQ(header.fields_size(), 5);
  EXPECT_EQ(header.redisclosure(), v1::REDISCLOSURE_PROHIBITED);
  EXPECT_EQ(header.destroy_within_days(), 60);
  EXPECT_EQ(header.as_of_position(), position);
  const v1::ReleaseTrailer& trailer = reader.messages[2].trailer();
  EXPECT_EQ(trailer.row_count(), 3);
  EXPECT_THAT(trailer.rows_digest(), SizeIs(7 + 64));
  EXPECT_GE(trailer.log_index(), 0);
}

TEST_F(ExchangeFlow, HasTheDisclosureInTheLogBeforeTheFirstRowLeaves) {
  Publish(CoveredUpTo(5));
  KeptMessages reader;
  size_t disclosures = 0;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (message.has_batch()) disclosures = Entries("disclosure").size();
  };
  ASSERT_TRUE(Read(Request(), reader).ok());
  EXPECT_EQ(disclosures, 1u);
  EXPECT_THAT(Entries("decision"), Not(IsEmpty()));
  EXPECT_THAT(Entries("outcome"), SizeIs(1));
}

TEST_F(ExchangeFlow, SendsNothingWhenTheLogCantBeWritten) {
  Publish(CoveredUpTo(5));
  KeptMessages reader;
  store_.FailNextCommit(/*persisted=*/false);
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "AUDIT_UNAVAILABLE");
  EXPECT_THAT(reader.messages, IsEmpty());
}

TEST_F(ExchangeFlow, SendsNoRowWhenTheDisclosureCantBeWritten) {
  Publish(CoveredUpTo(5));
  KeptMessages reader;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (message.has_header()) store_.FailNextCommit(/*persisted=*/false);
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "AUDIT_UNAVAILABLE");
  EXPECT_THAT(reader.Rows(), IsEmpty());
}

TEST_F(ExchangeFlow, OrdersTheRowsOfAChunkByTheirRowIds) {
  Publish(CoveredUpTo(200));
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  const auto rows = reader.Rows();
  ASSERT_THAT(rows, SizeIs(200));
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
}

TEST_F(ExchangeFlow, GivesTwoRecipientsNothingThatJoins) {
  Publish(CoveredUpTo(20));
  const std::string second = policy::ExampleMouWith("river-unified", "lake-unified");
  SetMous({policy::SignedForTest(policy::ExampleMou()),
           policy::SignedForTest(absl::StrReplaceAll(second, {{"stem-pipeline", "stem-lake"}}))});
  KeptMessages river, lake;
  ASSERT_TRUE(Read(Request(), river).ok());
  ASSERT_TRUE(Read(IdentityForTest::Make(policy::PrincipalKind::kSystem, "lake-unified", "sis"),
                   Request(), lake)
                  .ok());
  std::set<std::string> seen;
  for (const KeptMessages* reader : {&river, &lake}) {
    for (const auto& [row_id, record] : reader->Rows()) {
      v1::Candidate candidate;
      ASSERT_TRUE(candidate.ParseFromString(record));
      EXPECT_TRUE(seen.insert(row_id).second);
      EXPECT_TRUE(seen.insert(candidate.candidate_id()).second);
    }
  }
  EXPECT_THAT(seen, SizeIs(80));
}

TEST_F(ExchangeFlow, KeepsARowsIdFromReadToReadAndOverADeletion) {
  Publish({Covered(1)});
  KeptMessages first, second;
  ASSERT_TRUE(Read(Request(), first).ok());
  v1::Candidate changed = Covered(1);
  changed.set_home_postal_code("10001");
  EXPECT_EQ(Publish({changed}, "batch-2").changed_count(), 1);
  ASSERT_TRUE(Read(Request(), second).ok());
  ASSERT_THAT(second.Rows(), SizeIs(1));
  EXPECT_EQ(first.Rows()[0].first, second.Rows()[0].first);
}

TEST_F(ExchangeFlow, FiltersOnReleasedValuesAndNotOnStoredOnes) {
  Publish({Covered(1)});
  v1::ReadRecordsRequest request = Request();
  request.set_filter("home_postal_code = \"94107\"");
  KeptMessages stored, released;
  ASSERT_TRUE(Read(request, stored).ok());
  EXPECT_THAT(stored.Rows(), IsEmpty()) << "the stored postal code answers nothing";
  request.set_filter("home_postal_code = \"941\"");
  ASSERT_TRUE(Read(request, released).ok());
  EXPECT_THAT(released.Rows(), SizeIs(1));
}

// What a filter leaves out takes no room in a chunk.
TEST_F(ExchangeFlow, FindsTheOneRowThatAFilterLeavesBehindMoreThanAChunk) {
  constexpr int kBatch = 10'000;
  for (int batch = 0; batch < 4; ++batch) {
    std::vector<v1::Candidate> candidates;
    for (int i = 0; i < kBatch; ++i) candidates.push_back(Covered(batch * kBatch + i));
    if (batch == 3) candidates.back().set_home_postal_code("60614");
    Publish(candidates, absl::StrCat("batch-", batch));
  }
  v1::ReadRecordsRequest request = Request();
  request.set_filter("home_postal_code = \"606\"");
  KeptMessages reader;
  ASSERT_TRUE(Read(request, reader).ok());
  EXPECT_THAT(reader.Rows(), SizeIs(1));
  EXPECT_THAT(Entries("disclosure"), SizeIs(1));
}

TEST_F(ExchangeFlow, RefusesAFilterOnAFieldThatIsNotGranted) {
  Publish({Covered(1)});
  v1::ReadRecordsRequest request = Request();
  request.set_filter("last_surname = \"Lovelace\"");
  KeptMessages reader;
  const absl::Status status = Read(request, reader);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(reader.messages, IsEmpty());
  request.set_filter("no_such_field = \"Lovelace\"");
  const absl::Status unknown = Read(request, reader);
  EXPECT_EQ(absl::StrReplaceAll(status.message(), {{"last_surname", "X"}}),
            absl::StrReplaceAll(unknown.message(), {{"no_such_field", "X"}}))
      << "a field that the type has and one that it has not look alike";
}

TEST_F(ExchangeFlow, KeepsTheReadersFilterOutOfTheLog) {
  Publish({Covered(1)});
  v1::ReadRecordsRequest request = Request();
  // A hyphen: no request id, salt or digest has the value by accident.
  request.set_filter("home_postal_code = \"94107-1234\"");
  KeptMessages reader;
  ASSERT_TRUE(Read(request, reader).ok());
  for (const char* type : {"decision", "disclosure", "outcome"}) {
    EXPECT_THAT(Entries(type), Each(Not(HasSubstr("94107-1234"))));
    EXPECT_THAT(Entries(type), Each(Not(HasSubstr("home_postal_code"))));
  }
}

TEST_F(ExchangeFlow, NarrowsToTheReadersMaskAndRefusesOneBeyondTheGrant) {
  Publish({Covered(1)});
  v1::ReadRecordsRequest request = Request();
  request.add_read_mask("subject_area");
  KeptMessages reader;
  ASSERT_TRUE(Read(request, reader).ok());
  v1::Candidate released;
  ASSERT_TRUE(released.ParseFromString(reader.Rows().at(0).second));
  EXPECT_TRUE(released.has_subject_area());
  released.clear_subject_area();
  EXPECT_EQ(released.ByteSizeLong(), 0u);
  request.add_read_mask("first_name");
  KeptMessages none;
  EXPECT_EQ(Read(request, none).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(none.messages, IsEmpty());
}

TEST_F(ExchangeFlow, ResumesAfterTheLastBatchThatArrived) {
  for (int i = 0; i < 4; ++i) {
    std::vector<v1::Candidate> batch;
    for (int j = 0; j < 1000; ++j) batch.push_back(Covered(1000 * i + j));
    Publish(batch, "batch-" + std::to_string(i));
  }
  KeptMessages whole;
  ASSERT_TRUE(Read(Request(), whole).ok());
  ASSERT_THAT(whole.Rows(), SizeIs(4000));
  for (size_t batches = 1; batches <= 4; ++batches) {
    KeptMessages cut;
    cut.before_write = [&](const v1::ReadRecordsResponse&) {
      cut.gone = cut.messages.size() > batches;
    };
    ASSERT_FALSE(Read(Request(), cut).ok()) << batches;
    v1::ReadRecordsRequest request = Request();
    request.set_page_token(cut.LastToken());
    KeptMessages rest;
    ASSERT_TRUE(Read(request, rest).ok()) << batches;
    auto rows = cut.Rows();
    for (auto& row : rest.Rows()) rows.push_back(std::move(row));
    EXPECT_EQ(rows, whole.Rows()) << batches;
  }
}

TEST_F(ExchangeFlow, RefusesThePageTokenOfAnotherCallerOrRequest) {
  Publish(CoveredUpTo(3));
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  v1::ReadRecordsRequest request = Request();
  request.set_page_token(reader.LastToken());
  KeptMessages other;
  EXPECT_EQ(Read(Recipient("another"), request, other).code(), absl::StatusCode::kInvalidArgument);
  request.set_filter("expected_completion_year >= 2027");
  EXPECT_EQ(Read(request, other).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(other.messages, IsEmpty());
}

TEST_F(ExchangeFlow, RefusesAPageTokenOfOtherGrants) {
  // Two grants of the same document: the second has the row in scope, too.
  const std::string two = policy::ExampleMouWith(
      "prohibitions: []",
      "  - name: everybody\n    from: state-university\n    to: [river-unified]\n"
      "    purpose: hiring_pipeline\n    record: Candidate\n    operations: [READ]\n"
      "    fields:\n      subject_area: pass\nprohibitions: []");
  const policy::MouVersion both = policy::SignedForTest(two);
  policy::MouVersion one = both;
  one.withdrawn_grants.insert("everybody");
  SetMous({both});
  Publish(CoveredUpTo(3));
  KeptMessages reader, refused;
  ASSERT_TRUE(Read(Request(), reader).ok());
  v1::ReadRecordsRequest request = Request();
  request.set_page_token(reader.LastToken());
  ASSERT_TRUE(Read(request, reader).ok()) << "of the same grants it goes on";

  SetMous({one});
  const absl::Status withdrawn = Read(request, refused);
  EXPECT_EQ(withdrawn.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(withdrawn.message()), HasSubstr("page_token"));
  SetMous({both, policy::SignedForTest(absl::StrReplaceAll(two, {{"version: 1", "version: 2"}}))});
  EXPECT_EQ(Read(request, refused).code(), absl::StatusCode::kInvalidArgument)
      << "an amendment, though its grants have the same names";
  EXPECT_THAT(refused.messages, IsEmpty());
}

TEST_F(ExchangeFlow, EndsARunningStreamAtTheNextBatchWhenTheMouIsSuspended) {
  Publish(CoveredUpTo(3000));
  KeptMessages reader;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (!message.has_batch()) return;
    policy::MouVersion suspended = policy::SignedForTest(policy::ExampleMou());
    suspended.suspended = true;
    SetMous({std::move(suspended)});
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "SUSPENDED");
  EXPECT_THAT(reader.Rows(), SizeIs(Answer::kBatchRows));
  EXPECT_THAT(Entries("decision").back(), HasSubstr("SUSPENDED"));
}

TEST_F(ExchangeFlow, DisclosesNoChunkThatWasMadeAheadOfASuspension) {
  constexpr size_t kBatches = Release::kChunkRows / Answer::kBatchRows;
  // More than a chunk, in publishes of what one may hold.
  constexpr int kPublishes = 4;
  constexpr int kEach = static_cast<int>(Release::kChunkRows) / kPublishes + 1;
  for (int publish = 0; publish < kPublishes; ++publish) {
    std::vector<v1::Candidate> candidates;
    for (int i = 0; i < kEach; ++i) candidates.push_back(Covered(publish * kEach + i));
    Publish(candidates, absl::StrCat("publish-", publish));
  }
  KeptMessages reader;
  size_t batches = 0;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    // With the last batch of the first chunk, when the second is made or in the making.
    if (!message.has_batch() || ++batches != kBatches) return;
    policy::MouVersion suspended = policy::SignedForTest(policy::ExampleMou());
    suspended.suspended = true;
    SetMous({std::move(suspended)});
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "SUSPENDED");
  EXPECT_THAT(reader.Rows(), SizeIs(Release::kChunkRows));
  EXPECT_THAT(Entries("disclosure"), SizeIs(1));
}

TEST_F(ExchangeFlow, EndsARunningStreamAtTheNextBatchWhenTheCertificateIsRevoked) {
  Publish(CoveredUpTo(3000));
  KeptMessages reader;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (message.has_batch()) identity_->still_valid = absl::UnauthenticatedError("revoked");
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "UNAUTHENTICATED");
  EXPECT_THAT(reader.Rows(), SizeIs(Answer::kBatchRows));
}

TEST_F(ExchangeFlow, AsksWhatMayLeaveAfterTheWaitForASlowReader) {
  Publish(CoveredUpTo(3000));
  KeptMessages reader;
  reader.while_waiting = [&](size_t messages) {
    // The header and one batch are there; the reader sleeps over the second.
    if (messages == 2) identity_->still_valid = absl::UnauthenticatedError("revoked");
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "UNAUTHENTICATED");
  EXPECT_THAT(reader.Rows(), SizeIs(Answer::kBatchRows));
}

TEST_F(ExchangeFlow, KeepsNothingOfARequestThatIsTooLong) {
  v1::ReadRecordsRequest request = Request();
  request.set_filter(std::string(5000, 'x'));
  KeptMessages reader;
  EXPECT_EQ(Read(request, reader).code(), absl::StatusCode::kInvalidArgument);
  request = Request();
  request.set_purpose(std::string(5000, 'x'));
  EXPECT_EQ(Read(request, reader).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Entries("decision"), IsEmpty());
}

TEST_F(ExchangeFlow, EndsARunningStreamWhenTheTermEnds) {
  Publish(CoveredUpTo(3000));
  KeptMessages reader;
  reader.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (message.has_batch()) now_.Turn(absl::Hours(24 * 366 * 2));
  };
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "OUTSIDE_PERIOD");
  EXPECT_THAT(reader.Rows(), SizeIs(Answer::kBatchRows));
}

TEST_F(ExchangeFlow, DeniesWhileTheClockStandsBehindTheLog) {
  Publish({Covered(1)});
  now_.Turn(-absl::Seconds(3));
  KeptMessages reader;
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "CLOCK_BEHIND");
  EXPECT_THAT(reader.messages, IsEmpty());
}

TEST_F(ExchangeFlow, HasADenialInTheLogAndKeepsWhatTheCallerMadeUpOutOfIt) {
  v1::ReadRecordsRequest request = Request();
  request.set_purpose("ada_lovelace_94107");
  KeptMessages reader;
  EXPECT_EQ(ReasonOf(Read(request, reader)), "PURPOSE_NOT_GRANTED");
  ASSERT_THAT(Entries("decision"), SizeIs(1));
  EXPECT_THAT(Entries("decision")[0], HasSubstr("PURPOSE_NOT_GRANTED"));
  EXPECT_THAT(Entries("decision")[0], Not(HasSubstr("lovelace")));
}

TEST_F(ExchangeFlow, SharesOneEntryAmongDenialsBeyondTenInAWindow) {
  v1::ReadRecordsRequest request = Request();
  request.set_purpose("no_such_purpose");
  KeptMessages reader;
  for (int i = 0; i < 12; ++i) EXPECT_EQ(ReasonOf(Read(request, reader)), "PURPOSE_NOT_GRANTED");
  const auto entries = Entries("decision");
  // Ten of their own, and two that waited for their windows' ends.
  EXPECT_EQ(entries.size(), 12u);
  EXPECT_THAT(entries.back(), HasSubstr("PURPOSE_NOT_GRANTED"));
}

TEST_F(ExchangeFlow, TellsAnAuditorTheCodeOfADenialAndNoGrants) {
  v1::ReadRecordsRequest request = Request();
  KeptMessages reader;
  const absl::Status status =
      Read(IdentityForTest::Make(policy::PrincipalKind::kAuditor, "river-unified", "kim"), request,
           reader);
  EXPECT_EQ(ReasonOf(status), "PRINCIPAL_NOT_PERMITTED");
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("expected-completers")));
}

TEST_F(ExchangeFlow, DeniesAPurposeThatConfigurationKeepsFromThePrincipal) {
  purpose_permitted_ = false;
  KeptMessages reader;
  EXPECT_EQ(ReasonOf(Read(Request(), reader)), "PRINCIPAL_NOT_PERMITTED");
}

TEST_F(ExchangeFlow, GivesThePromisedNumberOfBatchesAChunkAtTheMost) {
  // Small rows fill batches by number, large ones by size; a chunk holds 64 of either kind.
  constexpr size_t kMost = 64;
  EXPECT_LE(Release::kChunkRows / Answer::kBatchRows +
                (Release::kChunkBytes + policy::kMaxRecordBytes) / Answer::kBatchBytes + 1,
            kMost);
  EXPECT_LE(Release::kChunkRows, 65536u);
  EXPECT_LE(sizeof(uint32_t) * (Release::kChunkSubjects + policy::kMaxRecordSubjects), 2u << 20);
}

}  // namespace
}  // namespace sluice::server
