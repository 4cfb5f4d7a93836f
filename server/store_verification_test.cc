#include "server/store_verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "tests/support/whole_store_fixture.h"

namespace sluice::server {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Change {
  const char* name;
  const char* sql;
  const char* finding;
};

class StoreVerificationTest : public WholeStoreTest {
 protected:
  void SetUp() override { Fill(); }
};

TEST_F(StoreVerificationTest, FindsNothingInAStoreThatNobodyTouched) {
  EXPECT_THAT(Findings(), IsEmpty()) << "beside a running gateway";
  Close();
  EXPECT_THAT(Findings(), IsEmpty()) << "without one";
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreVerificationTest, FindsNothingInAnEmptyStore) {
  WholeStoreTest::Close();
  std::filesystem::remove_all(config_.sqlite);
  std::filesystem::remove_all(config_.log_tiles);
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreVerificationTest, LooksAtEveryTableThatIsSealed) {
  std::map<std::string, int64_t> looked;
  StoreFindings findings(
      [&](absl::string_view table, int64_t rows) { looked[std::string(table)] += rows; });
  ASSERT_TRUE(VerifyStore(config_, clock(), &findings).ok());
  EXPECT_EQ(looked["record"], 28 + 3 + 1);
  EXPECT_EQ(looked["record_key"], 30 + 3 + 1);
  EXPECT_EQ(looked["record_history"], 30 + 2);
  EXPECT_EQ(looked["log_entry"], static_cast<int64_t>(log_->size()));
  EXPECT_GE(looked["log_opening"], 4);
  EXPECT_GE(looked["dictionary_opening"], 33);
}

TEST_F(StoreVerificationTest, ReadsPageAfterPage) {
  constexpr int kMany = 1'300;
  std::vector<policy::ValidRecord> records, identities;
  for (int i = 0; i < kMany; ++i) {
    const std::string key = absl::StrCat("one of many ", i);
    records.push_back(RecordOf(key, key, {key, absl::StrCat("mentor of ", i)}));
    identities.push_back(IdentityOf(key, key));
  }
  PublishAs("river-unified", "Candidate", "many", records);
  PublishAs("river-unified", "PersonIdentity", "identities", std::move(identities));
  for (policy::ValidRecord& record : records) record.bytes += " again";
  PublishAs("river-unified", "Candidate", "again", std::move(records));
  for (int i = 0; i < kMany; ++i) {
    OutcomeEntry outcome;
    outcome.request = RequestNumber(1'000 + i);
    outcome.caller = RiverUnified();
    outcome.owner = i % 2 == 0 ? "state-university" : "river-unified";
    outcome.status = "OK";
    ASSERT_TRUE(log_->Append(outcome).ok());
  }
  std::map<std::string, int64_t> looked;
  StoreFindings findings(
      [&](absl::string_view table, int64_t rows) { looked[std::string(table)] += rows; });
  ASSERT_TRUE(VerifyStore(config_, clock(), &findings).ok());
  EXPECT_THAT(findings.Lines(), IsEmpty());
  EXPECT_EQ(looked["record"], 32 + 2 * kMany);
  EXPECT_EQ(looked["record_key"], 34 + 2 * kMany);
  EXPECT_EQ(looked["record_history"], 32 + kMany);
  EXPECT_EQ(looked["identity"], 3 + kMany);
  EXPECT_EQ(looked["log_entry"], static_cast<int64_t>(log_->size()));
  EXPECT_GE(looked["log_opening"], 2 * kMany);
  EXPECT_GE(looked["dictionary_opening"], 2 * kMany);
  // The last of many pages is read as the first is.
  Run("DELETE FROM record WHERE ordinal = (SELECT max(ordinal) FROM record)");
  EXPECT_THAT(Findings(), Contains(HasSubstr("record: some were taken out")));
}

TEST_F(StoreVerificationTest, FindsNothingAfterAnErasureButWhatIsPutBack) {
  Run("CREATE TABLE kept AS SELECT * FROM log_opening WHERE field = 'caller'");
  Must([&](Transaction& transaction) -> absl::Status {
    const policy::SubjectName name{"person", "key 7"};
    const auto ordinals = transaction.EraseSubject("state-university", {&name, 1});
    if (!ordinals.ok()) return ordinals.status();
    ErasureEntry entry;
    entry.owner = "state-university";
    entry.reason = "SUBJECT_REQUEST";
    entry.subjects = *ordinals;
    return log_->AppendIn(transaction, entry).status();
  });
  Must([&](Transaction& transaction) -> absl::Status {
    ErasureEntry entry;
    entry.reason = "PERIOD_OVER";
    entry.openings = {{"caller", 0, log_->NextIndexIn(transaction)}};
    const auto owners = transaction.EraseOpenings("", "caller", 0, entry.openings[0].end);
    if (!owners.ok()) return owners.status();
    EXPECT_THAT(*owners, ElementsAre("", "river-unified"));
    entry.parties = {"river-unified"};
    return log_->AppendIn(transaction, entry).status();
  });
  EXPECT_THAT(Findings(), IsEmpty());
  // Of what her deletion replaced nothing is left, and whoever puts it back is found.
  Run("DELETE FROM record_history WHERE sealed_position > 0");
  Run("UPDATE record_history SET sealed_position = 1");
  EXPECT_THAT(Findings(), Contains(HasSubstr("record_history: it is not what was replaced there")));
  Run("INSERT INTO log_opening SELECT * FROM kept");
  EXPECT_THAT(Findings(), Contains(HasSubstr("log_opening: it is there, and the log says that it "
                                             "was destroyed; owner river-unified")));
}

TEST_F(StoreVerificationTest, WritesNothing) {
  Close();
  const auto before = std::filesystem::last_write_time(config_.sqlite);
  const auto size = std::filesystem::file_size(config_.sqlite);
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(std::filesystem::last_write_time(config_.sqlite), before);
  EXPECT_EQ(std::filesystem::file_size(config_.sqlite), size);
}

TEST_F(StoreVerificationTest, SaysWhatItCannotLookAt) {
  StoreFindings findings;
  Config other = config_;
  other.keys.directory = directory_.Path("nowhere");
  EXPECT_TRUE(absl::IsNotFound(VerifyStore(other, clock(), &findings)));
  EXPECT_FALSE(std::filesystem::exists(other.keys.directory));
  other = config_;
  other.sqlite = directory_.Path("nowhere");
  EXPECT_TRUE(absl::IsNotFound(VerifyStore(other, clock(), &findings)));
  EXPECT_FALSE(std::filesystem::exists(other.sqlite));
  other = config_;
  other.keys.directory = directory_.Path("other-keys");
  std::filesystem::create_directory(other.keys.directory);
  std::filesystem::permissions(other.keys.directory, std::filesystem::perms::owner_all);
  const absl::Status status = VerifyStore(other, clock(), &findings);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(findings.empty());
}

TEST_F(StoreVerificationTest, SaysThatAKeyIsNotThere) {
  WholeStoreTest::Close();
  std::filesystem::remove(config_.keys.directory + "/owner-river-unified.data.1.kek");
  StoreFindings findings;
  const absl::Status status = VerifyStore(config_, clock(), &findings);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("river-unified"));
}

class TamperedVerificationTest : public StoreVerificationTest,
                                 public ::testing::WithParamInterface<Change> {};

TEST_P(TamperedVerificationTest, IsFound) {
  Run(GetParam().sql);
  const std::vector<std::string> lines = Findings();
  EXPECT_THAT(lines, Contains(HasSubstr(GetParam().finding)));
  // Nobody's id, and nothing of a record.
  for (const char* const secret : {"key 1", "key 2", "mentor", "theirs", "signature"}) {
    EXPECT_THAT(lines, Each(Not(HasSubstr(secret))));
  }
}

// The first collection is of the candidates of state-university.
constexpr Change kChanges[] = {
    {"RecordTakenOut", "DELETE FROM record WHERE ordinal = 9 AND collection = 1",
     "record: some were taken out, put back or moved: they are not those that were sealed; owner "
     "state-university; type Candidate"},
    {"RecordAndKeyTakenOut",
     "DELETE FROM record_key WHERE ordinal = 9 AND collection = 1; "
     "DELETE FROM record WHERE ordinal = 9 AND collection = 1",
     "record: some were taken out"},
    {"KeyTakenOut", "DELETE FROM record_key WHERE ordinal = 9 AND collection = 1",
     "collection: its counts are not those of its keys and records"},
    {"TombstoneTakenOut", "DELETE FROM record_key WHERE live = 0",
     "collection: its counts are not those of its keys and records"},
    {"TwoSwapped",
     "CREATE TEMP TABLE s AS SELECT * FROM record WHERE ordinal IN (9, 10) AND collection = 1; "
     "UPDATE record SET (position, bytes) = (SELECT position, bytes FROM s WHERE s.ordinal <> "
     "record.ordinal) WHERE ordinal IN (9, 10) AND collection = 1",
     "record: it is not what was sealed; owner state-university; type Candidate; 2 times"},
    {"PutBackFromHistory",
     "UPDATE record SET (position, bytes) = (SELECT h.sealed_position, h.bytes FROM record_history "
     "h WHERE h.record_id = record.record_id) WHERE ordinal = 9 AND collection = 1",
     "record: some were taken out"},
    {"MovedToAnotherOwner",
     "UPDATE record SET collection = (SELECT max(id) FROM collection) WHERE ordinal = 9 AND "
     "collection = 1",
     "owner river-unified"},
    {"KeysSwapped",
     "CREATE TEMP TABLE s AS SELECT key_hash, record_id FROM record_key WHERE ordinal IN (9, 10) "
     "AND "
     "collection = 1; UPDATE record_key SET record_id = randomblob(16) WHERE key_hash IN (SELECT "
     "key_hash FROM s); UPDATE record_key SET record_id = (SELECT s.record_id FROM s WHERE "
     "s.key_hash <> record_key.key_hash) WHERE key_hash IN (SELECT key_hash FROM s)",
     "record_key: it has another's record; owner state-university"},
    {"TombstoneLive", "UPDATE record_key SET live = 1 WHERE live = 0",
     "record_key: its record is not there"},
    {"LiveTombstone", "UPDATE record_key SET live = 0 WHERE ordinal = 9",
     "record_key: its deleted record is there"},
    {"KeyPosition", "UPDATE record_key SET position = position - 1 WHERE ordinal = 9",
     "record_key: it is of another position"},
    {"LiveCount", "UPDATE collection SET live = live - 1", "collection: its numbers are not those"},
    {"AsOf", "UPDATE collection SET time_us = time_us + 1",
     "collection: its numbers are not those"},
    {"Seal", "UPDATE collection SET seal = zeroblob(32)", "collection: its numbers are not those"},
    {"NoSeal",
     "UPDATE collection SET seal = x'', position = 0, time_us = 0, live = 0, tombstones = 0",
     "record: some were taken out"},
    {"OwnerRows", "UPDATE owner SET rows = rows + 1", "owner: it has another number of records"},
    {"OwnerSubjects", "UPDATE owner SET subjects = subjects + 1",
     "owner: it has another number of subjects than its dictionary; owner river-unified"},
    {"HistoryBytes", "UPDATE record_history SET bytes = zeroblob(length(bytes))",
     "record_history: it is not what was sealed"},
    {"HistoryOfAnotherContent",
     "UPDATE record_history SET content_position = content_position - 1 WHERE position = 2",
     "record_history: it is not what was replaced there; owner state-university"},
    {"HistoryAsOfSomebodyErased",
     "UPDATE record_history SET subjects = x'', identity = x'', sealed_position = 0, bytes = x''",
     "record_history: it is not what was replaced there"},
    {"HistoryTakenOut",
     "DELETE FROM record_history WHERE record_id = (SELECT min(record_id) FROM record_history)",
     "record_change: what it replaced is not all there"},
    {"ChangeTakenOut", "DELETE FROM record_change WHERE position = 2",
     "record_history: it is of no change that is there"},
    {"FurtherNameTakenOut",
     "DELETE FROM further_name WHERE record_id = (SELECT min(record_id) FROM further_name)",
     "further_name: these are not the names in its records; owner state-university"},
    {"IdentityTakenOut",
     "DELETE FROM identity WHERE name_hash = (SELECT min(name_hash) FROM identity)",
     "identity: these are not the ids"},
    {"IdentityOfAnother",
     "UPDATE identity SET person_hash = (SELECT min(person_hash) FROM identity)",
     "identity: these are not the ids"},
    {"SubjectTakenOut", "DELETE FROM subject WHERE name = 3", "subject: its names are not those"},
    {"SubjectsSwapped",
     "UPDATE subject SET subject_id = (SELECT s.subject_id FROM subject s WHERE s.owner = "
     "subject.owner AND s.ordinal = 19 - subject.ordinal) WHERE ordinal IN (9, 10) AND owner = 1",
     "subject, dictionary_opening: they are not those of the dictionary; owner state-university"},
    {"NamesSwapped",
     "CREATE TEMP TABLE s AS SELECT name_hash, name FROM subject WHERE ordinal IN (9, 10) AND "
     "owner = 1; UPDATE subject SET name_hash = randomblob(16) WHERE name IN (SELECT name FROM s) "
     "AND owner = 1; UPDATE subject SET name_hash = (SELECT s.name_hash FROM s WHERE s.name <> "
     "subject.name) WHERE name IN (SELECT name FROM s) AND owner = 1",
     "subject: a name has another's subject; owner state-university; 2 times"},
    {"DictionaryOpening", "UPDATE dictionary_opening SET salt = zeroblob(length(salt))",
     "dictionary_opening: it is not what was sealed"},
    {"DictionaryHead", "UPDATE dictionary_head SET size = size - 1", "dictionary_head: it"},
    {"DictionaryHeadTakenOut", "DELETE FROM dictionary_head",
     "dictionary_head: it is not what the log says last"},
    {"LogBody",
     "UPDATE log_entry SET body = CAST(replace(CAST(body AS TEXT), 'ACTIVE', 'SIGNED') AS BLOB) "
     "WHERE idx IN (SELECT "
     "log_index FROM mou_version)",
     "log_entry: it is not what was hashed"},
    {"LogTakenOut", "DELETE FROM log_entry WHERE idx = 2",
     "log_entry: there are others than the head says; log index 2"},
    {"LogAdded",
     "INSERT INTO log_entry SELECT idx + 1, leaf_hash, boot, wseq + 1, body FROM log_entry ORDER "
     "BY "
     "idx DESC LIMIT 1",
     "log_entry: there are others than the head says"},
    {"LogHead", "UPDATE log_head SET root = zeroblob(32)", "log_head: it is not the entries' root"},
    {"LogCheckpoint", "UPDATE log_head SET checkpoint = replace(checkpoint, 'records', 'recorbs')",
     "log_head: it is not what its checkpoint says"},
    {"LogOpening", "UPDATE log_opening SET opening = zeroblob(length(opening))",
     "log_opening: it is not what was sealed"},
    {"ContainerTakenOut", "DELETE FROM disclosed_container WHERE container = 1",
     "disclosed_container: a report on a subject would miss it"},
    {"DisclosureTakenOut",
     "DELETE FROM disclosed_container; DELETE FROM log_opening WHERE field = 'subjects'",
     "log_opening: whom a disclosure was about is not there"},
    {"ContainerAdded", "INSERT INTO disclosed_container VALUES ('state-university', 0, 1)",
     "disclosed_container: it leads to no disclosure; log index 1"},
    {"VersionState", "UPDATE mou_version SET state = 'ACTIVE' WHERE state = 'EXPIRED'",
     "state_seal: version 1 of MOU retention-study: not what was sealed"},
    {"VersionTakenOut", "DELETE FROM mou_version WHERE version = 2",
     "mou_version, organization: mous/retention-study/versions/2 is in the log and not in the "
     "store"},
    {"SignatureTakenOut", "DELETE FROM mou_signature WHERE organization = 'river-unified'",
     "not what was sealed"},
    {"OrganizationTakenOut", "DELETE FROM organization",
     "organizations/hill-county is in the log and not in the store"},
    {"OrganizationChanged", "UPDATE organization SET ca_bundle = x'00'",
     "state_seal: organization hill-county: not what was sealed"},
    {"KeyDestroyed",
     "UPDATE data_key SET destroyed_index = 1000000000000, wrapped = x'' WHERE owner = "
     "'state-university' AND scope = 1",
     "data_key: organizations/state-university/keys/records/versions/1 is not what the log says"},
    {"KeyMadeAtAnotherEntry", "UPDATE data_key SET log_index = log_index + 1 WHERE scope = 2",
     "data_key: organizations/state-university/keys/dictionary/versions/1 is not what the log "
     "says"},
    {"DataKeyTakenOut", "DELETE FROM data_key WHERE owner = 'river-unified' AND scope = 1",
     "data_key: organizations/river-unified/keys/records/versions/1 is in the log and not in the "
     "store"},
    {"StateSeal", "UPDATE state_seal SET through = through + 1", "state_seal: MOU versions"},
};
INSTANTIATE_TEST_SUITE_P(Changes, TamperedVerificationTest, ::testing::ValuesIn(kChanges),
                         [](const auto& info) { return info.param.name; });

TEST_F(StoreVerificationTest, FindsALogThatIsNotThePublishedOne) {
  // Whoever could sign another log would still have to change what was published.
  WholeStoreTest::Close();
  const std::string tiles = config_.log_tiles;
  std::filesystem::rename(config_.sqlite, directory_.Path("kept.db"));
  config_.log_tiles = directory_.Path("other-tiles");
  versions_at_.clear();
  ASSERT_TRUE(Open().ok());
  Fill();
  config_.log_tiles = tiles;
  EXPECT_THAT(Findings(), Contains(HasSubstr("published checkpoint")));
}

TEST_F(StoreVerificationTest, FindsAStoreThatIsOlderThanWhatWasPublished) {
  Close();
  std::filesystem::copy_file(config_.sqlite, directory_.Path("kept.db"));
  ASSERT_TRUE(Open().ok());
  PutVersion("stem-pipeline", 1, "EXPIRED");
  log_->Tick();
  Close();
  std::filesystem::remove(config_.sqlite + "-wal");
  std::filesystem::copy_file(directory_.Path("kept.db"), config_.sqlite,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(Findings(), Contains(HasSubstr("the published checkpoint is of more")));
}

}  // namespace
}  // namespace sluice::server
