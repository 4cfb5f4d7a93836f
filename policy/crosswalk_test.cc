#include "policy/crosswalk.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/digest.h"

namespace sluice::policy {
namespace {

using ::testing::HasSubstr;

constexpr char kLegs[] =
    "# Ours.\n"
    "crosswalk\tLegs\tLegs\n"
    "map\tfour legs\turi://t/Legs#Four\n"
    "map\turi://old/Legs#4\turi://t/Legs#Four\n";

const CodeSets& Sets() {
  static const auto* const sets = [] {
    std::vector<CodeSet> all;
    all.push_back(*CodeSet::Parse(
        "Legs.tsv", "code_set\tLegs\ncode\turi://t/Legs#Four\ncode\turi://t/Legs#Six\n"));
    return new std::shared_ptr<const CodeSets>(CodeSets::Create(std::move(all)).value());
  }();
  return **sets;
}

void ExpectRefused(const std::string& lines, const std::string& what) {
  const absl::StatusOr<Crosswalk> crosswalk = Crosswalk::Parse("X.tsv", lines, Sets());
  ASSERT_FALSE(crosswalk.ok()) << lines;
  EXPECT_THAT(std::string(crosswalk.status().message()), HasSubstr(what));
}

TEST(Crosswalk, MapsASpellingAndASecondNamespace) {
  const Crosswalk legs = *Crosswalk::Parse("Legs.tsv", kLegs, Sets());
  EXPECT_EQ(legs.name(), "Legs");
  EXPECT_EQ(legs.code_set(), "Legs");
  EXPECT_EQ(legs.digest(), Sha256Digest(kLegs));
  EXPECT_EQ(*legs.Find("four legs"), "uri://t/Legs#Four");
  EXPECT_EQ(*legs.Find("uri://old/Legs#4"), "uri://t/Legs#Four");
}

TEST(Crosswalk, ComparesToTheLetter) {
  const Crosswalk legs = *Crosswalk::Parse("Legs.tsv", kLegs, Sets());
  EXPECT_EQ(legs.Find("Four legs"), nullptr);
  EXPECT_EQ(legs.Find("four legs "), nullptr);
  EXPECT_EQ(legs.Find("uri://other/Legs#4"), nullptr);
  EXPECT_EQ(legs.Find("uri://t/Legs#Four"), nullptr);
}

TEST(Crosswalk, RefusesASourceThatStandsTwice) {
  ExpectRefused("crosswalk\tA\tLegs\nmap\tx\turi://t/Legs#Four\nmap\tx\turi://t/Legs#Six\n",
                "X.tsv:3: stands twice, first at line 2");
}

TEST(Crosswalk, RefusesAResultOutsideItsCodeSet) {
  ExpectRefused("crosswalk\tA\tLegs\nmap\tx\turi://t/Legs#Eight\n",
                "X.tsv:2: maps to no code of the set Legs");
}

TEST(Crosswalk, RefusesAResultThatIsMappedOn) {
  ExpectRefused(
      "crosswalk\tA\tLegs\nmap\tx\turi://t/Legs#Four\nmap\turi://t/Legs#Four\turi://t/Legs#Six\n",
      "X.tsv:2: its result is mapped on");
}

TEST(Crosswalk, RefusesWhatIsNoFileOfItsForm) {
  ExpectRefused("", "the last line does not end");
  ExpectRefused("crosswalk\tA\tLegs\n", "maps nothing");
  ExpectRefused("crosswalk\tA\tWings\n", "X.tsv:1: names a code set that there is not");
  ExpectRefused("crosswalk\ta b\tLegs\n", "its name is no name");
  ExpectRefused("map\tx\turi://t/Legs#Four\n", "the crosswalk line comes first");
  ExpectRefused("crosswalk\tA\tLegs\ncrosswalk\tB\tLegs\n", "X.tsv:2: a second crosswalk line");
  ExpectRefused("crosswalk\tA\tLegs\nmap\t\turi://t/Legs#Four\n", "maps from nothing");
  ExpectRefused("crosswalk\tA\tLegs\nmap\tx\n", "X.tsv:2: has three columns");
  ExpectRefused("crosswalk\tA\tLegs\nmop\tx\ty\n", "unknown line \"mop\"");
  ExpectRefused("crosswalk\tA\tLegs\nmap\tx\xff\turi://t/Legs#Four\n", "X.tsv:2: is not UTF-8");
  ExpectRefused("crosswalk\tA\tLegs\r\n", "X.tsv:1: has a control character");
}

TEST(Crosswalk, NoCorruptByteMapsTheSameTwoSourcesElsewhere) {
  const std::string whole = kLegs;
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char c : {'\0', '\t', '\n', '#', 'x', '\xff'}) {
      std::string text = whole;
      if (text[i] == c) continue;
      text[i] = c;
      const absl::StatusOr<Crosswalk> crosswalk = Crosswalk::Parse("X.tsv", text, Sets());
      if (!crosswalk.ok()) continue;
      EXPECT_NE(crosswalk->digest(), Sha256Digest(whole));
      for (const char* from : {"four legs", "uri://old/Legs#4"}) {
        const std::string* const to = crosswalk->Find(from);
        EXPECT_TRUE(to == nullptr || *to == "uri://t/Legs#Four") << i;
      }
    }
  }
}

TEST(Crosswalks, RefuseTwoOfOneName) {
  const Crosswalk legs = *Crosswalk::Parse("Legs.tsv", kLegs, Sets());
  EXPECT_FALSE(Crosswalks::Create({legs, legs}).ok());
}

TEST(Crosswalks, BuiltInOnesReadTheSpellingsOfPublishedData) {
  const auto sets = CodeSets::BuiltIn().value();
  const auto crosswalks = Crosswalks::BuiltIn(*sets);
  ASSERT_TRUE(crosswalks.ok()) << crosswalks.status();
  const Crosswalk* const race = (*crosswalks)->Find("Race");
  ASSERT_NE(race, nullptr);
  EXPECT_EQ(*race->Find("Black - African American"),
            "uri://ed-fi.org/RaceDescriptor#Black or African American");
  EXPECT_EQ(*race->Find("uri://tpdm.ed-fi.org/RaceDescriptor#Hispanic/Latino"),
            "uri://ed-fi.org/RaceDescriptor#Hispanic or Latino");
  EXPECT_EQ(*(*crosswalks)
                 ->Find("EvaluationPeriod")
                 ->Find("uri://tpdm.ed-fi.org/EvaluationPeriodDescriptor#Fall"),
            "uri://ed-fi.org/EvaluationPeriodDescriptor#Fall");
  EXPECT_EQ((*crosswalks)->Find("Nothing"), nullptr);
}

}  // namespace
}  // namespace sluice::policy
