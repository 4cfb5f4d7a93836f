// A read's rows, over the ends of its batches and chunks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/escaping.h"
#include "server/audit/merkle.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class ExchangeChunks : public ExchangeFixture {
 protected:
  // In publishes of what one may hold.
  void PublishMany(int count) {
    constexpr int kMost = 10'000;
    for (int first = 0; first < count; first += kMost) {
      std::vector<v1::Candidate> candidates;
      for (int i = first; i < std::min(count, first + kMost); ++i) candidates.push_back(Covered(i));
      Publish(candidates, absl::StrCat("from-", first));
    }
  }
};

std::string Framed(const std::string& bytes) {
  std::string framed;
  for (int shift = 24; shift >= 0; shift -= 8) {
    framed += static_cast<char>(bytes.size() >> shift & 0xff);
  }
  return framed + bytes;
}

TEST_F(ExchangeChunks, EndWithTheDigestOfAllRowsAsTheyWereSent) {
  // The last batch is smaller than those before it.
  PublishMany(2 * Answer::kBatchRows + 5);
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  ASSERT_THAT(reader.messages, SizeIs(1 + 3 + 1));
  std::string all;
  for (const auto& [id, record] : reader.Rows()) absl::StrAppend(&all, Framed(id), Framed(record));
  const Hash hash = Sha256(all);
  EXPECT_EQ(reader.messages.back().trailer().rows_digest(),
            absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                        reinterpret_cast<const char*>(hash.data()), hash.size()))));
}

TEST_F(ExchangeChunks, HaveEachRowOnceAndNoMoreThanFit) {
  // The store's pages do not end where chunks do.
  constexpr int kRows = Release::kChunkRows + 10;
  PublishMany(kRows);
  KeptMessages reader;
  ASSERT_TRUE(Read(Request(), reader).ok());
  std::map<std::string, int> times;
  for (const auto& [id, record] : reader.Rows()) ++times[id];
  EXPECT_THAT(times, SizeIs(kRows));
  EXPECT_EQ(reader.messages.back().trailer().row_count(), kRows);
  const std::vector<std::string> disclosures = Entries("disclosure");
  ASSERT_THAT(disclosures, SizeIs(2));
  EXPECT_THAT(disclosures[0], HasSubstr(absl::StrCat("\"released\":", Release::kChunkRows, "}")));
  EXPECT_THAT(disclosures[1], HasSubstr("\"released\":10}"));
}

}  // namespace
}  // namespace sluice::server
