#include "client/command/terminal.h"

#include <string>

#include "gtest/gtest.h"

namespace sluice::client {
namespace {

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(Printable("a\r\n\tb\x7f"), "a\\r\\n\\tb\\x7f");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "2J"),
            "\\u009b2J");  // the same in one character, C1
  EXPECT_EQ(Printable("\x9b"
                      "2J"),
            "\\x9b2J");  // and in one byte
  EXPECT_EQ(Printable("user\xE2\x80\xAEtxt.exe"), "user\\u202etxt.exe");
  EXPECT_EQ(Printable("\xE2\x80\xA8"), "\\u2028");
  EXPECT_EQ(Printable(std::string("a\0b", 3)), "a\\x00b");
}

TEST(Printable, LeavesTextOfEveryLanguage) {
  for (const std::string text : {"Åsa", "井上", "محمد", "Ünïcödé e\u0301", "😀", "plain"}) {
    EXPECT_EQ(Printable(text), text);
  }
  EXPECT_EQ(PrintableLines("a\tb\nc\x1b"), "a\tb\nc\\x1b");
}

TEST(Printable, IsPrintableWhateverTheBytes) {
  std::string bytes;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      bytes = {static_cast<char>(first), static_cast<char>(second), 'x'};
      const std::string text = Printable(bytes);
      for (const char c : text) ASSERT_FALSE((c >= 0 && c < 0x20) || c == 0x7F) << first;
      ASSERT_EQ(Printable(text), text) << first << " " << second;
    }
  }
}

TEST(DisplayWidth, CountsColumnsAndNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("Åsa"), 3u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("井上"), 4u);
}

TEST(Shortened, EndsInAnEllipsisInsideTheWidth) {
  EXPECT_EQ(Shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(Shortened("abcdef", 4), "abc…");
  EXPECT_EQ(Shortened("井上井上", 4), "井…");
  EXPECT_EQ(Shortened("井上井上", 5), "井上…");
  EXPECT_EQ(Shortened("ab", 1), "…");
  EXPECT_EQ(Shortened("ab", 0), "");
}

}  // namespace
}  // namespace sluice::client
