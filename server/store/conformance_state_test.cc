// What every engine's store must do: keep what decisions rest on, change it only from the state
// that it is in, and raise the revision with every change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

StoredMouVersion Version(int number, uint64_t log_index) {
  return {.mou = "stem",
          .version = number,
          .document = std::string("mou: stem\n\0x", 12),
          .signatures = {{"a", std::string("\x30\0", 2), kTestTime}, {"b", "\x31", kTestTime}},
          .state = "SIGNED",
          .log_index = log_index,
          .root_check = std::string("\0check", 6)};
}

TEST_P(StoreState, TakesAnMouVersionInOnceAndMovesItOn) {
  StoredMouVersion version = Version(2, 9);
  ASSERT_TRUE(Put(version, std::nullopt).ok());
  Reopen();
  const auto versions = store_->MouVersions(0).value();
  ASSERT_THAT(versions, SizeIs(1));
  EXPECT_EQ(versions[0].mou, "stem");
  EXPECT_EQ(versions[0].version, 2);
  EXPECT_EQ(versions[0].document, version.document);
  EXPECT_EQ(versions[0].log_index, 9u);
  ASSERT_THAT(versions[0].signatures, SizeIs(2));
  EXPECT_EQ(versions[0].signatures[0].cms_der, version.signatures[0].cms_der);
  EXPECT_EQ(versions[0].signatures[0].received, kTestTime);
  EXPECT_EQ(versions[0].state, "SIGNED");
  EXPECT_EQ(versions[0].root_check, version.root_check);

  EXPECT_EQ(versions[0].standing, "");

  version.state = "NOT_SIGNED";
  version.standing = R"({"suspended_by":["a"]})";
  version.log_index = 12;
  version.signatures.pop_back();
  ASSERT_TRUE(Put(version, 9).ok());
  Reopen();
  const auto moved = store_->MouVersions(0).value();
  ASSERT_THAT(moved, SizeIs(1));
  EXPECT_EQ(moved[0].document, version.document);
  EXPECT_EQ(moved[0].root_check, version.root_check);
  EXPECT_EQ(moved[0].state, "NOT_SIGNED");
  EXPECT_EQ(moved[0].standing, version.standing);
  EXPECT_EQ(moved[0].log_index, 12u);
  ASSERT_THAT(moved[0].signatures, SizeIs(1));
  EXPECT_EQ(moved[0].signatures[0].organization, "a");
}

TEST_P(StoreState, MovesAnMouVersionOnlyFromTheStateThatItIsIn) {
  StoredMouVersion next = Version(2, 12);
  next.state = "ACTIVE";
  EXPECT_TRUE(absl::IsAborted(Put(next, 9))) << "there is none";
  ASSERT_TRUE(Put(Version(2, 9), std::nullopt).ok());
  EXPECT_TRUE(absl::IsAborted(Put(next, std::nullopt))) << "there is one";
  EXPECT_TRUE(absl::IsAborted(Put(next, 8)));
  StoredMouVersion forged = next;
  forged.document = "other";
  EXPECT_TRUE(absl::IsAlreadyExists(Put(forged, 9)));
  EXPECT_TRUE(absl::IsAlreadyExists(Put(forged, std::nullopt)));
  EXPECT_EQ(store_->MouVersions(0)->at(0).state, "SIGNED");
  // Of two that move it on from the same state one does.
  ASSERT_TRUE(Put(next, 9).ok());
  next.log_index = 13;
  EXPECT_TRUE(absl::IsAborted(Put(next, 9)));
  EXPECT_EQ(store_->MouVersions(0)->at(0).log_index, 12u);
}

TEST_P(StoreState, ReplacesAnOrganizationOnlyFromTheStateThatItIsIn) {
  StoredOrganization river{.name = "river-unified",
                           .display_name = "River Unified",
                           .ca_bundle = std::string("ca\0", 3),
                           .crl = "crl",
                           .signatory_bundle = "signatories",
                           .signatory_crl = "",
                           .log_index = 7};
  StoredOrganization hill{.name = "hill-county", .ca_bundle = "hill", .log_index = 8};
  EXPECT_TRUE(absl::IsAborted(Put(river, 7)));
  ASSERT_TRUE(Put(river, std::nullopt).ok());
  ASSERT_TRUE(Put(hill, std::nullopt).ok());
  EXPECT_TRUE(absl::IsAborted(Put(river, std::nullopt)));
  Reopen();
  auto stored = store_->Organizations(0).value();
  ASSERT_THAT(stored, SizeIs(2));
  EXPECT_EQ(stored[0].name, "hill-county");
  EXPECT_EQ(stored[1].display_name, "River Unified");
  EXPECT_EQ(stored[1].ca_bundle, river.ca_bundle);
  EXPECT_EQ(stored[1].crl, "crl");
  EXPECT_EQ(stored[1].signatory_bundle, "signatories");
  EXPECT_EQ(stored[1].signatory_crl, "");
  EXPECT_EQ(stored[1].log_index, 7u);

  StoredOrganization next{.name = "river-unified",
                          .display_name = "River",
                          .ca_bundle = "new",
                          .crl = "new crl",
                          .signatory_bundle = "new signatories",
                          .signatory_crl = "new signatories' crl",
                          .log_index = 12};
  EXPECT_TRUE(absl::IsAborted(Put(next, 8)));
  ASSERT_TRUE(Put(next, 7).ok());
  EXPECT_TRUE(absl::IsAborted(Put(river, 7)));
  Reopen();
  stored = store_->Organizations(0).value();
  ASSERT_THAT(stored, SizeIs(2));
  EXPECT_EQ(stored[0].ca_bundle, "hill");
  EXPECT_EQ(stored[1].display_name, "River");
  EXPECT_EQ(stored[1].ca_bundle, "new");
  EXPECT_EQ(stored[1].crl, "new crl");
  EXPECT_EQ(stored[1].signatory_bundle, "new signatories");
  EXPECT_EQ(stored[1].signatory_crl, "new signatories' crl");
  EXPECT_EQ(stored[1].log_index, 12u);
}

TEST_P(StoreState, KeepsEachCatalogOnceInTheOrderInWhichTheyCame) {
  for (const std::string& kept :
       {std::string("b\0c", 3), std::string("a"), std::string("b\0c", 3)}) {
    EXPECT_TRUE(PutCatalog(kept).ok());
  }
  Reopen();
  EXPECT_THAT(*store_->Catalogs(), ElementsAre(std::string("b\0c", 3), "a"));
}

TEST_P(StoreState, TellsWhatChangedSinceAnEntry) {
  ASSERT_TRUE(Put(Version(1, 3), std::nullopt).ok());
  ASSERT_TRUE(Put(Version(2, 5), std::nullopt).ok());
  ASSERT_TRUE(Put({.name = "hill", .ca_bundle = "x", .log_index = 4}, std::nullopt).ok());
  EXPECT_THAT(*store_->MouVersions(3), SizeIs(2));
  const auto later = store_->MouVersions(4).value();
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_EQ(later[0].version, 2);
  EXPECT_THAT(later[0].signatures, SizeIs(2));
  EXPECT_THAT(*store_->MouVersions(6), IsEmpty());
  EXPECT_THAT(*store_->Organizations(4), SizeIs(1));
  EXPECT_THAT(*store_->Organizations(5), IsEmpty());
}

TEST_P(StoreState, RaisesTheRevisionWithWhatDecisionsRestOnAndWithNothingElse) {
  int64_t before = store_->Revision().value();
  const auto grown = [&] {
    const int64_t now = store_->Revision().value();
    return now > std::exchange(before, now);
  };
  EXPECT_FALSE(grown());
  ASSERT_TRUE(Put(Version(1, 3), std::nullopt).ok());
  EXPECT_TRUE(grown());
  ASSERT_TRUE(Put(Version(1, 4), 3).ok());
  EXPECT_TRUE(grown());
  const StoredOrganization hill{.name = "hill", .ca_bundle = "x", .log_index = 4};
  ASSERT_TRUE(Put(hill, std::nullopt).ok());
  EXPECT_TRUE(grown());
  ASSERT_TRUE(Put(hill, 4).ok());
  EXPECT_TRUE(grown());
  ASSERT_TRUE(PutCatalog("a").ok());
  EXPECT_TRUE(grown());

  ASSERT_TRUE(PutCatalog("a").ok());
  EXPECT_FALSE(grown()) << "it was kept before";
  EXPECT_FALSE(Put(Version(1, 5), 3).ok());
  EXPECT_FALSE(Put(hill, 5).ok());
  EXPECT_FALSE(grown()) << "it was refused";
  PublishAt("one", {RecordOf("k", "bytes")});
  EXPECT_FALSE(grown()) << "a record is none of it";

  // A group's own changes are in the one that it sees; a work that fails takes its own along.
  int64_t within = 0;
  EXPECT_FALSE(store_
                   ->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
                     if (!transaction.PutCatalog("b").ok()) return absl::OkStatus();
                     within = transaction.Revision().value();
                     return absl::CancelledError("after all");
                   }})
                   .ok());
  EXPECT_GT(within, before);
  EXPECT_FALSE(grown());
}

}  // namespace
}  // namespace sluice::server
