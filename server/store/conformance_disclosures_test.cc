// What every engine's store must do: find a person in an owner's dictionary, whatever he was
// called, and the disclosures that may be about him. Runs on the store in memory, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::StatusOr<std::vector<uint32_t>> Ordinals(const Store& store, const std::string& id,
                                               const std::string& owner = "state-university") {
  const OwnerRight right(owner);
  return store.OrdinalsOf(right.permit, right.receipt, {"person", id});
}

// Entries that follow one another: whose subjects, in which containers.
using Said = std::pair<std::string, std::vector<uint32_t>>;
absl::Status Log(Store& store, const std::vector<Said>& entries) {
  return store.Commit({.is_append = true, .apply = [&](Transaction& transaction) {
                         for (size_t i = 0; i < entries.size(); ++i) {
                           const auto& [owner, containers] = entries[i];
                           LogRow row{
                               .index = i,
                               .leaf_hash = DigestOf(i),
                               .writer = "gateway-1",
                               .boot = "b0",
                               .wseq = i,
                               .body = "an entry",
                               .openings = {{owner, "subjects", "salt", absl::StrCat("bitmap ", i)},
                                            {owner, "subjects.n", "salt", "1"}},
                               .subjects_of = owner,
                               .containers = containers};
                           absl::Status status = transaction.InsertLogRow(row);
                           if (!status.ok()) return status;
                         }
                         return transaction.UpdateLogHead(0, {.size = entries.size()});
                       }});
}

std::vector<std::string> Subjects(const Store& store, uint32_t container, uint64_t begin = 0,
                                  uint64_t end = 100, size_t most = 100) {
  const OwnerRight right("state-university");
  std::vector<std::string> found;
  const absl::Status status =
      store.ReadSubjects(right.permit, right.receipt, container, begin, end,
                         [&](uint64_t index, std::optional<absl::string_view> bitmap) {
                           found.push_back(absl::StrCat(index, ": ", bitmap.value_or("destroyed")));
                           return found.size() < most;
                         });
  EXPECT_TRUE(status.ok()) << status;
  return found;
}

TEST_P(StoreIdentity, FindsAPersonByANameOfItsOwner) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"})});
  EXPECT_THAT(Ordinals(*store_, "ann").value(), ElementsAre(1));
  EXPECT_THAT(Ordinals(*store_, "bob").value(), ElementsAre(2));
  EXPECT_TRUE(absl::IsNotFound(Ordinals(*store_, "cy").status()));
  EXPECT_TRUE(absl::IsNotFound(Ordinals(*store_, "ann", "river-unified").status()));
}

TEST_P(StoreIdentity, KeepsApartWhoHasOneIdUnderTwoOwners) {
  PublishAt("r1", {RecordOf("b", "1", {"bob"}), RecordOf("a", "2", {"ann"})});
  PublishBatch theirs = BatchOf("r2", {RecordOf("a", "3", {"ann"})});
  theirs.owner = "river-unified";
  ASSERT_TRUE(Publish(*store_, theirs).ok());
  EXPECT_THAT(Ordinals(*store_, "ann").value(), ElementsAre(2));
  EXPECT_THAT(Ordinals(*store_, "ann", "river-unified").value(), ElementsAre(1));
}

TEST_P(StoreIdentity, FollowsAPersonBackThroughAMergeByEachOfTheNames) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"}),
                   RecordOf("c", "3", {"bob"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1"), IdentityOf("ana", "P1")});
  for (const char* const name : {"ann", "anna", "ana"}) {
    EXPECT_THAT(Ordinals(*store_, name).value(), ElementsAre(1, 2, 4)) << name;
  }
  EXPECT_THAT(Ordinals(*store_, "bob").value(), ElementsAre(3));
}

TEST_P(StoreIdentity, AfterASplitLeavesEachWhatWasOfBoth) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  Part("d1", {"anna"});
  EXPECT_THAT(Ordinals(*store_, "ann").value(), ElementsAre(1, 3, 4));
  EXPECT_THAT(Ordinals(*store_, "anna").value(), ElementsAre(2, 3, 5));
}

TEST_P(StoreIdentity, LendsTheBitmapsOfOneContainerOfOneOwner) {
  ASSERT_TRUE(Log(*store_, {{"state-university", {0}},
                            {"river-unified", {0, 1}},
                            {"state-university", {1}},
                            {"", {}},
                            {"state-university", {0, 1, 65535}}})
                  .ok());
  EXPECT_THAT(Subjects(*store_, 0), ElementsAre("0: bitmap 0", "4: bitmap 4"));
  EXPECT_THAT(Subjects(*store_, 1), ElementsAre("2: bitmap 2", "4: bitmap 4"));
  EXPECT_THAT(Subjects(*store_, 65535), ElementsAre("4: bitmap 4"));
  EXPECT_THAT(Subjects(*store_, 7), IsEmpty());
  EXPECT_THAT(Subjects(*store_, 0, 1), ElementsAre("4: bitmap 4"));
  EXPECT_THAT(Subjects(*store_, 0, 0, 4), ElementsAre("0: bitmap 0"));
  EXPECT_THAT(Subjects(*store_, 0, 0, 100, 1), ElementsAre("0: bitmap 0"));
}

TEST_P(StoreIdentity, LendsWhatOpensTheCommitmentsOfOneOwner) {
  ASSERT_TRUE(Log(*store_, {{"state-university", {0}},
                            {"river-unified", {0}},
                            {"state-university", {1}},
                            {"state-university", {2}}})
                  .ok());
  const OwnerRight right("state-university");
  const auto openings = [&](uint64_t begin, uint64_t end, size_t most, const char* field = "") {
    std::vector<std::string> found;
    const absl::Status status = store_->ReadOwnOpenings(
        right.permit, right.receipt, field, begin, end,
        [&](uint64_t index, const LogRow::Opening& opening) {
          found.push_back(absl::StrCat(index, " ", opening.owner, " ", opening.field, " ",
                                       opening.salt, " ", opening.value));
          return found.size() < most;
        });
    EXPECT_TRUE(status.ok()) << status;
    return found;
  };
  EXPECT_THAT(openings(0, 3, 9), ElementsAre("0 state-university subjects salt bitmap 0",
                                             "0 state-university subjects.n salt 1",
                                             "2 state-university subjects salt bitmap 2",
                                             "2 state-university subjects.n salt 1"));
  EXPECT_THAT(openings(1, 9, 1), ElementsAre("2 state-university subjects salt bitmap 2"));
  EXPECT_THAT(openings(4, 9, 9), IsEmpty());
  EXPECT_THAT(openings(0, 3, 9, "subjects.n"), ElementsAre("0 state-university subjects.n salt 1",
                                                           "2 state-university subjects.n salt 1"));
  EXPECT_THAT(openings(0, 3, 9, "filter"), IsEmpty());
}

TEST_P(StoreIdentity, ReadsNothingWithoutTheReceiptOfAPermitForAllTypes) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  const OwnerRight right("state-university"), other("state-university");
  EXPECT_TRUE(absl::IsInternal(
      store_->OrdinalsOf(right.permit, other.receipt, {"person", "ann"}).status()));
  EXPECT_TRUE(absl::IsInternal(
      store_->ReadSubjects(right.permit, other.receipt, 0, 0, 9,
                           [](uint64_t, std::optional<absl::string_view>) { return true; })));
}

}  // namespace
}  // namespace sluice::server
