#include "server/store/associated_data.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::server {
namespace {

template <typename Of>
std::string Data(const Of& of) {
  std::string buffer = "left of another";
  return std::string(AssociatedData(of, buffer));
}

TEST(AssociatedData, EachMemberCounts) {
  const OfRecord of{
      .owner = "o", .record_type = "t", .position = 1, .subjects = "s", .identity = "i"};
  std::set<std::string> all = {Data(of)};
  const auto differs = [&](const OfRecord& other) { return all.insert(Data(other)).second; };
  OfRecord other = of;
  other.owner = "p";
  EXPECT_TRUE(differs(other));
  other = of;
  other.record_type = "u";
  EXPECT_TRUE(differs(other));
  other = of;
  other.record_id[15] = 1;
  EXPECT_TRUE(differs(other));
  other = of;
  other.position = 2;
  EXPECT_TRUE(differs(other));
  other = of;
  other.subjects = "z";
  EXPECT_TRUE(differs(other));
  other = of;
  other.identity = "";
  EXPECT_TRUE(differs(other));
  EXPECT_FALSE(differs(of));

  const OfLogOpening opening{.owner = "o", .field = "f", .index = 1};
  std::set<std::string> openings = {Data(opening),
                                    Data(OfLogOpening{"p", "f", 1}),
                                    Data(OfLogOpening{"o", "g", 1}),
                                    Data(OfLogOpening{"o", "f", 2}),
                                    Data(OfDictionaryOpening{"o", 1}),
                                    Data(OfDictionaryOpening{"p", 1}),
                                    Data(OfDictionaryOpening{"o", 2})};
  EXPECT_EQ(openings.size(), 7u);
}

TEST(AssociatedData, NothingCanMoveFromOneMemberToTheNext) {
  EXPECT_NE(Data(OfRecord{.owner = "ab", .record_type = "c"}),
            Data(OfRecord{.owner = "a", .record_type = "bc"}));
  EXPECT_NE(Data(OfRecord{.subjects = "ab", .identity = "c"}),
            Data(OfRecord{.subjects = "a", .identity = "bc"}));
  EXPECT_NE(Data(OfLogOpening{"ab", "c", 1}), Data(OfLogOpening{"a", "bc", 1}));
}

TEST(AssociatedData, EachKindIsItsOwn) {
  // The same members, as far as they have them.
  EXPECT_NE(Data(OfDictionaryOpening{"", 0})[0], Data(OfLogOpening{"", "", 0})[0]);
  EXPECT_NE(Data(OfDictionaryOpening{"", 0})[0], Data(OfRecord{})[0]);
  EXPECT_NE(Data(OfLogOpening{"", "", 0})[0], Data(OfRecord{})[0]);
}

}  // namespace
}  // namespace sluice::server
