#include "server/subject_question.h"

#include <gtest/gtest.h>

#include "tests/support/mou_for_test.h"

namespace sluice::server {
namespace {

bool IsAsked(const std::string& text, const std::string& id,
             const std::string& id_space = "candidate") {
  return SubjectQuestion(*policy::CatalogForTest(), {id_space, id, ""}).IsAskedBy(text);
}

TEST(SubjectQuestion, IsAReportsOnThatIdWithWhateverSource) {
  for (const char* text : {"candidate  S1", "candidate  s1", "candidate banner S1"}) {
    EXPECT_TRUE(IsAsked(text, "S1")) << text;
  }
  for (const char* text : {"candidate  S11", "candidate  S1 2", "staff  S1", "candidate  X S 1"}) {
    EXPECT_FALSE(IsAsked(text, "S1")) << text;
  }
  EXPECT_TRUE(IsAsked("candidate  S1 2", "S1 2"));
  EXPECT_EQ(ReportQuestion({"candidate", "S1", ""}), "candidate  S1");
  EXPECT_TRUE(IsAsked(ReportQuestion({"candidate", "candidate", ""}), "candidate"));
  EXPECT_FALSE(IsAsked("candidate  S1", "candidate"));
}

TEST(SubjectQuestion, IsAFilterThatComparesAnIdOfThatSpace) {
  EXPECT_TRUE(IsAsked("candidate_id = \"S1\"", "S1"));
  EXPECT_TRUE(IsAsked("NOT (sex = FEMALE) AND candidate_id != s1", "S1"));
  EXPECT_FALSE(IsAsked("candidate_id = S11", "S1"));
  EXPECT_FALSE(IsAsked("candidate_id:*", "S1"));
}

TEST(SubjectQuestion, IsNoFilterOfOtherFieldsWithTheSameValue) {
  EXPECT_FALSE(IsAsked("expected_completion_year = 2027", "2027"));
  EXPECT_FALSE(IsAsked("home_postal_code = \"94107\"", "94107"));
  EXPECT_FALSE(IsAsked("candidate_id = 2026 AND expected_completion_year = 2027", "2027"));
}

TEST(SubjectQuestion, IsTheSameInAnySpellingOfItsCharacters) {
  const std::string composed = "Zo\u00eb1", decomposed = "Zoe\u03081";
  EXPECT_TRUE(IsAsked("candidate  " + decomposed, composed));
  EXPECT_TRUE(IsAsked("candidate  " + composed, decomposed));
  EXPECT_TRUE(IsAsked("candidate_id = \"" + decomposed + "\"", composed));
}

TEST(SubjectQuestion, IsATextThatIsNoFilterAndMentionsTheId) {
  EXPECT_TRUE(IsAsked("candidate_id == S1", "S1"));
  EXPECT_TRUE(IsAsked("(s1", "S1"));
  EXPECT_FALSE(IsAsked("candidate_id == S11", "S1"));
  EXPECT_FALSE(IsAsked("", "S1"));
}

}  // namespace
}  // namespace sluice::server
