// What every engine's store must do: keep the log's tables, MOU versions and decisions.
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
using ::testing::SizeIs;

LogRow RowOf(uint64_t index) {
  return {.index = index,
          .leaf_hash = DigestOf(index),
          .writer = "gateway-1",
          .boot = "b0",
          .wseq = index + 1,
          .body = absl::StrCat("entry ", index),
          .openings = {{.owner = "o", .field = "f", .salt = "s", .value = absl::StrCat(index)}}};
}

TEST_P(StoreConformance, BeginsWithTheHeadOfAnEmptyLog) {
  const LogHead head = store_->ReadLogHead().value();
  EXPECT_EQ(head.size, 0u);
  EXPECT_THAT(head.compact_range, IsEmpty());
  EXPECT_EQ(head.checkpoint, "");
  EXPECT_THAT(store_->ReadLeafHashes(0, 10).value(), IsEmpty());
}

TEST_P(StoreConformance, KeepsLogRowsWithTheirOpeningsAndTheHead) {
  const LogHead head{.size = 3,
                     .root = DigestOf(99),
                     .compact_range = {DigestOf(1), DigestOf(2)},
                     .checkpoint = "note"};
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply =
                                [&](Transaction& transaction) {
                                  for (uint64_t i = 0; i < 3; ++i) {
                                    absl::Status status = transaction.InsertLogRow(RowOf(i));
                                    if (!status.ok()) return status;
                                  }
                                  return transaction.UpdateLogHead(0, head);
                                }})
                  .ok());
  Reopen();
  const LogHead stored = store_->ReadLogHead().value();
  EXPECT_EQ(stored.size, 3u);
  EXPECT_EQ(stored.root, head.root);
  EXPECT_EQ(stored.compact_range, head.compact_range);
  EXPECT_EQ(stored.checkpoint, "note");
  std::vector<std::string> rows;
  ASSERT_TRUE(store_
                  ->ReadLogRows(1, 3,
                                [&](const LogRow& row) {
                                  EXPECT_EQ(row.leaf_hash, DigestOf(row.index));
                                  EXPECT_THAT(row.openings, IsEmpty());
                                  rows.push_back(absl::StrCat(row.index, row.writer, row.boot,
                                                              row.wseq, row.body));
                                  return true;
                                })
                  .ok());
  EXPECT_THAT(rows, ElementsAre("1gateway-1b02entry 1", "2gateway-1b03entry 2"));
  EXPECT_THAT(store_->ReadLeafHashes(0, 2).value(), ElementsAre(DigestOf(0), DigestOf(1)));
  const auto openings = store_->ReadOpenings(2).value();
  ASSERT_THAT(openings, SizeIs(1));
  EXPECT_EQ(openings[0].owner + openings[0].field + openings[0].salt + openings[0].value, "ofs2");
  EXPECT_EQ(store_->LastWseq("gateway-1", "b0").value(), 3u);
  EXPECT_TRUE(absl::IsNotFound(store_->LastWseq("gateway-1", "b1").status()));
}

TEST_P(StoreConformance, MovesTheHeadOnlyFromTheSizeItHas) {
  const auto move = [&](uint64_t from, uint64_t to) {
    return store_->Commit({.is_append = true, .apply = [=](Transaction& transaction) {
                             return transaction.UpdateLogHead(from, {.size = to});
                           }});
  };
  EXPECT_TRUE(move(0, 5).ok());
  EXPECT_TRUE(absl::IsAborted(move(0, 6)));
  EXPECT_TRUE(absl::IsAborted(move(4, 6)));
  EXPECT_EQ(store_->ReadLogHead()->size, 5u);
}

TEST_P(StoreConformance, NeverWritesALogIndexTwice) {
  const auto append = [&](LogRow row) {
    return store_->Commit({.is_append = true, .apply = [row](Transaction& transaction) {
                             return transaction.InsertLogRow(row);
                           }});
  };
  EXPECT_TRUE(append(RowOf(0)).ok());
  EXPECT_FALSE(append(RowOf(0)).ok());
  LogRow same_wseq = RowOf(1);
  same_wseq.wseq = 1;
  EXPECT_FALSE(append(same_wseq).ok());
  EXPECT_THAT(store_->ReadLeafHashes(0, 9).value(), SizeIs(1));
}

TEST_P(StoreConformance, KeepsTheDictionarysHeadAndOpenings) {
  std::pair<uint64_t, std::vector<Hash>> before, after;
  ASSERT_TRUE(store_
                  ->Commit({.apply =
                                [&](Transaction& transaction) {
                                  before = transaction.DictionaryHead("o").value();
                                  absl::Status status =
                                      transaction.PutDictionaryHead("o", 2, {DigestOf(7)});
                                  if (!status.ok()) return status;
                                  status = transaction.PutDictionaryHead("o", 3, {DigestOf(8)});
                                  if (!status.ok()) return status;
                                  return transaction.PutDictionaryOpenings("o", 0, {"one", "two"});
                                }})
                  .ok());
  EXPECT_EQ(before.first, 0u);
  EXPECT_THAT(before.second, IsEmpty());
  Reopen();
  EXPECT_FALSE(store_
                   ->Commit({.apply =
                                 [&](Transaction& transaction) {
                                   after = transaction.DictionaryHead("o").value();
                                   return transaction.PutDictionaryOpenings("o", 1, {"other"});
                                 }})
                   .ok());
  EXPECT_EQ(after.first, 3u);
  EXPECT_THAT(after.second, ElementsAre(DigestOf(8)));
}

TEST_P(StoreConformance, KeepsEachCatalogOnceInTheOrderInWhichTheyCame) {
  for (const std::string& kept :
       {std::string("b\0c", 3), std::string("a"), std::string("b\0c", 3)}) {
    EXPECT_TRUE(
        store_
            ->Commit(
                {.apply = [&](Transaction& transaction) { return transaction.PutCatalog(kept); }})
            .ok());
  }
  Reopen();
  EXPECT_THAT(*store_->Catalogs(), ElementsAre(std::string("b\0c", 3), "a"));
}

TEST_P(StoreConformance, TakesAnMouVersionInOnceAndMovesItOn) {
  StoredMouVersion version{
      .mou = "stem",
      .version = 2,
      .document = std::string("mou: stem\n\0x", 12),
      .signatures = {{"a", std::string("\x30\0", 2), kTestTime}, {"b", "\x31", kTestTime}},
      .state = "SIGNED",
      .log_index = 9};
  const auto put = [&](StoredMouVersion it) {
    return store_->Commit(
        {.apply = [it](Transaction& transaction) { return transaction.PutMouVersion(it); }});
  };
  EXPECT_TRUE(put(version).ok());
  StoredMouVersion forged = version;
  forged.document = "other";
  EXPECT_TRUE(absl::IsAlreadyExists(put(forged)));
  Reopen();
  const auto versions = store_->MouVersions().value();
  ASSERT_THAT(versions, SizeIs(1));
  EXPECT_EQ(versions[0].mou, "stem");
  EXPECT_EQ(versions[0].version, 2);
  EXPECT_EQ(versions[0].document, version.document);
  EXPECT_EQ(versions[0].log_index, 9u);
  ASSERT_THAT(versions[0].signatures, SizeIs(2));
  EXPECT_EQ(versions[0].signatures[0].cms_der, version.signatures[0].cms_der);
  EXPECT_EQ(versions[0].signatures[0].received, kTestTime);
  EXPECT_EQ(versions[0].state, "SIGNED");

  version.state = "NOT_SIGNED";
  version.log_index = 12;
  version.signatures.pop_back();
  EXPECT_TRUE(put(version).ok());
  Reopen();
  const auto moved = store_->MouVersions().value();
  ASSERT_THAT(moved, SizeIs(1));
  EXPECT_EQ(moved[0].document, version.document);
  EXPECT_EQ(moved[0].state, "NOT_SIGNED");
  EXPECT_EQ(moved[0].log_index, 12u);
  ASSERT_THAT(moved[0].signatures, SizeIs(1));
  EXPECT_EQ(moved[0].signatures[0].organization, "a");
}

TEST_P(StoreConformance, ReplacesAnOrganizationOnlyFromTheStateThatItIsIn) {
  StoredOrganization river{.name = "river-unified",
                           .display_name = "River Unified",
                           .ca_bundle = std::string("ca\0", 3),
                           .crl = "crl",
                           .signatory_bundle = "signatories",
                           .signatory_crl = "",
                           .log_index = 7};
  StoredOrganization hill{.name = "hill-county", .ca_bundle = "hill", .log_index = 8};
  const auto put = [&](const StoredOrganization& it, std::optional<uint64_t> replaces) {
    return store_->Commit(
        {.apply = [&](Transaction& t) { return t.PutOrganization(it, replaces); }});
  };
  EXPECT_TRUE(absl::IsAborted(put(river, 7)));
  ASSERT_TRUE(put(river, std::nullopt).ok());
  ASSERT_TRUE(put(hill, std::nullopt).ok());
  EXPECT_TRUE(absl::IsAborted(put(river, std::nullopt)));
  Reopen();
  auto stored = store_->Organizations().value();
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
  EXPECT_TRUE(absl::IsAborted(put(next, 8)));
  ASSERT_TRUE(put(next, 7).ok());
  EXPECT_TRUE(absl::IsAborted(put(river, 7)));
  Reopen();
  stored = store_->Organizations().value();
  ASSERT_THAT(stored, SizeIs(2));
  EXPECT_EQ(stored[0].ca_bundle, "hill");
  EXPECT_EQ(stored[1].display_name, "River");
  EXPECT_EQ(stored[1].ca_bundle, "new");
  EXPECT_EQ(stored[1].crl, "new crl");
  EXPECT_EQ(stored[1].signatory_bundle, "new signatories");
  EXPECT_EQ(stored[1].signatory_crl, "new signatories' crl");
  EXPECT_EQ(stored[1].log_index, 12u);
}

TEST_P(StoreConformance, FindsADecisionByItsId) {
  const StoredDecision decision{.decision_id = "00112233445566778899aabbccddeeff",
                                .principal = "p",
                                .decision = std::string("\0\1", 2),
                                .time = kTestTime,
                                .log_index = 4};
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply = [&](Transaction& t) { return t.PutDecision(decision); }})
                  .ok());
  const StoredDecision found = store_->FindDecision(decision.decision_id).value();
  EXPECT_EQ(found.principal, "p");
  EXPECT_EQ(found.decision, decision.decision);
  EXPECT_EQ(found.time, kTestTime);
  EXPECT_EQ(found.log_index, 4u);
  for (const char* id : {"", "00112233445566778899aabbccddeef0", "00112233445566778899AABBCCDDEEFF",
                         "' OR 1=1 --", "zz112233445566778899aabbccddeeff"}) {
    EXPECT_TRUE(absl::IsNotFound(store_->FindDecision(id).status())) << id;
  }
}

}  // namespace
}  // namespace sluice::server
