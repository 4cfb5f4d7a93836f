#include "policy/code_set.h"

#include <cstring>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/digest.h"
#include "policy/embedded.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kAnimals[] =
    "# Ours.\n"
    "code_set\tAnimal\n"
    "coarser\tLEGS\turi://t/Legs#Unknown\n"
    "hierarchy\tTREE\turi://t/Class#Other\turi://t/All#All\n"
    "code\turi://t/Animal#Red fox\turi://t/Legs#Four\turi://t/Class#Mammal\turi://t/All#All\n"
    "code\turi://t/Animal#Ant\turi://t/Legs#Six\turi://t/Class#Insect\turi://t/All#All\n";

CodeSet Animals() { return *CodeSet::Parse("Animal.tsv", kAnimals); }

void ExpectRefused(absl::string_view text, absl::string_view place) {
  const absl::StatusOr<CodeSet> set = CodeSet::Parse("X.tsv", text);
  ASSERT_FALSE(set.ok()) << text;
  EXPECT_THAT(std::string(set.status().message()), HasSubstr(std::string(place)));
}

TEST(CodeSet, MapsAValueToItsParents) {
  const CodeSet set = Animals();
  EXPECT_EQ(set.Coarser("LEGS")->to.at("uri://t/Animal#Ant"), "uri://t/Legs#Six");
  EXPECT_EQ(set.Level("TREE", 1)->to.at("uri://t/Animal#Red fox"), "uri://t/Class#Mammal");
  EXPECT_EQ(set.Level("TREE", 2)->other, "uri://t/All#All");
  EXPECT_EQ(set.levels("TREE"), 2u);
}

TEST(CodeSet, HasNoLevelZeroNorOneBeyondTheTop) {
  EXPECT_EQ(Animals().Level("TREE", 0), nullptr);
  EXPECT_EQ(Animals().Level("TREE", 3), nullptr);
  EXPECT_EQ(Animals().Level("LEGS", 1), nullptr);
  EXPECT_EQ(Animals().Coarser("TREE"), nullptr);
}

TEST(CodeSet, ResolvesAShortName) {
  EXPECT_THAT(Animals().Resolve("RED_FOX"), ElementsAre("uri://t/Animal#Red fox"));
  EXPECT_THAT(Animals().Resolve("Red fox"), IsEmpty());
}

TEST(CodeSet, ResolvesAnAmbiguousShortNameToAll) {
  const CodeSet set =
      *CodeSet::Parse("X.tsv", "code_set\tX\ncode\turi://a/X#Not set\ncode\turi://b/X#Not-Set\n");
  EXPECT_THAT(set.Resolve("NOT_SET"), ElementsAre("uri://a/X#Not set", "uri://b/X#Not-Set"));
}

TEST(CodeSet, ShortNameIsCapitalsWithRunsAsOneUnderscore) {
  EXPECT_EQ(CodeSet::ShortName("uri://e/X#Filled - mutual consent"), "FILLED_MUTUAL_CONSENT");
  EXPECT_EQ(CodeSet::ShortName("uri://e/X#Physical, Health, and Safety Education"),
            "PHYSICAL_HEALTH_AND_SAFETY_EDUCATION");
}

TEST(CodeSet, DigestIsOfTheFilesBytes) { EXPECT_EQ(Animals().digest(), Sha256Digest(kAnimals)); }

TEST(CodeSet, RefusesAFileThatIsNotOfItsForm) {
  ExpectRefused("", "X.tsv:1");
  ExpectRefused("code_set\tX\ncode\turi://t/X#A", "X.tsv:1");
  ExpectRefused("code\turi://t/X#A\n", "X.tsv:1");
  ExpectRefused("code_set\tX\n", "no code");
  ExpectRefused("code_set\tX\ncode_set\tY\n", "X.tsv:2");
  ExpectRefused("code_set\tX\ncode\tA\n", "X.tsv:2");
  ExpectRefused("code_set\tX\ncode\turi://t/X#A\ncode\turi://t/X#A\n", "X.tsv:3");
  ExpectRefused("code_set\tX\ncode\turi://t/X#A\turi://t/Y#A\n", "X.tsv:2");
  ExpectRefused("code_set\tX\nwhatever\tA\n", "X.tsv:2");
  ExpectRefused("code_set\tX\ncode\turi://t/X#A\ncoarser\tC\turi://t/C#O\n", "X.tsv:3");
  ExpectRefused("code_set\tX\ncoarser\tC\turi://t/C#O\ncoarser\tC\turi://t/C#O\n", "X.tsv:3");
}

TEST(CodeSet, RefusesAHierarchyThatIsNoTree) {
  ExpectRefused(
      "code_set\tX\nhierarchy\tH\turi://t/A#O\turi://t/B#O\n"
      "code\turi://t/X#1\turi://t/A#1\turi://t/B#1\ncode\turi://t/X#2\turi://t/A#1\turi://t/B#2\n",
      "X.tsv:4: not a tree");
}

TEST(CodeSet, RefusesAHierarchyWhoseOtherHasTwoParents) {
  ExpectRefused(
      "code_set\tX\nhierarchy\tH\turi://t/A#O\turi://t/B#O\n"
      "code\turi://t/X#1\turi://t/A#O\turi://t/B#1\n",
      "X.tsv:3: not a tree");
}

TEST(CodeSet, ReadsOrRefusesEveryCorruptByte) {
  const std::string text = kAnimals;
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\0', '\t', '\n', '#', '\xff'}) {
      std::string corrupt = text;
      corrupt[i] = c;
      const absl::StatusOr<CodeSet> set = CodeSet::Parse("X.tsv", corrupt);
      if (!set.ok()) continue;
      EXPECT_FALSE(set->codes().empty());
    }
  }
}

TEST(CodeSets, BuiltInHasEveryFile) {
  const auto sets = CodeSets::BuiltIn();
  ASSERT_TRUE(sets.ok()) << sets.status();
  for (const EmbeddedFile& file : EmbeddedCodeSets()) {
    const CodeSet* const set =
        (*sets)->Find(file.name.substr(0, file.name.size() - strlen(".tsv")));
    ASSERT_NE(set, nullptr) << file.name;
    EXPECT_EQ(set->digest(), Sha256Digest(file.text));
  }
}

TEST(CodeSets, BuiltInShortNamesAreUnambiguous) {
  const auto sets = CodeSets::BuiltIn();
  ASSERT_TRUE(sets.ok());
  for (const EmbeddedFile& file : EmbeddedCodeSets()) {
    const CodeSet* const set =
        (*sets)->Find(file.name.substr(0, file.name.size() - strlen(".tsv")));
    for (const std::string& code : set->codes()) {
      EXPECT_THAT(set->Resolve(CodeSet::ShortName(code)), ElementsAre(code));
    }
  }
}

TEST(CodeSets, RefusesTwoOfOneName) {
  std::vector<CodeSet> sets;
  sets.push_back(Animals());
  sets.push_back(Animals());
  EXPECT_FALSE(CodeSets::Create(std::move(sets)).ok());
}

TEST(CodeSets, RaceHasTheFederalGroups) {
  const auto sets = CodeSets::BuiltIn().value();
  std::set<std::string> groups;
  for (const auto& [code, group] : sets->Find("Race")->Coarser("FEDERAL_RACE")->to) {
    groups.insert(CodeSet::ShortName(group));
  }
  EXPECT_THAT(groups,
              ElementsAre("AMERICAN_INDIAN_OR_ALASKA_NATIVE", "ASIAN", "BLACK_OR_AFRICAN_AMERICAN",
                          "HISPANIC_OR_LATINO", "MIDDLE_EASTERN_OR_NORTH_AFRICAN",
                          "NATIVE_HAWAIIAN_OR_PACIFIC_ISLANDER", "UNKNOWN", "WHITE"));
}

TEST(CodeSets, LocaleHasFourTypes) {
  const auto sets = CodeSets::BuiltIn().value();
  std::set<std::string> types;
  for (const auto& [code, type] : sets->Find("Locale")->Coarser("LOCALE_TYPE")->to) {
    types.insert(CodeSet::ShortName(type));
  }
  EXPECT_THAT(types, ElementsAre("CITY", "RURAL", "SUBURBAN", "TOWN"));
}

// What a license's trouble becomes is what its end becomes.
TEST(CodeSets, TheStandingOfACredentialTellsNothingOfTrouble) {
  const auto sets = CodeSets::BuiltIn().value();
  const CodeMap& standing = *sets->Find("CredentialStatus")->Coarser("CREDENTIAL_STANDING");
  const std::string revoked = standing.to.at("uri://ed-fi.org/CredentialStatusDescriptor#Revoked");
  EXPECT_EQ(revoked, standing.to.at("uri://ed-fi.org/CredentialStatusDescriptor#Expired"));
  EXPECT_EQ(revoked, standing.other);
}

}  // namespace
}  // namespace sluice::policy
