// A bitmap says who is in it, and bytes that are no bitmap's say nothing.
#include "policy/subject_bitmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <roaring/roaring.hh>
#include <set>

namespace sluice::policy {
namespace {

TEST(SubjectBitmap, HoldsItsOrdinalsAndNoOthers) {
  const std::vector<std::vector<uint32_t>> sets = {
      {}, {1}, {1, 2, 3, 4, 5, 9}, {7, 65535, 65536, 200'000, 4'294'967'295}};
  for (const std::vector<uint32_t>& ordinals : sets) {
    const std::string bytes = SubjectBitmap::Write(ordinals);
    const auto bitmap = SubjectBitmap::Read(bytes);
    ASSERT_TRUE(bitmap.ok()) << bitmap.status();
    const std::set<uint32_t> in(ordinals.begin(), ordinals.end());
    std::set<uint32_t> containers;
    for (const uint32_t ordinal : ordinals) {
      containers.insert(ordinal / 65536);
      for (const uint32_t near : {ordinal - 1, ordinal, ordinal + 1}) {
        EXPECT_EQ(bitmap->Contains(near), in.count(near) > 0) << near;
      }
    }
    EXPECT_EQ(bitmap->Containers(), std::vector<uint32_t>(containers.begin(), containers.end()));
  }
}

TEST(SubjectBitmap, IsSmallWhereOrdinalsFollowOneAnother) {
  std::vector<uint32_t> ordinals(65'536);
  for (uint32_t i = 0; i < ordinals.size(); ++i) ordinals[i] = 100'000 + i;
  EXPECT_LT(SubjectBitmap::Write(ordinals).size(), 64u);
}

TEST(SubjectBitmap, TakesNoBytesThatAreCutOrTooMany) {
  const std::string bytes = SubjectBitmap::Write({1, 2, 3, 70'000, 70'002, 140'000});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(SubjectBitmap::Read(bytes.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(SubjectBitmap::Read(bytes + '\0').status()));
  EXPECT_TRUE(SubjectBitmap::Read(bytes).ok());
}

// Whatever a byte is changed to: refused, or another set that is well formed.
TEST(SubjectBitmap, SurvivesEachByteChanged) {
  std::vector<uint32_t> ordinals = {1, 2, 3, 70'000, 70'002, 140'000};
  for (uint32_t i = 0; i < 6000; ++i) ordinals.push_back(200'000 + 3 * i);
  const std::string bytes = SubjectBitmap::Write(ordinals);
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 120); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      const auto bitmap = SubjectBitmap::Read(changed);
      if (!bitmap.ok()) continue;
      // What is taken is what the library takes it for.
      const Roaring library = Roaring::readSafe(changed.data(), changed.size());
      ASSERT_EQ(bitmap->size(), library.cardinality()) << i << " " << value;
      for (const uint32_t ordinal : library) {
        if (ordinal % 5 != 0) continue;
        ASSERT_TRUE(bitmap->Contains(ordinal)) << i << " " << value;
      }
      const std::vector<uint32_t> containers = bitmap->Containers();
      EXPECT_TRUE(std::is_sorted(containers.begin(), containers.end()));
    }
  }
}

// Held against the library, over sets of each kind of container.
TEST(SubjectBitmap, ReadsWhatTheLibraryReads) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Roaring expected;
    const int containers = static_cast<int>(random() % 7);
    for (int c = 0; c < containers; ++c) {
      const uint32_t begin = (random() % 40) << 16;
      switch (random() % 3) {
        case 0:
          for (int i = 0; i < 50; ++i) expected.add(begin + random() % 65536);
          break;
        case 1:
          for (int i = 0; i < 20'000; ++i) expected.add(begin + random() % 65536);
          break;
        default:
          const uint32_t from = begin + random() % 30'000;
          expected.addRange(from, from + random() % 30'000);
      }
    }
    if (round % 2 == 0) expected.runOptimize();
    std::string bytes(expected.getSizeInBytes(true), '\0');
    expected.write(bytes.data(), true);
    const auto read = SubjectBitmap::Read(bytes);
    ASSERT_TRUE(read.ok()) << round;
    EXPECT_EQ(read->size(), expected.cardinality());
    for (int i = 0; i < 2000; ++i) {
      const uint32_t ordinal = random() % (41 << 16);
      ASSERT_EQ(read->Contains(ordinal), expected.contains(ordinal)) << round << " " << ordinal;
    }
    for (const uint32_t ordinal : expected) {
      if (ordinal % 7 != 0) continue;
      ASSERT_TRUE(read->Contains(ordinal)) << round << " " << ordinal;
    }
  }
}

}  // namespace
}  // namespace sluice::policy
