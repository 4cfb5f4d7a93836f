#include "server/audit/merkle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/audit/hash_tiles.h"
#include "tests/support/slow_tree.h"

namespace sluice::server {
namespace {

std::string Hex(const Hash& hash) { return absl::BytesToHexString(HashBytes(hash)); }

// What the published test data of Certificate Transparency has: eight leaves, and the root of each
// first few of them.
TEST(CompactRange, GivesTheRootsOfCertificateTransparencysTestData) {
  const std::vector<std::string> leaves = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  CompactRange range;
  for (size_t i = 0; i < leaves.size(); ++i) {
    range.Append(LeafHash(absl::HexStringToBytes(leaves[i])));
    EXPECT_EQ(Hex(range.Root()), roots[i]) << i + 1;
  }
}

TEST(CompactRange, HasTheHashOfNothingWhenEmpty) {
  EXPECT_EQ(Hex(CompactRange().Root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(CompactRange, RefusesHashesThatDoNotFitItsSize) {
  EXPECT_TRUE(CompactRange::Create(5, std::vector<Hash>(2)).ok());
  EXPECT_FALSE(CompactRange::Create(5, std::vector<Hash>(3)).ok());
  EXPECT_FALSE(CompactRange::Create(0, std::vector<Hash>(1)).ok());
}

// A tree of numbered leaves, in both forms.
class HashTilesTest : public testing::Test {
 protected:
  void Grow(size_t size) {
    for (size_t i = leaves_.size(); i < size; ++i) {
      leaves_.push_back(LeafHash(absl::StrCat("entry ", i)));
      tiles_.Append({&leaves_.back(), 1});
      range_.Append(leaves_.back());
    }
  }
  slow::Leaves First(size_t size) const { return slow::Leaves(leaves_).subspan(0, size); }

  std::vector<Hash> leaves_;
  CompactRange range_;
  HashTiles tiles_{[this](uint64_t begin, uint64_t end) -> absl::StatusOr<std::vector<Hash>> {
    return std::vector<Hash>(leaves_.begin() + begin, leaves_.begin() + end);
  }};
};

TEST_F(HashTilesTest, AgreesWithTheSlowTreeAtAllSmallSizes) {
  Grow(300);
  for (size_t size = 0; size <= 300; ++size) {
    ASSERT_EQ(tiles_.Root(size).value(), slow::Root(First(size))) << size;
    for (size_t i = 0; i < size; i += size < 70 ? 1 : 7) {
      ASSERT_EQ(tiles_.InclusionProof(i, size).value(), slow::Inclusion(i, First(size)))
          << i << " of " << size;
    }
    for (size_t old = 1; old <= size; old += size < 70 ? 1 : 7) {
      ASSERT_EQ(tiles_.ConsistencyProof(old, size).value(), slow::Consistency(old, First(size)))
          << old << " to " << size;
    }
  }
}

// Verified by RFC 9162's algorithms, which are written apart from those that make proofs.
TEST_F(HashTilesTest, ProvesInclusionAndConsistencyAtTheEdgesOfTiles) {
  std::mt19937_64 random(20261122);
  std::vector<std::pair<size_t, Hash>> roots;
  for (size_t size : {1, 2, 3, 255, 256, 257, 511, 512, 65535, 65536, 65537, 70000, 131073}) {
    Grow(size);
    roots.emplace_back(size, range_.Root());
  }
  for (const auto& [size, root] : roots) {
    EXPECT_EQ(tiles_.Root(size).value(), root) << size;
    for (size_t index : {size_t{0}, size / 2, size - 1, random() % size, random() % size}) {
      const std::vector<Hash> proof = tiles_.InclusionProof(index, size).value();
      EXPECT_EQ(slow::RootOfInclusion(index, size, leaves_[index], proof), root)
          << index << " of " << size;
      EXPECT_EQ(RootOfInclusion(index, size, leaves_[index], proof).value(), root)
          << index << " of " << size;
    }
    for (const auto& [old, old_root] : roots) {
      if (old > size) continue;
      EXPECT_TRUE(
          slow::IsConsistent(old, size, old_root, root, tiles_.ConsistencyProof(old, size).value()))
          << old << " to " << size;
    }
  }
}

TEST_F(HashTilesTest, AProofPutsNoOtherLeafAndNoOtherPlaceIntoTheTree) {
  Grow(70);
  for (size_t index = 0; index < 70; ++index) {
    const std::vector<Hash> proof = tiles_.InclusionProof(index, 70).value();
    EXPECT_NE(RootOfInclusion(index, 70, LeafHash("another"), proof).value(), range_.Root());
    const absl::StatusOr<Hash> elsewhere = RootOfInclusion(index ^ 1, 70, leaves_[index], proof);
    EXPECT_TRUE(!elsewhere.ok() || *elsewhere != range_.Root()) << index;
    EXPECT_FALSE(RootOfInclusion(index, 70, leaves_[index], absl::MakeSpan(proof).subspan(1)).ok());
  }
  EXPECT_FALSE(RootOfInclusion(70, 70, leaves_[0], {}).ok());
}

TEST_F(HashTilesTest, TellsEachLeafWhateverWasAskedBefore) {
  Grow(600);
  for (const uint64_t index : {599u, 0u, 511u, 512u, 256u, 255u, 1u, 300u, 599u}) {
    EXPECT_EQ(tiles_.Leaf(index).value(), leaves_[index]) << index;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(tiles_.Leaf(600).status()));
}

TEST_F(HashTilesTest, ALeafThatIsAnotherNowIsNoPartOfTheTree) {
  Grow(600);
  const Hash was = std::exchange(leaves_[300], LeafHash("another"));
  EXPECT_TRUE(absl::IsDataLoss(tiles_.Leaf(300).status()));
  EXPECT_TRUE(absl::IsDataLoss(tiles_.Leaf(301).status()));
  EXPECT_TRUE(absl::IsDataLoss(tiles_.InclusionProof(301, 600).status()));
  EXPECT_EQ(tiles_.Leaf(17).value(), leaves_[17]);
  leaves_[300] = was;
  EXPECT_EQ(tiles_.Leaf(300).value(), was);
}

TEST_F(HashTilesTest, ForgetsWhatItHasReadWithAllElse) {
  Grow(600);
  ASSERT_TRUE(tiles_.Leaf(300).ok());
  tiles_.Clear();
  leaves_.clear();
  range_ = CompactRange();
  EXPECT_TRUE(absl::IsInvalidArgument(tiles_.Leaf(300).status()));
  for (int i = 0; i < 600; ++i) {
    leaves_.push_back(LeafHash(absl::StrCat("of another tree ", i)));
    tiles_.Append({&leaves_.back(), 1});
  }
  EXPECT_EQ(tiles_.Leaf(300).value(), leaves_[300]);
}

TEST_F(HashTilesTest, RefusesWhatTheTreeDoesNotHave) {
  Grow(300);
  EXPECT_FALSE(tiles_.InclusionProof(300, 300).ok());
  EXPECT_FALSE(tiles_.InclusionProof(0, 301).ok());
  EXPECT_FALSE(tiles_.ConsistencyProof(3, 301).ok());
  EXPECT_FALSE(tiles_.ConsistencyProof(4, 3).ok());
  EXPECT_TRUE(tiles_.ConsistencyProof(0, 300).value().empty());
  EXPECT_TRUE(tiles_.Tile(0, 0, 256).ok());
  EXPECT_TRUE(tiles_.Tile(0, 1, 44).ok());
  EXPECT_FALSE(tiles_.Tile(0, 1, 45).ok());
  EXPECT_FALSE(tiles_.Tile(0, 2, 1).ok());
  EXPECT_FALSE(tiles_.Tile(0, 0, 0).ok());
  EXPECT_FALSE(tiles_.Tile(0, 0, 257).ok());
  EXPECT_FALSE(tiles_.Tile(0, ~uint64_t{0} / 256, 1).ok());
  EXPECT_TRUE(tiles_.Tile(1, 0, 1).ok());
  EXPECT_FALSE(tiles_.Tile(1, 0, 2).ok());
  EXPECT_FALSE(tiles_.Tile(8, 0, 1).ok());
  EXPECT_FALSE(tiles_.Tile(-1, 0, 1).ok());
}

}  // namespace
}  // namespace sluice::server
