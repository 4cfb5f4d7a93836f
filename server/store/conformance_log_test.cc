// What every engine's store must do: keep the log's tables and decisions.
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

TEST_P(StoreConformance, FindsADecisionByItsIdForWhoseItIs) {
  const StoredDecision decision{.decision_id = "00112233445566778899aabbccddeeff",
                                .principal = "p",
                                .decision = std::string("\0\1", 2),
                                .time = kTestTime,
                                .log_index = 4};
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply = [&](Transaction& t) { return t.PutDecision(decision); }})
                  .ok());
  const StoredDecision found = store_->FindDecision(decision.decision_id, "p").value();
  EXPECT_EQ(found.decision, decision.decision);
  EXPECT_EQ(found.time, kTestTime);
  EXPECT_EQ(found.log_index, 4u);
  for (const char* id : {"", "00112233445566778899aabbccddeef0", "00112233445566778899AABBCCDDEEFF",
                         "' OR 1=1 --", "zz112233445566778899aabbccddeeff"}) {
    EXPECT_TRUE(absl::IsNotFound(store_->FindDecision(id, "p").status())) << id;
  }
  for (const char* principal : {"", "P", "pp"}) {
    EXPECT_EQ(store_->FindDecision(decision.decision_id, principal).status(),
              store_->FindDecision("00112233445566778899aabbccddeef0", "p").status())
        << principal;
  }
}

}  // namespace
}  // namespace sluice::server
