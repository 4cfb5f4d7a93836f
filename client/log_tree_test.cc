#include "client/log_tree.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/slow_tree_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

std::vector<std::string> Entries(size_t count) {
  std::vector<std::string> entries;
  for (size_t i = 0; i < count; ++i) entries.push_back(absl::StrCat("{\"entry\":", i, "}"));
  return entries;
}

TEST(TreeHasher, HasTheRootOfTheSlowTreeAtEverySize) {
  const SlowTree slow(Entries(300));
  TreeHasher hasher;
  EXPECT_EQ(hasher.Root(), EmptyRoot());
  for (size_t n = 1; n <= 300; ++n) {
    hasher.Add(slow.leaf(n - 1));
    ASSERT_EQ(hasher.Root(), slow.Root(n)) << n;
  }
}

TEST(VerifyInclusion, AcceptsEveryProofOfTheSlowTree) {
  const SlowTree slow(Entries(70));
  for (size_t size = 1; size <= 70; ++size) {
    for (size_t index = 0; index < size; ++index) {
      ASSERT_TRUE(VerifyInclusion(slow.leaf(index), index, size, slow.Inclusion(index, size),
                                  slow.Root(size))
                      .ok())
          << index << " of " << size;
    }
  }
}

TEST(VerifyInclusion, RefusesAnotherLeafIndexSizeRootOrProof) {
  const SlowTree slow(Entries(40));
  for (size_t index = 0; index < 40; ++index) {
    const std::vector<TreeHash> proof = slow.Inclusion(index, 40);
    const TreeHash root = slow.Root(40);
    EXPECT_FALSE(VerifyInclusion(LeafHash("other"), index, 40, proof, root).ok());
    EXPECT_FALSE(VerifyInclusion(slow.leaf(index), (index + 1) % 40, 40, proof, root).ok());
    EXPECT_FALSE(VerifyInclusion(slow.leaf(index), index, index, proof, root).ok());
    EXPECT_FALSE(VerifyInclusion(slow.leaf(index), index, 40, proof, slow.Root(39)).ok());
    std::vector<TreeHash> changed = proof;
    changed.push_back(root);
    EXPECT_FALSE(VerifyInclusion(slow.leaf(index), index, 40, changed, root).ok());
    changed = proof;
    changed.pop_back();
    EXPECT_FALSE(VerifyInclusion(slow.leaf(index), index, 40, changed, root).ok());
    for (size_t i = 0; i < proof.size(); ++i) {
      changed = proof;
      changed[i][i % 32] ^= 1;
      EXPECT_FALSE(VerifyInclusion(slow.leaf(index), index, 40, changed, root).ok());
    }
  }
}

// The tree's own proof of a range: what stands beside it, from the leaves up.
std::vector<TreeHash> ProofOf(const SlowTree& slow, size_t first, size_t last, size_t size) {
  const auto proof =
      RangeProof(first, last, size, slow.Inclusion(first, size), slow.Inclusion(last, size));
  EXPECT_TRUE(proof.ok()) << proof.status();
  return *proof;
}

std::vector<TreeHash> LeavesOf(const SlowTree& slow, size_t first, size_t last) {
  std::vector<TreeHash> leaves;
  for (size_t i = first; i <= last; ++i) leaves.push_back(slow.leaf(i));
  return leaves;
}

TEST(VerifyRange, AcceptsEveryRangeOfEverySmallTree) {
  const SlowTree slow(Entries(20));
  for (size_t size = 1; size <= 20; ++size) {
    for (size_t first = 0; first < size; ++first) {
      for (size_t last = first; last < size; ++last) {
        ASSERT_TRUE(VerifyRange(LeavesOf(slow, first, last), first, size,
                                ProofOf(slow, first, last, size), slow.Root(size))
                        .ok())
            << first << " to " << last << " of " << size;
      }
    }
  }
}

TEST(VerifyRange, OfOneLeafTakesItsInclusionProof) {
  const SlowTree slow(Entries(37));
  for (size_t index = 0; index < 37; ++index) {
    EXPECT_EQ(ProofOf(slow, index, index, 37), slow.Inclusion(index, 37));
  }
}

TEST(VerifyRange, RefusesOtherLeavesAnotherPlaceSizeRootOrProof) {
  const SlowTree slow(Entries(20));
  const TreeHash root = slow.Root(20);
  for (size_t first = 0; first < 20; ++first) {
    for (size_t last = first; last < 20; ++last) {
      const std::vector<TreeHash> leaves = LeavesOf(slow, first, last);
      const std::vector<TreeHash> proof = ProofOf(slow, first, last, 20);
      for (size_t i = 0; i < leaves.size(); ++i) {
        std::vector<TreeHash> changed = leaves;
        changed[i][0] ^= 1;
        EXPECT_FALSE(VerifyRange(changed, first, 20, proof, root).ok());
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_FALSE(VerifyRange(changed, first, 20, proof, root).ok());
      }
      for (size_t i = 0; i < proof.size(); ++i) {
        std::vector<TreeHash> changed = proof;
        changed[i][31] ^= 1;
        EXPECT_FALSE(VerifyRange(leaves, first, 20, changed, root).ok());
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_FALSE(VerifyRange(leaves, first, 20, changed, root).ok());
      }
      std::vector<TreeHash> longer = proof;
      longer.push_back(root);
      EXPECT_FALSE(VerifyRange(leaves, first, 20, longer, root).ok());
      EXPECT_FALSE(VerifyRange(leaves, first + 1, 20, proof, root).ok());
      EXPECT_FALSE(VerifyRange(leaves, first, last, proof, root).ok());
      EXPECT_FALSE(VerifyRange(leaves, first, 20, proof, slow.Root(19)).ok());
    }
  }
  EXPECT_FALSE(VerifyRange({}, 0, 20, {}, root).ok());
  // No number wraps around.
  EXPECT_FALSE(VerifyRange(LeavesOf(slow, 0, 1), ~uint64_t{0}, ~uint64_t{0}, {}, root).ok());
}

TEST(RangeProof, RefusesProofsOfAnotherLength) {
  const SlowTree slow(Entries(20));
  std::vector<TreeHash> first = slow.Inclusion(3, 20);
  std::vector<TreeHash> last = slow.Inclusion(17, 20);
  ASSERT_TRUE(RangeProof(3, 17, 20, first, last).ok());
  EXPECT_FALSE(RangeProof(17, 3, 20, last, first).ok());
  EXPECT_FALSE(RangeProof(3, 20, 20, first, last).ok());
  first.pop_back();
  EXPECT_FALSE(RangeProof(3, 17, 20, first, last).ok());
  first = slow.Inclusion(3, 20);
  last.push_back(last.back());
  EXPECT_FALSE(RangeProof(3, 17, 20, first, last).ok());
}

TEST(VerifyConsistency, AcceptsEveryProofOfTheSlowTree) {
  const SlowTree slow(Entries(70));
  for (size_t now = 0; now <= 70; ++now) {
    for (size_t before = 0; before <= now; ++before) {
      ASSERT_TRUE(VerifyConsistency(before, slow.Root(before), now, slow.Root(now),
                                    slow.Consistency(before, now))
                      .ok())
          << before << " to " << now;
    }
  }
}

TEST(VerifyConsistency, RefusesAForkARollbackAndAChangedProof) {
  const SlowTree slow(Entries(40));
  std::vector<std::string> entries = Entries(40);
  entries[7] = "another history";
  const SlowTree fork(entries);
  for (size_t before = 8; before < 40; ++before) {
    const std::vector<TreeHash> proof = slow.Consistency(before, 40);
    const TreeHash root = slow.Root(40);
    EXPECT_FALSE(VerifyConsistency(before, fork.Root(before), 40, root, proof).ok());
    EXPECT_FALSE(VerifyConsistency(before, slow.Root(before), 40, fork.Root(40),
                                   fork.Consistency(before, 40))
                     .ok());
    EXPECT_FALSE(VerifyConsistency(40, root, before, slow.Root(before), proof).ok());
    EXPECT_FALSE(VerifyConsistency(40, root, 40, fork.Root(40), {}).ok());
    for (size_t i = 0; i < proof.size(); ++i) {
      std::vector<TreeHash> changed = proof;
      changed[i][31] ^= 0x80;
      EXPECT_FALSE(VerifyConsistency(before, slow.Root(before), 40, root, changed).ok());
    }
    std::vector<TreeHash> longer = proof;
    longer.push_back(root);
    EXPECT_FALSE(VerifyConsistency(before, slow.Root(before), 40, root, longer).ok());
    std::vector<TreeHash> shorter = proof;
    shorter.pop_back();
    EXPECT_FALSE(VerifyConsistency(before, slow.Root(before), 40, root, shorter).ok());
  }
}

TEST(VerifyConsistency, RefusesAnythingButTheEmptyRootForTheEmptyTree) {
  const SlowTree slow(Entries(3));
  EXPECT_FALSE(VerifyConsistency(0, slow.Root(1), 3, slow.Root(3), {}).ok());
}

}  // namespace
}  // namespace sluice::client
