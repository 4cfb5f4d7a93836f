// The store against a model of it in memory: a seeded walk of publishes, deletions, withdraws,
// restarts and reads, compared at each step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "server/store/sqlite_store.h"
#include "tests/support/owner_right.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

struct ModelRecord {
  bool live = false;
  std::string bytes;
  std::vector<std::string> people;
  std::optional<policy::RecordId> id;  // known once it was seen
  int64_t position = 0;                // of its last change
};

class StoreModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  StoreModelTest() : random_(GetParam()) { Reopen(); }

  void Reopen() {
    store_.reset();
    SqliteStoreOptions options;
    options.path = directory_.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
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
    std::vector<std::string> fresh;  // in the order they come
    const std::map<std::string, ModelRecord> before = model_;
    for (const policy::ValidRecord& record : records) {
      ModelRecord& model = model_[record.key];
      if (model.live && model.bytes == record.bytes) continue;
      model.live = true;
      model.bytes = record.bytes;
      model.people.clear();
      for (const policy::SubjectName& name : record.subjects) {
        model.people.push_back(name.id);
        if (ordinals_.emplace(name.id, ordinals_.size() + 1).second) fresh.push_back(name.id);
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
      subjects_.emplace(fresh[i], outcome->new_subjects[i].id);
    }
    if (expected.new_count + expected.changed_count > 0) {
      EXPECT_GT(outcome->position, position_);
      NoteChange(outcome->position, before);
    }
    position_ = outcome->position;
  }

  // Remembers what a change replaced, and of which records it is the last.
  void NoteChange(int64_t position, const std::map<std::string, ModelRecord>& before) {
    for (auto& [key, model] : model_) {
      const auto was = before.find(key);
      const ModelRecord old = was == before.end() ? ModelRecord() : was->second;
      if (old.live == model.live && old.bytes == model.bytes) continue;
      if (!old.live && !model.live) continue;
      model.position = position;
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
    for (const auto& [key, old] : target) {
      ModelRecord& model = model_[key];
      if (model.position > last) {
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
      model.live = old.live;
      if (!old.live) continue;
      model.bytes = old.bytes;
      model.people = old.people;
    }
    const auto outcome =
        Withdraw(*store_, WithdrawalOf(absl::StrCat("r", ++requests_), first->first, last));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->deleted_count, expected.deleted_count);
    EXPECT_EQ(outcome->restored_count, expected.restored_count);
    EXPECT_EQ(outcome->undeleted_count, expected.undeleted_count);
    EXPECT_EQ(outcome->unchanged_count, expected.unchanged_count);
    EXPECT_EQ(outcome->kept_count, expected.kept_count);
    if (outcome->position == 0) return;
    NoteChange(outcome->position, before);
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
    const std::vector<ScannedRecord> records = Scan(*store_, right_).value();
    size_t live = 0;
    for (const auto& [key, model] : model_) live += model.live ? 1 : 0;
    ASSERT_EQ(records.size(), live);
    if (live > 0) {
      const OwnerStatus status = store_->StatusOf(owner_.permit, owner_.receipt).value();
      ASSERT_EQ(status.collections.at(0).live, static_cast<int64_t>(live));
      ASSERT_EQ(status.subjects, static_cast<int64_t>(ordinals_.size()));
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
        ASSERT_EQ(record.subjects[j], subjects_.at(model.people[j]));
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

  TestDirectory directory_;
  std::mt19937_64 random_;
  const ReadRight right_{{"state-university"}};
  const OwnerRight owner_{"state-university"};
  std::unique_ptr<Store> store_;
  std::map<std::string, ModelRecord> model_;
  std::map<std::string, uint32_t> ordinals_;
  std::map<std::string, policy::SubjectId> subjects_;
  // By position: what the change there replaced.
  std::map<int64_t, std::map<std::string, ModelRecord>> replaced_;
  int64_t position_ = 0;
  int requests_ = 0;
};

TEST_P(StoreModelTest, DoesWhatTheModelDoes) {
  for (int step = 0; step < 150 && !HasFatalFailure(); ++step) {
    switch (Below(8)) {
      case 0:
        Reopen();
        break;
      case 1:
      case 2:
        DeleteSome();
        break;
      case 3:
        WithdrawSome();
        break;
      default:
        PublishSome();
    }
    Compare();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreModelTest, ::testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace sluice::server
