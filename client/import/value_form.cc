#include "client/import/value_form.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/record_value.h"

namespace sluice::client {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// A piece of a form: a number of so many digits, or one character that stands for itself.
struct Piece {
  absl::string_view token;  // empty: the character
  char character = 0;
};

constexpr absl::string_view kTokens[] = {"YYYY", "MM", "M", "DD", "D", "hh", "mm", "ss", "f"};

std::vector<Piece> Split(absl::string_view form) {
  std::vector<Piece> pieces;
  while (!form.empty()) {
    const auto* token = std::find_if(std::begin(kTokens), std::end(kTokens), [&](auto candidate) {
      return absl::StartsWith(form, candidate);
    });
    if (token == std::end(kTokens)) {
      pieces.push_back({"", form[0]});
      form.remove_prefix(1);
    } else {
      pieces.push_back({*token});
      form.remove_prefix(token->size());
    }
  }
  return pieces;
}

// The number at the front, of `least` to `most` digits.
std::optional<int> Number(absl::string_view& text, size_t least, size_t most) {
  size_t n = 0;
  int number = 0;
  while (n < text.size() && n < most && IsDigit(text[n])) number = number * 10 + (text[n++] - '0');
  if (n < least) return std::nullopt;
  text.remove_prefix(n);
  return number;
}

std::string Iso(int year, std::optional<int> month, std::optional<int> day) {
  std::string text = absl::StrFormat("%04d", year);
  if (month.has_value()) absl::StrAppendFormat(&text, "-%02d", *month);
  if (day.has_value()) absl::StrAppendFormat(&text, "-%02d", *day);
  return text;
}

// The cell's date, if the cell has the form; whether the calendar has it is not asked.
std::optional<std::string> ReadForm(absl::string_view cell, absl::string_view form) {
  int year = 0;
  std::optional<int> month, day;
  for (const Piece& piece : Split(form)) {
    if (piece.token.empty()) {
      if (cell.empty() || cell[0] != piece.character) return std::nullopt;
      cell.remove_prefix(1);
      continue;
    }
    const bool fraction = piece.token == "f";
    const size_t most = fraction ? 9 : std::max<size_t>(piece.token.size(), 2);
    const std::optional<int> number =
        Number(cell, fraction || piece.token.size() == 1 ? 1 : piece.token.size(), most);
    if (!number.has_value()) return std::nullopt;
    const char what = piece.token[0];
    if (what == 'Y') year = *number;
    if (what == 'M') month = number;
    if (what == 'D') day = number;
    if ((piece.token == "hh" && *number > 23) || (piece.token == "mm" && *number > 59) ||
        (piece.token == "ss" && *number > 60)) {
      return std::nullopt;
    }
  }
  if (!cell.empty()) return std::nullopt;
  return Iso(year, month, day);
}

// Whether what follows a day is a midnight, and no more: " 00:00:00.0000000", "T00:00:00Z".
bool IsMidnight(absl::string_view text) {
  if (text.empty() || (text[0] != ' ' && text[0] != 'T')) return false;
  text.remove_prefix(1);
  absl::ConsumeSuffix(&text, "Z");
  return text.size() >= 5 && absl::StartsWith(text, "00:00") &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '0' || c == ':' || c == '.'; });
}

}  // namespace

bool IsDateForm(absl::string_view form) {
  int years = 0, months = 0, days = 0;
  char before = 0;
  for (const Piece& piece : Split(form)) {
    if (piece.token.empty()) {
      // A letter or digit would look like a part that is not understood.
      if (absl::ascii_isalnum(static_cast<unsigned char>(piece.character)) &&
          piece.character != 'T' && piece.character != 'Z') {
        return false;
      }
      before = 0;
      continue;
    }
    // Without a bound between them nobody knows where a number of one or two digits ends.
    if ((piece.token.size() == 1 && before != 0) || before == '1') return false;
    before = piece.token.size() == 1 ? '1' : '2';
    years += piece.token == "YYYY";
    months += piece.token[0] == 'M';
    days += piece.token[0] == 'D';
  }
  return years == 1 && months <= 1 && days <= months;
}

absl::StatusOr<std::string> DateFromCell(absl::string_view cell,
                                         const std::vector<std::string>& forms) {
  for (const std::string& form : forms) {
    const std::optional<std::string> date = ReadForm(cell, form);
    if (!date.has_value()) continue;
    if (!ParseDate(*date).ok()) return absl::InvalidArgumentError("is a day that no calendar has");
    return *date;
  }
  constexpr size_t kDay = 10;  // "2017-10-06"
  absl::string_view text = cell;
  if (text.size() > kDay && ParseDate(text.substr(0, kDay)).ok()) {
    if (!IsMidnight(text.substr(kDay))) {
      return absl::InvalidArgumentError(
          "has a time of day: a mapping that drops it says so (date: \"YYYY-MM-DD hh:mm:ss\")");
    }
    text = text.substr(0, kDay);
  }
  if (!ParseDate(text).ok()) {
    const bool iso = std::count(cell.begin(), cell.end(), '-') == 2 && cell.size() == kDay;
    return absl::InvalidArgumentError(
        iso ? "is a day that no calendar has"
            : absl::StrCat("must be a date: YYYY-MM-DD, or YYYY-MM, or YYYY",
                           forms.empty() ? "" : ", or ", absl::StrJoin(forms, ", or ")));
  }
  return std::string(text);
}

absl::StatusOr<std::string> BoolFromCell(absl::string_view cell) {
  if (cell == "1" || absl::EqualsIgnoreCase(cell, "true")) return "true";
  if (cell == "0" || absl::EqualsIgnoreCase(cell, "false")) return "false";
  return absl::InvalidArgumentError("must be true or false");
}

absl::StatusOr<std::string> SchoolYearFromCell(absl::string_view cell) {
  absl::string_view text = cell;
  const std::optional<int> first = Number(text, 4, 4);
  if (first.has_value() && text.empty()) return std::string(cell);
  const bool dash = absl::ConsumePrefix(&text, "-");
  const std::optional<int> last = Number(text, 4, 4);
  if (dash && last.has_value() && text.empty() && *last == first.value_or(0) + 1) {
    return absl::StrCat(*last);
  }
  return absl::InvalidArgumentError("must be a school year: 2022, or 2021-2022");
}

}  // namespace sluice::client
