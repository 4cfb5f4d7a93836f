#include "policy/pseudonym.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::policy {
namespace {

Secret Root() {
  Secret root(32);
  for (size_t i = 0; i < root.size(); ++i) root.mutable_bytes()[i] = static_cast<uint8_t>(i);
  return root;
}

SubjectId FirstSubject() {
  SubjectId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<uint8_t>(i);
  return id;
}

struct Derivation {
  std::string mou = "stem-pipeline";
  std::string recipient = "river-unified";
  uint64_t epoch = 1;
  KeyUse use = KeyUse::kPseudonym;
  std::string space = "person";
};

Pseudonymizer Make(const Derivation& d = {}) {
  return Pseudonymizer::Create(
             DeriveKey(Root(), d.mou, d.recipient, d.epoch, d.use, d.space).value())
      .value();
}

TEST(Pseudonymizer, GivesThePublishedVector) {
  EXPECT_EQ(Make().Of(FirstSubject()), "6tozrgritxde7zj2vwg7jc23a4");
}

TEST(Pseudonymizer, GivesAnotherCodeForEachPartOfTheDerivation) {
  std::set<std::string> codes = {Make().Of(FirstSubject())};
  Derivation other;
  other.mou = "other";
  codes.insert(Make(other).Of(FirstSubject()));
  other = {};
  other.recipient = "other";
  codes.insert(Make(other).Of(FirstSubject()));
  other = {};
  other.epoch = 2;
  codes.insert(Make(other).Of(FirstSubject()));
  other = {};
  other.use = KeyUse::kRow;
  codes.insert(Make(other).Of(FirstSubject()));
  other = {};
  other.space = "Candidate";
  codes.insert(Make(other).Of(FirstSubject()));
  EXPECT_EQ(codes.size(), 6u);
}

TEST(Pseudonymizer, PartsOfTheDerivationCannotRunIntoEachOther) {
  Derivation a, b;
  a.mou = "ab";
  a.recipient = "c";
  b.mou = "a";
  b.recipient = "bc";
  EXPECT_NE(Make(a).Of(FirstSubject()), Make(b).Of(FirstSubject()));
}

TEST(Pseudonymizer, FindsTheRecordBehindARowId) {
  const Pseudonymizer rows = Make({.use = KeyUse::kRow, .space = "Candidate"});
  std::mt19937_64 random(7);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    RecordId id;
    for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random());
    const std::string row_id = rows.Of(id);
    EXPECT_EQ(row_id.size(), kPseudonymLength);
    EXPECT_TRUE(seen.insert(row_id).second);
    EXPECT_EQ(rows.RecordIdOf(row_id), id);
  }
}

TEST(Pseudonymizer, GivesEachOfManyWhatItGivesItAlone) {
  const Pseudonymizer pseudonyms = Make();
  std::mt19937_64 random(8);
  std::vector<Pseudonym> permuted;
  for (const size_t count : {0, 1, 3, 64, 1000, 2}) {
    std::vector<SubjectId> ids(count);
    for (SubjectId& id : ids) {
      for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random());
    }
    pseudonyms.Permute(ids, permuted);
    ASSERT_EQ(permuted.size(), count);
    for (size_t i = 0; i < count; ++i) {
      std::string text(kPseudonymLength, ' ');
      permuted[i].Write(text.data());
      EXPECT_EQ(text, pseudonyms.Of(ids[i]));
    }
  }
}

TEST(Pseudonymizer, RefusesARowIdThatIsNotCanonicalBase32) {
  const Pseudonymizer rows = Make();
  const std::string good = rows.Of(FirstSubject());
  ASSERT_TRUE(rows.RecordIdOf(good).has_value());
  EXPECT_FALSE(rows.RecordIdOf("").has_value());
  EXPECT_FALSE(rows.RecordIdOf(good + "a").has_value());
  EXPECT_FALSE(rows.RecordIdOf(good.substr(1)).has_value());
  for (const char last : std::string("bcdfghjklnoprstvwxz23567")) {
    EXPECT_FALSE(rows.RecordIdOf(good.substr(0, 25) + last).has_value()) << last;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'A', '0', '1', '8', '=', ' ', '\0', '\x80'}) {
      std::string bad = good;
      bad[i] = c;
      EXPECT_FALSE(rows.RecordIdOf(bad).has_value());
    }
  }
}

TEST(Pseudonymizer, TakesAKeyOf32BytesOnly) {
  EXPECT_FALSE(Pseudonymizer::Create(Secret(16)).ok());
  EXPECT_FALSE(Pseudonymizer::Create(Secret(0)).ok());
  EXPECT_FALSE(DeriveKey(Secret(0), "m", "r", 1, KeyUse::kRow, "s").ok());
}

}  // namespace
}  // namespace sluice::policy
