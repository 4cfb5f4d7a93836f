// The store against a model of it in memory: a seeded walk of publishes, deletions, withdraws,
// merges, splits, restarts and reads, compared at each step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "server/store/record_verifier.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/owner_right.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

struct ModelRecord {
  bool live = false;
  std::string bytes;
  std::vector<std::string> people;
  std::string person;                  // of an identity record: whose the id is
  std::optional<policy::RecordId> id;  // known once it was seen
  int64_t position = 0;                // of what made its content, or deleted it; never a withdraw
  int64_t written = 0;                 // of what wrote it last
};

class StoreModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  StoreModelTest() : random_(GetParam()) { Reopen(); }

  void Reopen() {
    store_.reset();
    SqliteStoreOptions options;
    options.path = directory_.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    store_ = OpenSqliteStore(std::move(options)).value();
  }

  int Below(int n) { return static_cast<int>(random_() % n); }

  void PublishSome() {
    std::map<std::string, policy::ValidRecord> chosen;
    for (int i = 1 + Below(20); i > 0; --i) {
      const std::string key = absl::StrCat("key ", Below(60));
      std::vector<std::string> people;
      for (int j = Below(4); j > 0; --j) people.push_back(absl::StrCat("person ", Below(30)));
      // Bytes tell all, as canonical bytes do, so that equal bytes name equal subjects.
      std::string bytes = absl::StrCat(key, "|", Below(2));
      for (const std::string& person : people) absl::StrAppend(&bytes, "|", person);
      chosen[key] = RecordOf(key, bytes, people);
    }
    PublishOutcome expected;
    std::vector<policy::ValidRecord> records;
    for (auto& [key, record] : chosen) {
      const ModelRecord& before = model_[key];
      ++(!before.live                   ? expected.new_count
         : before.bytes == record.bytes ? expected.unchanged_count
                                        : expected.changed_count);
      records.push_back(record);
    }
    std::shuffle(records.begin(), records.end(), random_);
    std::vector<std::string> fresh;  // of each new subject its first name, in the order they come
    const std::map<std::string, ModelRecord> before = model_;
    for (const policy::ValidRecord& record : records) {
      ModelRecord& model = model_[record.key];
      if (model.live && model.bytes == record.bytes) continue;
      model.live = true;
      model.bytes = record.bytes;
      model.people.clear();
      for (const policy::SubjectName& name : record.subjects) {
        model.people.push_back(name.id);
        if (Meet(name.id)) fresh.push_back(name.id);
      }
    }
    const auto outcome = Publish(*store_, BatchOf(absl::StrCat("r", ++requests_), records));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->new_count, expected.new_count);
    EXPECT_EQ(outcome->changed_count, expected.changed_count);
    EXPECT_EQ(outcome->unchanged_count, expected.unchanged_count);
    ASSERT_EQ(outcome->new_subjects.size(), fresh.size());
    for (size_t i = 0; i < fresh.size(); ++i) {
      EXPECT_EQ(outcome->new_subjects[i].ordinal, ordinals_[fresh[i]]);
      NoteSubject(outcome->new_subjects[i]);
    }
    if (expected.new_count + expected.changed_count > 0) {
      EXPECT_GT(outcome->position, position_);
      NoteChange(outcome->position, before);
    }
    position_ = outcome->position;
  }

  // Whose an id is, by the identity records that are live; "" if none says so.
  std::string PersonOf(const std::string& name) const {
    const auto record = model_.find(absl::StrCat("identity of ", name));
    return record == model_.end() || !record->second.live ? "" : record->second.person;
  }

  // A record names somebody: whether that makes a new subject.
  bool Meet(const std::string& name) {
    if (ordinals_.count(name) > 0) return false;
    const std::string person = PersonOf(name);
    uint32_t ordinal = 0;
    for (const std::string& other : names_) {
      if (!person.empty() && PersonOf(other) == person) ordinal = ordinals_[other];
    }
    names_.push_back(name);
    ordinals_[name] = ordinal != 0 ? ordinal : ++last_ordinal_;
    return ordinal == 0;
  }

  void NoteSubject(const NewSubject& subject) {
    EXPECT_TRUE(ids_.insert(subject.id.bytes).second);
    subjects_[subject.ordinal] = subject.id;
  }

  // What merges and splits follow from the identity records as they are now.
  void Rejoin(const std::vector<NewSubject>& added) {
    std::vector<std::set<std::string>> joined;
    for (const std::string& name : names_) {
      const std::string person = PersonOf(name);
      auto with = std::find_if(joined.begin(), joined.end(), [&](const auto& names) {
        return !person.empty() && PersonOf(*names.begin()) == person;
      });
      if (with == joined.end()) with = joined.insert(with, std::set<std::string>());
      with->insert(name);
    }
    std::map<uint32_t, std::set<std::string>> before;
    for (const auto& [name, ordinal] : ordinals_) before[ordinal].insert(name);
    auto subject = added.begin();
    for (const std::set<std::string>& names : joined) {
      if (before[ordinals_[*names.begin()]] == names) continue;
      ++last_ordinal_;
      for (const std::string& name : names) ordinals_[name] = last_ordinal_;
      ASSERT_NE(subject, added.end());
      ASSERT_EQ(subject->ordinal, last_ordinal_);
      NoteSubject(*subject++);
      ++rejoined_;
    }
    ASSERT_EQ(subject, added.end());
  }

  void JoinSome() {
    std::map<std::string, policy::ValidRecord> chosen;
    for (int i = 1 + Below(4); i > 0; --i) {
      const std::string id = absl::StrCat("person ", Below(30));
      policy::ValidRecord record = IdentityOf(id, absl::StrCat("P", Below(5)));
      record.key = absl::StrCat("identity of ", id);
      chosen[record.key] = std::move(record);
    }
    const std::map<std::string, ModelRecord> before = model_;
    std::vector<policy::ValidRecord> records;
    bool changes = false;
    for (const auto& [key, record] : chosen) {
      ModelRecord& model = model_[key];
      changes = changes || !model.live || model.bytes != record.bytes;
      model.live = true;
      model.bytes = record.bytes;
      model.person = record.identity->person;
      records.push_back(record);
    }
    const auto outcome = Publish(*store_, IdentitiesOf(absl::StrCat("r", ++requests_), records));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    Rejoin(outcome->new_subjects);
    if (!changes) return;
    NoteChange(outcome->position, before);
    position_ = outcome->position;
  }

  void PartSome() {
    std::vector<std::string> keys;
    const std::map<std::string, ModelRecord> before = model_;
    for (auto& [key, model] : model_) {
      if (model.person.empty() || !model.live || Below(4) > 0) continue;
      keys.push_back(key);
      model.live = false;
    }
    if (keys.empty()) return;
    DeleteBatch batch = DeletionOf(absl::StrCat("r", ++requests_), keys);
    batch.record_type = "PersonIdentity";
    const auto outcome = Delete(*store_, batch);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    Rejoin(outcome->new_subjects);
    NoteChange(outcome->position, before);
    position_ = outcome->position;
  }

  // Remembers what a change replaced, and of which records it is the last.
  void NoteChange(int64_t position, const std::map<std::string, ModelRecord>& before) {
    for (auto& [key, model] : model_) {
      const auto was = before.find(key);
      const ModelRecord old = was == before.end() ? ModelRecord() : was->second;
      if (old.live == model.live && old.bytes == model.bytes) continue;
      if (!old.live && !model.live) continue;
      model.position = model.written = position;
      replaced_[position][key] = old;
    }
  }

  void WithdrawSome() {
    if (replaced_.empty()) return;
    auto first = std::next(replaced_.begin(), Below(static_cast<int>(replaced_.size())));
    const int64_t last = first->first + Below(6);
    std::map<std::string, ModelRecord> target;
    for (auto at = first; at != replaced_.end() && at->first <= last; ++at) {
      for (const auto& [key, old] : at->second) target.emplace(key, old);
    }
    WithdrawOutcome expected;
    const std::map<std::string, ModelRecord> before = model_;
    std::map<std::string, int64_t> positions;  // of what was given back
    for (const auto& [key, old] : target) {
      ModelRecord& model = model_[key];
      const auto in_range = [&](int64_t at) { return at >= first->first && at <= last; };
      if (!in_range(model.position) && !in_range(model.written)) {
        ++expected.kept_count;
        continue;
      }
      if (old.live == model.live && (!old.live || old.bytes == model.bytes)) {
        ++expected.unchanged_count;
        continue;
      }
      ++(!old.live    ? expected.deleted_count
         : model.live ? expected.restored_count
                      : expected.undeleted_count);
      positions[key] = old.position;
      model.live = old.live;
      if (!old.live) continue;
      model.bytes = old.bytes;
      model.people = old.people;
      model.person = old.person;
    }
    const auto outcome =
        Withdraw(*store_, WithdrawalOf(absl::StrCat("r", ++requests_), first->first, last));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->deleted_count, expected.deleted_count);
    EXPECT_EQ(outcome->restored_count, expected.restored_count);
    EXPECT_EQ(outcome->undeleted_count, expected.undeleted_count);
    EXPECT_EQ(outcome->unchanged_count, expected.unchanged_count);
    EXPECT_EQ(outcome->kept_count, expected.kept_count);
    Rejoin(outcome->new_subjects);
    if (outcome->position == 0) return;
    NoteChange(outcome->position, before);
    for (const auto& [key, position] : positions) model_[key].position = position;
    position_ = outcome->position;
  }

  void DeleteSome() {
    std::set<std::string> keys;
    for (int i = 1 + Below(10); i > 0; --i) keys.insert(absl::StrCat("key ", Below(60)));
    DeleteBatch batch = DeletionOf(absl::StrCat("r", ++requests_),
                                   std::vector<std::string>(keys.begin(), keys.end()));
    batch.allow_missing = Below(2) == 0;
    int missing = 0;
    for (const std::string& key : keys) missing += model_[key].live ? 0 : 1;
    const auto outcome = Delete(*store_, batch);
    if (missing > 0 && !batch.allow_missing) {
      EXPECT_TRUE(absl::IsNotFound(outcome.status())) << outcome.status();
      return;
    }
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->missing_count, missing);
    EXPECT_EQ(outcome->deleted_count, static_cast<int>(keys.size()) - missing);
    const std::map<std::string, ModelRecord> before = model_;
    for (const std::string& key : keys) model_[key].live = false;
    if (outcome->deleted_count > 0) NoteChange(outcome->position, before);
    position_ = outcome->position;
  }

  void Compare() {
    ASSERT_TRUE(Walk(*store_, right_).ok());
    ASSERT_TRUE(Walk(*store_, identities_, "state-university", "PersonIdentity").ok());
    const std::vector<ScannedRecord> records = Scan(*store_, right_).value();
    size_t live = 0;
    for (const auto& [key, model] : model_) live += model.live && model.person.empty() ? 1 : 0;
    ASSERT_EQ(records.size(), live);
    if (live > 0) {
      const OwnerStatus status = store_->StatusOf(owner_.permit, owner_.receipt).value();
      ASSERT_EQ(status.collections.at(0).live, static_cast<int64_t>(live));
      ASSERT_EQ(status.subjects, static_cast<int64_t>(last_ordinal_));
    }
    for (size_t i = 0; i < records.size(); ++i) {
      const ScannedRecord& record = records[i];
      if (i > 0) {
        ASSERT_LT(records[i - 1].place, record.place);
      }
      ModelRecord& model = model_[record.bytes.substr(0, record.bytes.find('|'))];
      ASSERT_TRUE(model.live);
      ASSERT_EQ(record.bytes, model.bytes);
      if (!model.id.has_value()) model.id = record.place.record_id;
      ASSERT_EQ(record.place.record_id, *model.id);  // for the key's whole life
      ASSERT_EQ(record.subjects.size(), model.people.size());
      for (size_t j = 0; j < model.people.size(); ++j) {
        ASSERT_EQ(record.ordinals[j], ordinals_.at(model.people[j]));
        ASSERT_EQ(record.subjects[j], subjects_.at(record.ordinals[j]));
      }
      ASSERT_EQ(record.place.ordinal, model.people.empty() ? 0 : ordinals_.at(model.people[0]));
    }
    if (records.empty()) return;
    const ScannedRecord& one = records[Below(static_cast<int>(records.size()))];
    EXPECT_TRUE(store_
                    ->ReadOne(right_.permit, right_.receipt, one.place.record_id,
                              [&](absl::string_view, const StoredRecord& found) {
                                EXPECT_EQ(found.bytes, one.bytes);
                                EXPECT_EQ(found.place, one.place);
                              })
                    .ok());
  }

  // What stands in the tables agrees with itself and with its seals.
  void Verify() {
    auto connection =
        SqliteConnection::Open({.path = directory_.Path("store.db"), .read_only = true}).value();
    ASSERT_TRUE(connection->Execute("BEGIN").ok());
    const policy::Secret key = policy::Secret::Copy(std::string(32, 'k'));
    const auto hasher = NameHasher::Create(key).value();
    const auto seal_keys = SealKeys::Create(key).value();
    const KeksForTest keks;
    StoreFindings findings;
    const auto verifier = RecordVerifier::Create({.connection = connection.get(),
                                                  .hasher = hasher.get(),
                                                  .seal_keys = seal_keys.get(),
                                                  .keks = &keks,
                                                  .findings = &findings})
                              .value();
    ASSERT_TRUE(verifier->Run().ok());
    EXPECT_THAT(findings.Lines(), testing::IsEmpty());
  }

  TestDirectory directory_;
  std::mt19937_64 random_;
  const ReadRight right_{{"state-university"}};
  const ReadRight identities_{{"state-university"}, "PersonIdentity"};
  const OwnerRight owner_{"state-university"};
  std::unique_ptr<Store> store_;
  std::map<std::string, ModelRecord> model_;
  std::vector<std::string> names_;  // that records have named, in the order they came
  std::map<std::string, uint32_t> ordinals_;
  std::map<uint32_t, policy::SubjectId> subjects_;
  std::set<std::array<uint8_t, 16>> ids_;  // that any subject ever had
  uint32_t last_ordinal_ = 0;
  int rejoined_ = 0;
  // By position: what the change there replaced.
  std::map<int64_t, std::map<std::string, ModelRecord>> replaced_;
  int64_t position_ = 0;
  int requests_ = 0;
};

TEST_P(StoreModelTest, DoesWhatTheModelDoes) {
  for (int step = 0; step < 150 && !HasFatalFailure(); ++step) {
    switch (Below(12)) {
      case 0:
        Reopen();
        break;
      case 1:
      case 2:
        DeleteSome();
        break;
      case 3:
      case 4:
        WithdrawSome();
        break;
      case 5:
      case 6:
        JoinSome();
        break;
      case 7:
        PartSome();
        break;
      default:
        PublishSome();
    }
    Compare();
    if (step % 10 == 0) Verify();
  }
  Verify();
  EXPECT_GT(rejoined_, 20);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreModelTest, ::testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace sluice::server
