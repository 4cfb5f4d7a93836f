#include "server/page_token.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::server {
namespace {

PageTokens Tokens(char fill) { return PageTokens(policy::Secret::Copy(std::string(64, fill))); }

ResumePoint Point() {
  ResumePoint point;
  point.from.ordinal = 0x01020304;
  point.from.record_id.bytes.fill(7);
  point.until.emplace();
  point.until->ordinal = 0xfffffffe;
  point.until->record_id.bytes.fill(0xee);
  point.after_row_id = std::string(26, 'q');
  return point;
}

TEST(PageTokens, OpensWhatItSealed) {
  const PageTokens tokens = Tokens('k');
  const ResumePoint point = Point();
  const auto token = tokens.Seal(point, "caller and request");
  ASSERT_TRUE(token.ok()) << token.status();
  const auto opened = tokens.Open(*token, "caller and request");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->from, point.from);
  EXPECT_EQ(opened->until, point.until);
  EXPECT_EQ(opened->after_row_id, point.after_row_id);
}

TEST(PageTokens, KeepsThatAChunkWasTheLast) {
  const PageTokens tokens = Tokens('k');
  ResumePoint point = Point();
  point.until.reset();
  const auto opened = tokens.Open(*tokens.Seal(point, "b"), "b");
  ASSERT_TRUE(opened.ok());
  EXPECT_FALSE(opened->until.has_value());
}

TEST(PageTokens, RefusesTheTokenOfAnotherCallerOrRequest) {
  const PageTokens tokens = Tokens('k');
  const auto token = tokens.Seal(Point(), "caller a");
  EXPECT_EQ(tokens.Open(*token, "caller b").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PageTokens, RefusesTheTokenOfAnotherKey) {
  const auto token = Tokens('k').Seal(Point(), "b");
  EXPECT_FALSE(Tokens('l').Open(*token, "b").ok());
}

TEST(PageTokens, RefusesATokenWithAnyByteChanged) {
  const PageTokens tokens = Tokens('k');
  const std::string token = *tokens.Seal(Point(), "b");
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.Open(changed, "b").ok()) << i;
  }
  EXPECT_FALSE(tokens.Open("", "b").ok());
  EXPECT_FALSE(tokens.Open(token + "AAAA", "b").ok());
}

TEST(PageTokens, ShowsNothingOfThePlace) {
  ResumePoint a = Point(), b = Point();
  b.from.ordinal += 1;
  const PageTokens tokens = Tokens('k');
  // Sealed as a whole: places that differ in one bit share no part of their tokens.
  const std::string one = *tokens.Seal(a, "b"), other = *tokens.Seal(b, "b");
  int same = 0;
  for (size_t i = 0; i < one.size(); ++i) same += one[i] == other[i];
  EXPECT_LT(same, 20);
}

}  // namespace
}  // namespace sluice::server
