#include "server/row_order.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::server {
namespace {

constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

ReleasedRow RowOf(const std::string& id, uint32_t begin) {
  ReleasedRow row;
  std::memset(row.row_id, 'a', sizeof row.row_id);
  std::memcpy(row.row_id, id.data(), id.size());
  row.begin = begin;
  row.size = begin + 1;
  return row;
}

std::string IdOf(const ReleasedRow& row) { return std::string(row.row_id, sizeof row.row_id); }

void ExpectOrdered(std::vector<ReleasedRow> rows) {
  std::vector<std::pair<std::string, uint32_t>> expected;
  for (const ReleasedRow& row : rows) expected.emplace_back(IdOf(row), row.begin);
  std::sort(expected.begin(), expected.end());
  OrderById(rows);
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(IdOf(rows[i]), expected[i].first);
    EXPECT_EQ(rows[i].begin, expected[i].second);
    EXPECT_EQ(rows[i].size, expected[i].second + 1);
  }
}

TEST(RowOrder, IsThatOfTheIdsBytes) {
  std::mt19937 random(3);
  for (const size_t count : {0, 1, 2, 100, 20'000}) {
    std::vector<ReleasedRow> rows;
    for (size_t i = 0; i < count; ++i) {
      std::string id;
      for (size_t c = 0; c < sizeof(ReleasedRow::row_id); ++c) id += kAlphabet[random() % 32];
      rows.push_back(RowOf(id, static_cast<uint32_t>(i)));
    }
    ExpectOrdered(std::move(rows));
  }
}

TEST(RowOrder, HasEveryBeginningOfAnIdInItsPlace) {
  std::vector<ReleasedRow> rows;
  for (const char first : std::string(kAlphabet)) {
    for (const char second : std::string(kAlphabet)) {
      rows.push_back(RowOf({first, second}, static_cast<uint32_t>(rows.size())));
    }
  }
  ExpectOrdered(std::move(rows));
}

TEST(RowOrder, TellsIdsApartByTheirLastCharacters) {
  std::vector<ReleasedRow> rows;
  for (const char last : std::string("zq7a2m")) {
    rows.push_back(RowOf(std::string(25, 'k') + last, static_cast<uint32_t>(rows.size())));
  }
  ExpectOrdered(std::move(rows));
}

TEST(RowOrder, HasEachNumberOnceAndTheSmallestFirst) {
  std::mt19937 random(4);
  for (const uint32_t most : {1u, 50u, 5'000u, 10'000'000u, 0xffffffffu}) {
    for (const int count : {0, 1, 20, 2'045, 20'000}) {
      std::vector<uint32_t> numbers = {most, 0, most};
      for (int i = 0; i < count; ++i) numbers.push_back(random() % most);
      std::vector<uint32_t> expected = numbers;
      std::sort(expected.begin(), expected.end());
      expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
      OrderOnce(numbers);
      EXPECT_THAT(numbers, ::testing::ContainerEq(expected)) << most;
    }
  }
  std::vector<uint32_t> none;
  OrderOnce(none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace sluice::server
