#include "policy/strict_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "line:column id message" of each finding.
std::vector<std::string> Refused(absl::string_view text) {
  std::vector<std::string> all;
  for (const Finding& f : ReadStrictYaml("f.yaml", text).findings) {
    all.push_back(absl::StrCat(f.place.line, ":", f.place.column, " ", f.id, " ", f.message));
  }
  return all;
}

std::string Only(absl::string_view text) {
  const std::vector<std::string> all = Refused(text);
  return all.size() == 1 ? all[0] : absl::StrCat(all.size(), " findings");
}

constexpr char kSubset[] = "P021 not in the YAML subset: ";

TEST(StrictYaml, ReadsMappingsSequencesAndScalarsInOrderWithTheirPlaces) {
  const YamlRead read = ReadStrictYaml(
      "f.yaml", "a: NO\nb:\n  - 2026-01-01\n  - {c: 'x', d: \"y\"}\n# é\ne: [1, 2]\nf: |\n  p\n");
  ASSERT_THAT(read.findings, IsEmpty());
  ASSERT_TRUE(read.root.has_value());
  ASSERT_EQ(read.root->children.size(), 4u);
  const YamlNode& a = read.root->children[0];
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.scalar, "NO");
  EXPECT_EQ(a.style, YamlNode::Style::kPlain);
  EXPECT_EQ(a.place.line, 1);
  EXPECT_EQ(a.place.column, 4);
  const YamlNode& b = read.root->children[1];
  EXPECT_EQ(b.kind, YamlNode::Kind::kSequence);
  EXPECT_EQ(b.children[0].scalar, "2026-01-01");
  EXPECT_EQ(b.children[1].children[0].style, YamlNode::Style::kQuoted);
  EXPECT_EQ(b.children[1].children[1].style, YamlNode::Style::kQuoted);
  EXPECT_EQ(b.children[1].children[1].key_place.line, 4);
  EXPECT_EQ(b.children[1].children[1].key_place.column, 14);
  EXPECT_EQ(read.root->children[2].key_place.line, 6);
  EXPECT_EQ(read.root->children[3].style, YamlNode::Style::kBlock);
}

TEST(StrictYaml, CountsColumnsInCodePoints) {
  EXPECT_EQ(Only("{t: é, u: ~}\n"), absl::StrCat("1:11 ", kSubset, "null"));
}

TEST(StrictYaml, RefusesADuplicateKeyAndNamesTheFirst) {
  EXPECT_EQ(Only("a: 1\nb: 2\na: 3\n"), "3:1 P022 duplicate key \"a\", first at line 1");
}

TEST(StrictYaml, KeepsTheFirstOfTwoValues) {
  const YamlRead read = ReadStrictYaml("f", "a: 1\na: {b: [2]}\nc: 3\n");
  ASSERT_EQ(read.root->children.size(), 2u);
  EXPECT_EQ(read.root->children[0].scalar, "1");
  EXPECT_EQ(read.root->children[1].key, "c");
}

TEST(StrictYaml, RefusesAnchorsAndAliases) {
  EXPECT_THAT(Refused("a: &x 1\nb: *x\n"), ElementsAre(absl::StrCat("1:4 ", kSubset, "anchor"),
                                                       absl::StrCat("2:4 ", kSubset, "alias")));
  EXPECT_EQ(Only("a: &x [1]\n"), absl::StrCat("1:4 ", kSubset, "anchor"));
  EXPECT_EQ(Only("&x a: 1\n"), absl::StrCat("1:1 ", kSubset, "anchor"));
  EXPECT_EQ(Only("a: &x\n"), absl::StrCat("1:4 ", kSubset, "anchor"));
}

TEST(StrictYaml, RefusesTags) {
  EXPECT_EQ(Only("a: !!str 1\n"), absl::StrCat("1:4 ", kSubset, "tag"));
  EXPECT_EQ(Only("a: ! 1\n"), absl::StrCat("1:4 ", kSubset, "tag"));
  EXPECT_EQ(Only("a: !x [1]\n"), absl::StrCat("1:4 ", kSubset, "tag"));
  EXPECT_EQ(Only("!!map {a: 1}\n"), absl::StrCat("1:1 ", kSubset, "tag"));
}

TEST(StrictYaml, RefusesMergeKeys) {
  EXPECT_EQ(Only("a: 1\n<<: {b: 2}\n"), absl::StrCat("2:1 ", kSubset, "merge key \"<<\""));
}

TEST(StrictYaml, RefusesKeysThatAreNotPlainScalars) {
  EXPECT_EQ(Only("'a': 1\n"), absl::StrCat("1:1 ", kSubset, "a quoted key"));
  EXPECT_EQ(Only("\"a\": 1\n"), absl::StrCat("1:1 ", kSubset, "a quoted key"));
  EXPECT_EQ(Only("? a\n: 1\n"), absl::StrCat("1:3 ", kSubset, "complex key"));
  EXPECT_EQ(Only("x: {? a : 1}\n"), absl::StrCat("1:7 ", kSubset, "complex key"));
  EXPECT_EQ(Only("? [a, b]\n: 1\n"), absl::StrCat("1:3 ", kSubset, "complex key"));
  EXPECT_EQ(Only("? {a: b}\n: {c: d}\n"), absl::StrCat("1:3 ", kSubset, "complex key"));
  EXPECT_EQ(Only("~: 1\n"), absl::StrCat("1:1 ", kSubset, "a null as a key"));
  EXPECT_EQ(Only("a: [b: 1]\n"), absl::StrCat("1:5 ", kSubset, "a pair without braces"));
}

TEST(StrictYaml, RefusesNullsWhereTheyStand) {
  EXPECT_EQ(Only("a: 1\nb: null\nc: 2\n"), absl::StrCat("2:4 ", kSubset, "null"));
  EXPECT_EQ(Only("a: ~\n"), absl::StrCat("1:4 ", kSubset, "null"));
  EXPECT_EQ(Only("a:\n  Null\n"), absl::StrCat("2:3 ", kSubset, "null"));
}

TEST(StrictYaml, RefusesAnEmptyValueAtItsKeyAndNotALineLater) {
  EXPECT_EQ(Only("a: 1\nb:\nc: 2\n"), absl::StrCat("2:1 ", kSubset, "an empty value"));
  EXPECT_EQ(Only("a: 1\nb:\nnull_c: 2\n"), absl::StrCat("2:1 ", kSubset, "an empty value"));
  EXPECT_EQ(Only("a: 1\nb:\n"), absl::StrCat("2:1 ", kSubset, "an empty value"));
  EXPECT_EQ(Only("a:\n  -\n  # -\n  - 1\n"), absl::StrCat("2:3 ", kSubset, "an empty value"));
  EXPECT_EQ(Only("a: ''\n"), absl::StrCat("1:4 ", kSubset, "an empty value"));
  EXPECT_EQ(Only("a: {b}\n"), absl::StrCat("1:5 ", kSubset, "a key without a value"));
}

TEST(StrictYaml, RefusesTabsAndCarriageReturnsAndCountsThem) {
  EXPECT_EQ(Only("a: 1 # x\ty\n"), absl::StrCat("1:9 ", kSubset, "tab"));
  EXPECT_EQ(Only("a: 1\r\nb: 2\r\n"), absl::StrCat("1:5 ", kSubset, "CR (2 in the file)"));
}

TEST(StrictYaml, RefusesAByteOrderMark) {
  EXPECT_EQ(Only("\xEF\xBB\xBF"
                 "a: 1\n"),
            absl::StrCat("1:1 ", kSubset, "BOM"));
}

TEST(StrictYaml, RefusesBidirectionalControlsEvenInComments) {
  EXPECT_EQ(Only("a: 1 # \xE2\x80\xAE\n"), absl::StrCat("1:8 ", kSubset, "bidirectional control"));
  EXPECT_EQ(Only("a: \"x\\u202Ey\"\n"),
            absl::StrCat("1:4 ", kSubset, "bidirectional control, by an escape"));
}

TEST(StrictYaml, RefusesControlCharacters) {
  // yaml-cpp takes 04 for the end of the file: what follows would be signed and not read.
  EXPECT_EQ(Only("a: 1\n\x04\nb: 2\n"), absl::StrCat("2:1 ", kSubset, "control character"));
  EXPECT_EQ(Only(absl::string_view("a: 1\n\0", 6)),
            absl::StrCat("2:1 ", kSubset, "control character"));
  EXPECT_EQ(Only("a: \"x\\0y\"\n"),
            absl::StrCat("1:4 ", kSubset, "control character, by an escape"));
}

TEST(StrictYaml, RefusesBytesThatAreNotUtf8) {
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(Only(absl::StrCat("a: x", bad, "\n")),
              absl::StrCat("1:5 ", kSubset, "bytes that are not UTF-8"));
  }
  EXPECT_THAT(Only("a: x\x80\n"), HasSubstr("not UTF-8"));
}

TEST(StrictYaml, RefusesDocumentMarkersAndDirectives) {
  EXPECT_EQ(Only("---\na: 1\n"), absl::StrCat("1:1 ", kSubset, "document marker \"---\""));
  EXPECT_EQ(Only("a: 1\n...\n"), absl::StrCat("2:1 ", kSubset, "document marker \"...\""));
  EXPECT_THAT(Refused("%YAML 1.2\n---\na: 1\n").size(), 2u);
}

TEST(StrictYaml, RefusesTextThatIsNoMapping) {
  EXPECT_EQ(Only("- a\n"), absl::StrCat("1:1 ", kSubset, "a document that is not a mapping"));
  EXPECT_EQ(Only("a\n"), absl::StrCat("1:1 ", kSubset, "a document that is not a mapping"));
  EXPECT_EQ(Only(""), absl::StrCat("1:1 ", kSubset, "an empty document"));
  EXPECT_EQ(Only("# only a comment\n"), absl::StrCat("1:1 ", kSubset, "an empty document"));
}

TEST(StrictYaml, NeverLosesTextBehindTheDocumentInSilence) {
  for (const char* text : {"a: 1\n}\n", "{a: 1}\n{b: 2}\n", "{a: 1} b\n", "a: 1\n- b\n"}) {
    EXPECT_FALSE(ReadStrictYaml("f", text).findings.empty()) << text;
  }
}

TEST(StrictYaml, SaysWhereTheSyntaxIsWrong) {
  const std::vector<std::string> all = Refused("a: 1\n  b: 2\n");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(all[0], HasSubstr("2:4 P021 not in the YAML subset: syntax"));
}

TEST(StrictYaml, RefusesWhatIsNestedTooDeep) {
  std::string text = "a: ";
  for (int i = 0; i < 15; ++i) text += "[";
  EXPECT_THAT(Refused(absl::StrCat(text, "x", std::string(15, ']'), "\n")), IsEmpty());
  EXPECT_EQ(Only(absl::StrCat(text, "[x]", std::string(15, ']'), "\n")),
            absl::StrCat("1:19 ", kSubset, "deeper than 16 levels"));
}

TEST(StrictYaml, SurvivesAMebibyteOfBrackets) {
  EXPECT_FALSE(ReadStrictYaml("f", std::string(1 << 20, '[')).findings.empty());
  EXPECT_FALSE(ReadStrictYaml("f", std::string(1 << 20, '{')).findings.empty());
}

TEST(StrictYaml, RefusesTenMegabytesOfAliasesBeforeItParses) {
  std::string text = "a: &a [x, x]\n";
  for (int i = 0; text.size() < 10'000'000; ++i) {
    absl::StrAppend(&text, "b", i, ": &b", i, " [*a, *a, *a, *a, *a, *a, *a, *a]\n");
  }
  EXPECT_EQ(Only(text), absl::StrCat("1:1 ", kSubset, "larger than 1048576 bytes"));
}

TEST(StrictYaml, RefusesAliasesBelowTheSizeLimitWithoutExpandingThem) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 1000; ++i) {
    const std::string alias = absl::StrCat("*a", i - 1);
    absl::StrAppend(&text, "a", i, ": &a", i, " [", alias, ", ", alias, ", ", alias, "]\n");
  }
  const YamlRead read = ReadStrictYaml("f.yaml", text);
  EXPECT_EQ(read.findings.size(), 101u);
  EXPECT_THAT(read.findings.back().message, HasSubstr("too many errors"));
}

TEST(StrictYaml, NamesThePathOfWhatItRefuses) {
  const YamlRead read = ReadStrictYaml("f.yaml", "g:\n  - a: 1\n  - a: 2\n    r: {f: ~}\n");
  ASSERT_EQ(read.findings.size(), 1u);
  EXPECT_EQ(read.findings[0].path, "g[1].r.f");
}

TEST(StrictYaml, TakesTheCallersIdsAndLimits) {
  YamlOptions options;
  options.max_bytes = 20;
  options.max_depth = 1;
  options.subset_id = "C001";
  options.duplicate_key_id = "C002";
  EXPECT_EQ(ReadStrictYaml("f", "a: 1\na: 2\n", options).findings[0].id, "C002");
  EXPECT_EQ(ReadStrictYaml("f", "a: [1]\n", options).findings[0].id, "C001");
  EXPECT_EQ(ReadStrictYaml("f", std::string(21, '#'), options).findings[0].id, "C001");
}

}  // namespace
}  // namespace sluice::policy
