#include "policy/yaml_text.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::policy {
namespace {

constexpr char32_t kInvalid = 0xffffffff;

struct Character {
  char32_t code;
  size_t size;
};

// The character at the front of `text`, which is not empty; kInvalid if it is no UTF-8: overlong
// forms, surrogates and numbers above 10FFFF are none.
Character Decode(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {kInvalid, 1};
  char32_t code = first & (0xff >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {kInvalid, 1};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const char32_t least = size == 4 ? 0x10000 : size == 3 ? 0x800 : 0x80;
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < least || code > 0x10ffff || surrogate) return {kInvalid, 1};
  return {code, size};
}

// What a character is called that may not stand in a document; null if it may.
const char* RefusedCharacter(char32_t c) {
  if (c == '\t') return "tab";
  if (c == '\r') return "CR";
  if (c == '\n') return nullptr;
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return "control character";
  if (c == 0xfeff) return "BOM";
  if (c == 0x2028 || c == 0x2029) return "line separator";
  const bool bidi = c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                    (c >= 0x2066 && c <= 0x2069);
  if (bidi) return "bidirectional control";
  if ((c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef)) return "noncharacter";
  return nullptr;
}

}  // namespace

const char* FirstRefusedCharacter(absl::string_view text) {
  while (!text.empty()) {
    const Character c = Decode(text);
    if (c.code == kInvalid) return "bytes that are not UTF-8";
    if (const char* name = RefusedCharacter(c.code)) return name;
    text.remove_prefix(c.size);
  }
  return nullptr;
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

YamlText::YamlText(absl::string_view bytes) : bytes_(bytes), ascii_(IsAscii(bytes)) {
  lines_.push_back(0);
  for (size_t i = 0; i < bytes_.size(); ++i) {
    if (bytes_[i] == '\n') lines_.push_back(i + 1);
  }
  if (!ascii_) {
    columns_.reserve(bytes_.size() + 1);
    uint32_t column = 0;
    for (char c : bytes_) {
      const bool continuation = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
      if (!continuation || column == 0) ++column;
      columns_.push_back(column);
      if (c == '\n') column = 0;
    }
    columns_.push_back(column + 1);
  }
  FindFlaws();
}

size_t YamlText::LineStart(size_t offset) const {
  return *std::prev(std::upper_bound(lines_.begin(), lines_.end(), offset));
}

Place YamlText::PlaceOf(size_t offset) const {
  offset = std::min(offset, bytes_.size());
  const auto line = std::upper_bound(lines_.begin(), lines_.end(), offset);
  const size_t column = ascii_ ? offset - *std::prev(line) + 1 : columns_[offset];
  return {static_cast<int>(line - lines_.begin()), static_cast<int>(column)};
}

size_t YamlText::OffsetOf(Place place) const {
  const auto line = static_cast<size_t>(place.line);
  const size_t start = lines_[line - 1];
  if (ascii_) return start + static_cast<size_t>(place.column) - 1;
  // Columns never fall within a line; the bytes of one character share theirs.
  const size_t end = line < lines_.size() ? lines_[line] : columns_.size();
  const auto first = columns_.begin();
  const auto at = std::lower_bound(first + static_cast<std::ptrdiff_t>(start),
                                   first + static_cast<std::ptrdiff_t>(end),
                                   static_cast<uint32_t>(place.column));
  return static_cast<size_t>(at - first);
}

void YamlText::FindFlaws() {
  std::map<std::string, size_t> found;  // kind -> its index in flaws_
  std::vector<size_t> counts;
  const auto note = [&](size_t offset, absl::string_view kind, bool readable) {
    const auto [it, added] = found.try_emplace(std::string(kind), flaws_.size());
    if (added) {
      flaws_.push_back({offset, std::string(kind), readable});
      counts.push_back(0);
    }
    ++counts[it->second];
  };
  for (size_t i = 0; i < bytes_.size();) {
    const absl::string_view rest = bytes_.substr(i);
    if (i == 0 || bytes_[i - 1] == '\n') {
      const absl::string_view line = rest.substr(0, rest.find('\n'));
      if (absl::StartsWith(line, "---")) note(i, "document marker \"---\"", false);
      if (absl::StartsWith(line, "...")) note(i, "document marker \"...\"", false);
      if (absl::StartsWith(line, "%")) note(i, "directive \"%\"", false);
    }
    const Character c = Decode(rest);
    if (c.code == kInvalid) {
      // Places after it would be guesses.
      note(i, "bytes that are not UTF-8", false);
      break;
    }
    if (const char* name = RefusedCharacter(c.code)) {
      // yaml-cpp drops a BOM, ends at some control characters, and takes CR for a line's end.
      note(i, name, c.code == '\t' || (c.size > 1 && c.code != 0xfeff));
    }
    i += c.size;
  }
  for (size_t i = 0; i < flaws_.size(); ++i) {
    if (counts[i] > 1) absl::StrAppend(&flaws_[i].message, " (", counts[i], " in the file)");
  }
}

}  // namespace sluice::policy
