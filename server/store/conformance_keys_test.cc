// What every engine's store must do: keys get new versions, what is sealed follows, and nothing is
// read under a version that is destroyed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/key_renewal.h"
#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kOwner[] = "state-university";
constexpr KekScope kRecords = KekScope::kOwnerData;
constexpr KekScope kDictionary = KekScope::kOwnerDictionary;

absl::StatusOr<KekName> Rotate(Store& store, KekScope scope, const std::string& owner = kOwner,
                               std::optional<uint64_t> as_of = std::nullopt) {
  absl::StatusOr<KekName> made = absl::InternalError("was not run");
  const absl::Status status = store.Commit({.apply = [&](Transaction& transaction) {
    made = transaction.keys()->Rotate(scope, owner, as_of, 7);
    return made.status();
  }});
  if (!status.ok()) return status;
  return made;
}

absl::Status MarkDestroyed(Store& store, const KekName& name) {
  return store.Commit({.apply = [&](Transaction& transaction) {
    return transaction.keys()->MarkDestroyed(name, std::nullopt, 9);
  }});
}

// Small groups and short looks, so that a test's few rows are many of them.
absl::Status Renew(Store& store) {
  KeyRenewal renewal(&store, {.rows = 3, .bytes = 1 << 10, .looked_at = 2}, [](absl::Status) {});
  return renewal.Turn();
}

KeyRenewal::Counted CountUnder(Store& store, const KekName& name) {
  const KeyRenewal renewal(&store, {.looked_at = 2}, [](absl::Status) {});
  const std::vector<StoredKeyVersion> versions = store.KeyVersions().value();
  for (const StoredKeyVersion& version : versions) {
    if (version.name == name) return renewal.Count(version).value();
  }
  ADD_FAILURE() << "there is no such version";
  return {};
}

std::vector<int64_t> Rows(const KeyRenewal::Counted& counted) {
  return {counted.records, counted.replaced_records, counted.log_openings,
          counted.dictionary_openings};
}

bool IsEmptyVersion(Store& store, const KekName& name) {
  const std::vector<StoredKeyVersion> versions = store.KeyVersions().value();
  return std::any_of(versions.begin(), versions.end(), [&](const StoredKeyVersion& version) {
    return version.name == name && version.empty;
  });
}

// An entry's opening and a dictionary's, of an owner.
absl::Status PutOpenings(Store& store, uint64_t index, const std::string& owner = kOwner) {
  return store.Commit(
      {.is_append = true, .apply = [&](Transaction& transaction) {
         const absl::Status status = transaction.InsertLogRow(
             {.index = index,
              .writer = "w",
              .boot = "b",
              .wseq = index,
              .openings = {{owner, "filter", "salt", absl::StrCat("value ", index)}}});
         if (!status.ok()) return status;
         return transaction.PutDictionaryOpenings(owner, static_cast<uint32_t>(index), {"salt"});
       }});
}

std::vector<policy::ValidRecord> Numbered(int begin, int end, const std::string& content) {
  std::vector<policy::ValidRecord> records;
  for (int i = begin; i < end; ++i) {
    records.push_back(RecordOf(absl::StrCat("key ", i), absl::StrCat(content, " ", i),
                               {absl::StrCat("person ", i % 3)}));
  }
  return records;
}

TEST_P(StoreConformance, SealsAnewWhatAReplacedVersionSealed) {
  PublishAt("r1", Numbered(0, 10, "old"));
  PublishAt("r2", Numbered(5, 10, "new"));
  ASSERT_TRUE(Publish(*store_,
                      [] {
                        PublishBatch other = BatchOf("o1", Numbered(0, 4, "other"));
                        other.owner = "river-unified";
                        return other;
                      }())
                  .ok());
  const std::vector<ScannedRecord> before = Scan(*store_, right_).value();
  const OwnerStatus status_before = Status();
  const KekName first{kRecords, kOwner, 1};
  EXPECT_THAT(Rows(CountUnder(*store_, first)), ElementsAre(10, 5, 0, 0));

  EXPECT_EQ(Rotate(*store_, kRecords).value(), (KekName{kRecords, kOwner, 2}));
  // At once for what is written; nothing that stands has changed.
  const int64_t position = PublishAt("r3", Numbered(10, 12, "newest"));
  EXPECT_THAT(Rows(CountUnder(*store_, first)), ElementsAre(10, 5, 0, 0));
  EXPECT_THAT(Rows(CountUnder(*store_, {kRecords, kOwner, 2})), ElementsAre(2, 0, 0, 0));
  ASSERT_TRUE(Renew(*store_).ok());
  EXPECT_THAT(Rows(CountUnder(*store_, first)), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Rows(CountUnder(*store_, {kRecords, kOwner, 2})), ElementsAre(12, 5, 0, 0));
  EXPECT_THAT(Rows(CountUnder(*store_, {kRecords, "river-unified", 1})), ElementsAre(4, 0, 0, 0));
  EXPECT_TRUE(IsEmptyVersion(*store_, first));
  EXPECT_FALSE(IsEmptyVersion(*store_, {kRecords, kOwner, 2}));

  // Nothing of it can be told by a reader, and each collection's seal has followed.
  EXPECT_TRUE(Walk(*store_, right_).ok());
  PublishAt("r4", {RecordOf("key 3", "old 3", {"person 0"})});
  Reopen();
  EXPECT_TRUE(Walk(*store_, right_).ok());
  EXPECT_EQ(Status().collections[0].last_publish.position, position);
  const std::vector<ScannedRecord> after = Scan(*store_, right_).value();
  ASSERT_EQ(after.size(), before.size() + 2);
  for (const ScannedRecord& record : before) {
    EXPECT_TRUE(std::any_of(after.begin(), after.end(), [&](const ScannedRecord& now) {
      return now.place == record.place && now.bytes == record.bytes &&
             now.subjects == record.subjects && now.ordinals == record.ordinals;
    }));
  }
  // The version that is empty takes nothing with it, what a withdraw puts back included.
  ASSERT_TRUE(MarkDestroyed(*store_, first).ok());
  EXPECT_THAT(Counts(Withdrawn("w1", 2, 2)), ElementsAre(0, 5, 0, 0, 0));
  EXPECT_THAT(Bytes(), SizeIs(12));
  EXPECT_EQ(OwnOne(kOwner, "Candidate", "key 7").value(), "old 7");
}

TEST_P(StoreConformance, SealsOpeningsAnew) {
  for (uint64_t i = 0; i < 7; ++i) {
    ASSERT_TRUE(PutOpenings(*store_, i, i % 2 == 0 ? kOwner : "river-unified").ok());
  }
  const KekName first{kDictionary, kOwner, 1};
  EXPECT_THAT(Rows(CountUnder(*store_, first)), ElementsAre(0, 0, 4, 4));
  ASSERT_TRUE(Rotate(*store_, kDictionary).ok());
  ASSERT_TRUE(Renew(*store_).ok());
  EXPECT_THAT(Rows(CountUnder(*store_, first)), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Rows(CountUnder(*store_, {kDictionary, kOwner, 2})), ElementsAre(0, 0, 4, 4));
  ASSERT_TRUE(MarkDestroyed(*store_, first).ok());
  for (uint64_t i = 0; i < 7; ++i) {
    EXPECT_EQ(store_->ReadOpenings(i).value().at(0).value, absl::StrCat("value ", i));
  }
}

TEST_P(StoreConformance, AWalkBeginsAgainWhereTheRowsSay) {
  PublishAt("r1", Numbered(0, 20, "old"));
  const KekName first{kRecords, kOwner, 1};
  ASSERT_TRUE(Rotate(*store_, kRecords).ok());
  // Some rows, as a gateway that was killed leaves it.
  const std::vector<int64_t> ids = {store_->KeyVersions().value().at(0).id};
  const SealedRows found = store_->FindSealed(kRecords, kOwner, ids, std::nullopt, 8).value();
  ASSERT_THAT(found.rows, SizeIs(8));
  ASSERT_TRUE(found.next.has_value());
  ASSERT_TRUE(store_
                  ->Commit({.apply =
                                [&](Transaction& transaction) {
                                  return transaction.keys()->SealAnew(found.rows).status();
                                }})
                  .ok());
  Reopen();
  EXPECT_EQ(CountUnder(*store_, first).records, 12);
  EXPECT_FALSE(IsEmptyVersion(*store_, first));
  ASSERT_TRUE(Renew(*store_).ok());
  EXPECT_TRUE(IsEmptyVersion(*store_, first));
  EXPECT_THAT(Bytes(), SizeIs(20));
}

TEST_P(StoreConformance, WhatIsPublishedOrDeletedMeanwhileWins) {
  PublishAt("r1", Numbered(0, 6, "old"));
  ASSERT_TRUE(Rotate(*store_, kRecords).ok());
  const std::vector<int64_t> ids = {store_->KeyVersions().value().at(0).id};
  const SealedRows found = store_->FindSealed(kRecords, kOwner, ids, std::nullopt, 100).value();
  ASSERT_THAT(found.rows, SizeIs(6));
  PublishAt("r2", {RecordOf("key 1", "new 1", {"person 1"})});
  DeleteAt("d1", {"key 2"});
  int64_t sealed = 0;
  const auto seal = [&](Transaction& transaction) {
    sealed = transaction.keys()->SealAnew(found.rows).value();
    return absl::OkStatus();
  };
  ASSERT_TRUE(store_->Commit({.apply = seal}).ok());
  EXPECT_EQ(sealed, 4);
  EXPECT_THAT(Bytes(), UnorderedElementsAre("old 0", "new 1", "old 3", "old 4", "old 5"));
  // What went into the history went as it was sealed, and is met there.
  EXPECT_THAT(Rows(CountUnder(*store_, {kRecords, kOwner, 1})), ElementsAre(0, 2, 0, 0));
  ASSERT_TRUE(Renew(*store_).ok());
  EXPECT_THAT(Rows(CountUnder(*store_, {kRecords, kOwner, 1})), ElementsAre(0, 0, 0, 0));
}

TEST_P(StoreConformance, RotatesOverAndOver) {
  for (int32_t version = 2; version < 2 + kMostSealingVersions - 1; ++version) {
    PublishAt(absl::StrCat("r", version), Numbered(version, version + 3, absl::StrCat(version)));
    EXPECT_EQ(Rotate(*store_, kRecords)->version, version);
  }
  EXPECT_TRUE(absl::IsOutOfRange(Rotate(*store_, kRecords).status()));
  ASSERT_TRUE(Renew(*store_).ok());
  EXPECT_EQ(Rotate(*store_, kRecords)->version, kMostSealingVersions + 1);
  ASSERT_TRUE(Renew(*store_).ok());
  for (int32_t version = 1; version <= kMostSealingVersions; ++version) {
    EXPECT_TRUE(IsEmptyVersion(*store_, {kRecords, kOwner, version})) << version;
    ASSERT_TRUE(MarkDestroyed(*store_, {kRecords, kOwner, version}).ok());
  }
  EXPECT_THAT(Bytes(), SizeIs(5));
}

TEST_P(StoreConformance, GivesAKeyNoMoreVersionsThanItMayEverHave) {
  PublishAt("r1", Numbered(0, 1, "old"));
  for (int32_t version = 2; version <= kMostKeyVersions; ++version) {
    const absl::StatusOr<KekName> made = Rotate(*store_, kRecords);
    ASSERT_TRUE(made.ok() && made->version == version) << version << made.status();
    ASSERT_TRUE(MarkDestroyed(*store_, {kRecords, kOwner, version - 1}).ok()) << version;
  }
  EXPECT_TRUE(absl::IsOutOfRange(Rotate(*store_, kRecords).status()));
}

TEST_P(StoreConformance, ChangesAKeyOnlyFromTheStateThatWasLookedAt) {
  EXPECT_TRUE(absl::IsNotFound(Rotate(*store_, kRecords).status()));
  PublishAt("r1", Numbered(0, 1, "old"));
  EXPECT_TRUE(absl::IsAborted(Rotate(*store_, kRecords, kOwner, 99).status()));
  EXPECT_THAT(store_->KeyVersions().value(), SizeIs(1));
  ASSERT_TRUE(Rotate(*store_, kRecords).ok());
  EXPECT_EQ(NewestEntry(store_->KeyVersions().value()), 7u);
  EXPECT_TRUE(Rotate(*store_, kRecords, kOwner, 7).ok());
  EXPECT_TRUE(absl::IsNotFound(MarkDestroyed(*store_, {kRecords, kOwner, 4})));
  EXPECT_TRUE(MarkDestroyed(*store_, {kRecords, kOwner, 1}).ok());
  EXPECT_EQ(DestroyedKeyOf(MarkDestroyed(*store_, {kRecords, kOwner, 1})),
            "organizations/state-university/keys/records/versions/1");
}

TEST_P(StoreConformance, AnUndoneRotationLeavesTheKeyAsItWas) {
  PublishAt("r1", Numbered(0, 2, "old"));
  const int64_t generation = store_->KeyGeneration().value();
  const absl::Status undone = store_->Commit({.apply = [](Transaction& transaction) {
    EXPECT_TRUE(transaction.keys()->Rotate(kRecords, kOwner, std::nullopt, 7).ok());
    EXPECT_TRUE(transaction.Publish(BatchOf("r2", Numbered(1, 3, "new"))).ok());
    return absl::CancelledError("undone");
  }});
  EXPECT_TRUE(absl::IsCancelled(undone));
  EXPECT_EQ(store_->KeyGeneration().value(), generation);
  EXPECT_THAT(store_->KeyVersions().value(), SizeIs(1));
  PublishAt("r3", Numbered(1, 3, "newer"));
  EXPECT_EQ(Rotate(*store_, kRecords)->version, 2);
  Reopen();
  EXPECT_THAT(Bytes(), UnorderedElementsAre("old 0", "newer 1", "newer 2"));
}

TEST_P(StoreConformance, ADestroyedVersionIsNamedToWhoeverReads) {
  PublishAt("r1", Numbered(0, 3, "old"));
  ASSERT_THAT(Bytes(), SizeIs(3));  // readers have the key at hand
  const int64_t generation = store_->KeyGeneration().value();
  ASSERT_TRUE(MarkDestroyed(*store_, {kRecords, kOwner, 1}).ok());
  EXPECT_GT(store_->KeyGeneration().value(), generation);
  const std::string name = "organizations/state-university/keys/records/versions/1";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(DestroyedKeyOf(Scan(*store_, right_).status()), name);
    EXPECT_EQ(DestroyedKeyOf(OwnOne(kOwner, "Candidate", "key 1").status()), name);
    Reopen();
  }
  // What was created is taken back unread.
  EXPECT_THAT(Counts(Withdrawn("w", 1, 1)), ElementsAre(3, 0, 0, 0, 0));
  EXPECT_EQ(Status().collections[0].tombstones, 3);
}

TEST_P(StoreConformance, OwnersPublishAgainOverWhatCantBeRead) {
  PublishAt("r1", Numbered(0, 4, "old"));
  ASSERT_TRUE(MarkDestroyed(*store_, {kRecords, kOwner, 1}).ok());
  const auto outcome = Publish(*store_, BatchOf("r2", Numbered(0, 3, "old")));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->changed_count, 3);
  EXPECT_EQ(outcome->new_count, 0);
  EXPECT_THAT(outcome->new_subjects, IsEmpty());
  EXPECT_EQ(OwnOne(kOwner, "Candidate", "key 1").value(), "old 1");
  EXPECT_TRUE(DestroyedKeyOf(Scan(*store_, right_).status()).has_value()) << "no silent gap";
  // What it replaced can't come back, and is not said to.
  EXPECT_TRUE(
      DestroyedKeyOf(
          Withdraw(*store_, WithdrawalOf("w", outcome->position, outcome->position)).status())
          .has_value());
  DeleteAt("d1", {"key 3"});
  EXPECT_THAT(Bytes(), SizeIs(3));
  EXPECT_EQ(store_->KeyVersions().value().back().name, (KekName{kRecords, kOwner, 2}));
}

TEST_P(StoreConformance, JoinedIdsMoveRecordsThatCantBeRead) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"})});
  ASSERT_TRUE(MarkDestroyed(*store_, {kRecords, kOwner, 1}).ok());
  const auto joined =
      Publish(*store_, IdentitiesOf("i1", {IdentityOf("ann", "one"), IdentityOf("bob", "one")}));
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_TRUE(DestroyedKeyOf(Scan(*store_, right_).status()).has_value());
  const auto again =
      Publish(*store_, BatchOf("r2", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"})}));
  ASSERT_TRUE(again.ok()) << again.status();
  const std::vector<ScannedRecord> records = Scan(*store_, right_).value();
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].subjects, records[1].subjects);
}

TEST_P(StoreConformance, OpeningsOfOthersAreThereWhenOnesKeyIsDestroyed) {
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply =
                                [](Transaction& transaction) {
                                  return transaction.InsertLogRow(
                                      {.writer = "w",
                                       .boot = "b",
                                       .openings = {{kOwner, "filter", "salt", "mine"},
                                                    {"river-unified", "caller", "salt", "yours"}}});
                                }})
                  .ok());
  ASSERT_THAT(store_->ReadOpenings(0).value(), SizeIs(2));
  ASSERT_TRUE(MarkDestroyed(*store_, {kDictionary, kOwner, 1}).ok());
  const std::vector<LogRow::Opening> left = store_->ReadOpenings(0).value();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].value, "yours");
}

TEST_P(StoreConformance, NewVersionsAreOwedAnEntryByTheirGroupAlone) {
  std::vector<std::vector<KekName>> owed;
  const auto look = [&](Transaction& transaction) {
    owed.push_back(transaction.keys()->Unlogged().value());
    return absl::OkStatus();
  };
  const auto publish = [&](Transaction& transaction) -> absl::Status {
    const absl::Status status = transaction.Publish(BatchOf("r1", Numbered(0, 1, "a"))).status();
    if (!status.ok()) return status;
    if (absl::Status looked = look(transaction); !looked.ok()) return looked;
    return transaction.keys()->SetLogged(owed.back().at(0), 3);
  };
  ASSERT_TRUE(store_->Commit({.apply = look}).ok());
  ASSERT_TRUE(store_->Commit({.apply = publish}).ok());
  ASSERT_TRUE(store_->Commit({.apply = look}).ok());
  EXPECT_THAT(owed, ElementsAre(IsEmpty(), ElementsAre(KekName{kRecords, kOwner, 1}), IsEmpty()));
  EXPECT_EQ(store_->KeyVersions().value().at(0).log_index, 3u);
}

}  // namespace
}  // namespace sluice::server
