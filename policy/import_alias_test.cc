#include "policy/import_alias.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/embedded.h"

namespace sluice::policy {
namespace {

using ::testing::HasSubstr;

const std::shared_ptr<const Catalog>& BuiltInCatalog() {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  return *catalog;
}

const ImportAliases& BuiltIn() {
  static const auto* const aliases =
      new std::shared_ptr<const ImportAliases>(ImportAliases::BuiltIn(BuiltInCatalog()).value());
  return **aliases;
}

std::string PathOf(absl::string_view entity, absl::string_view element) {
  const AliasedField found = BuiltIn().FindField(entity, element);
  return found.field == nullptr ? "" : found.type->name() + ": " + found.field->path;
}

void ExpectRefused(const std::vector<std::string>& texts, const std::string& what) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& text : texts) {
    files.emplace_back(std::string(1, static_cast<char>('a' + files.size())), text);
  }
  const auto aliases = ImportAliases::Parse(files, BuiltInCatalog());
  ASSERT_FALSE(aliases.ok()) << texts[0];
  EXPECT_THAT(std::string(aliases.status().message()), HasSubstr(what));
}

TEST(ImportAliases, MapTheTpdmNameOfACoreElement) {
  EXPECT_EQ(PathOf("tpdm:Candidate", "CandidateIdentifier"), "Candidate: candidate_id");
  EXPECT_EQ(PathOf("ed-fi:Candidate", "CandidateIdentifier"), "Candidate: candidate_id");
  EXPECT_EQ(PathOf("tpdm:EvaluationRating", "PerformanceEvaluationTitle"),
            "EvaluationRating: evaluation.title");
  EXPECT_EQ(BuiltIn().FindType("tpdm:EducatorPreparationProgram")->name(), "Program");
}

TEST(ImportAliases, ReadAnElementWithAndWithoutDescriptor) {
  EXPECT_EQ(PathOf("tpdm:Candidate", "SexDescriptor"), "Candidate: sex");
  EXPECT_EQ(PathOf("tpdm:Candidate", "Sex"), "Candidate: sex");
}

TEST(ImportAliases, KnowNothingElse) {
  EXPECT_EQ(PathOf("tpdm:Candidate", "Nothing"), "");
  EXPECT_EQ(PathOf("tpdm:Candidate", "Descriptor"), "");
  EXPECT_EQ(PathOf("tpdm:Nothing", "CandidateIdentifier"), "");
  EXPECT_EQ(PathOf("Candidate", "CandidateIdentifier"), "");
  EXPECT_EQ(BuiltIn().FindType("tpdm:Nothing"), nullptr);
}

TEST(ImportAliases, NeverNameTwoFields) {
  ExpectRefused({"entity\tt:A\tCandidate\nelement\tX\tsex\nelement\tX\trace\n"},
                "a:3: t:A.X would name two fields");
  ExpectRefused({"entity\tt:A\tCandidate\n", "entity\tt:A\tEmployment\n"}, "b:1: a second t:A");
}

TEST(ImportAliases, RefuseWhatTheCatalogDoesNotHave) {
  ExpectRefused({"entity\tt:A\tNobody\n"}, "a:1: names a record type that there is not");
  ExpectRefused({"entity\tt:A\tCandidate\nelement\tX\tshoe_size\n"},
                "a:2: names a field that Candidate does not have");
}

TEST(ImportAliases, RefuseWhatIsNoFileOfTheirForm) {
  ExpectRefused({"entity\tt:A\tCandidate"}, "the last line does not end");
  ExpectRefused({"entity\tA\tCandidate\n"}, "a:1: no entity");
  ExpectRefused({"entity\tt:A\n"}, "a:1: is no line");
  ExpectRefused({"element\tX\tsex\n"}, "a:1: the entity line comes first");
  ExpectRefused({"entity\tt:A\tCandidate\nelement\tX.\tsex\n"}, "a:2: no element");
  ExpectRefused({"entity\tt:A\tCandidate\nelement\tX\tsex\tmore\n"}, "a:2: is no line");
}

TEST(ImportAliases, NoCorruptByteMakesAnAliasOfTwoFields) {
  const std::string whole = "entity\tt:A\tCandidate\nelement\tX\tsex\nelement\tY\trace\n";
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char c : {'\0', '\t', '\n', '#', 'X', 'Y', '\xff'}) {
      std::string text = whole;
      text[i] = c;
      const auto aliases = ImportAliases::Parse({{"a", text}}, BuiltInCatalog());
      if (!aliases.ok()) continue;
      const AliasedField x = (*aliases)->FindField("t:A", "X"),
                         y = (*aliases)->FindField("t:A", "Y");
      EXPECT_TRUE(x.field == nullptr || x.field->path == "sex") << text;
      EXPECT_TRUE(y.field == nullptr || y.field->path == "race") << text;
    }
  }
}

// A type that no older name feeds is ours, and says so.
TEST(ImportAliases, FeedEveryTypeThatEdFiHas) {
  for (const RecordType* const type : BuiltInCatalog()->types()) {
    bool fed = false;
    for (const EmbeddedFile& file : EmbeddedAliases()) {
      fed = fed || file.text.find("\t" + type->name() + "\n") != absl::string_view::npos;
    }
    EXPECT_TRUE(fed || type->ed_fi_entity() == "none" || type->name() == "Recognition")
        << type->name();
  }
}

}  // namespace
}  // namespace sluice::policy
