#include "policy/canonical_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/ascii.h"

namespace sluice::policy {

namespace {

// The bytes of the code point at `at`; 0 if it is none.
size_t CodePointBytes(absl::string_view text, size_t at) {
  if (static_cast<uint8_t>(text[at]) < 0x80) return 1;
  utf8proc_int32_t code_point;
  const utf8proc_ssize_t bytes =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                       static_cast<utf8proc_ssize_t>(text.size() - at), &code_point);
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

std::optional<std::string> Nfc(absl::string_view text) {
  // ASCII is composed already.
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; })) {
    return std::string(text);
  }
  utf8proc_uint8_t* out = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &out,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(out);
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(out), static_cast<size_t>(size));
}

bool IsWhiteSpace(utf8proc_int32_t c) {
  if (c < 0x80) return absl::ascii_isspace(static_cast<unsigned char>(c));
  const utf8proc_category_t category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP || c == 0x85;
}

// Without the white space around it; `text` is valid UTF-8.
absl::string_view Trimmed(absl::string_view text) {
  size_t begin = 0, end = 0;
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t bytes =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                         static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (bytes <= 0) break;
    if (!IsWhiteSpace(c)) {
      if (!any) begin = at;
      any = true;
      end = at + static_cast<size_t>(bytes);
    }
    at += static_cast<size_t>(bytes);
  }
  return any ? text.substr(begin, end - begin) : absl::string_view();
}

bool AllDigits(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

// Removes the digits at the front; their number.
size_t TakeDigits(absl::string_view& text) {
  size_t n = 0;
  while (n < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[n]))) ++n;
  text.remove_prefix(n);
  return n;
}

void TakeSign(absl::string_view& text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
}

}  // namespace

bool IsValidUtf8(absl::string_view text) {
  // Eight characters at a time, the last eight again: most values are ASCII.
  uint64_t bits = 0;
  if (text.size() >= 8) {
    uint64_t chunk;
    for (size_t at = 0; at + 8 <= text.size(); at += 8) {
      std::memcpy(&chunk, text.data() + at, sizeof chunk);
      bits |= chunk;
    }
    std::memcpy(&chunk, text.data() + text.size() - 8, sizeof chunk);
    bits |= chunk;
  } else {
    for (const char c : text) bits |= static_cast<uint8_t>(c);
  }
  if ((bits & 0x8080808080808080) == 0) return true;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = CodePointBytes(text, at);
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

absl::string_view FirstCodePoints(absl::string_view text, uint32_t count) {
  size_t at = 0;
  for (uint32_t i = 0; i < count && at < text.size(); ++i) {
    const size_t bytes = CodePointBytes(text, at);
    if (bytes == 0) break;
    at += bytes;
  }
  return text.substr(0, at);
}

std::optional<std::string> Canonical(absl::string_view value, const v1::CanonicalForm& form) {
  if (!IsValidUtf8(value)) return std::nullopt;
  std::optional<std::string> composed = Nfc(value);
  if (composed && form.fold_case()) {
    // Folding can make a pair that composes: h and a macron below, but not H.
    absl::AsciiStrToLower(&*composed);
    composed = Nfc(*composed);
  }
  if (!composed) return std::nullopt;
  std::string text(Trimmed(*composed));
  if (form.postal_code()) {
    const auto five = CanonicalPostalCode(text);
    if (!five) return std::nullopt;
    return std::string(five->data(), five->size());
  }
  if (form.pad_zeros() > 0 && !text.empty()) {
    if (!AllDigits(text) || text.size() > form.pad_zeros()) return std::nullopt;
    text.insert(0, form.pad_zeros() - text.size(), '0');
  }
  return text;
}

std::optional<std::array<char, 5>> CanonicalPostalCode(absl::string_view value) {
  value = absl::StripAsciiWhitespace(value);
  absl::string_view rest = value;
  const size_t digits = TakeDigits(rest);
  absl::string_view five = value.substr(0, digits);
  if (rest.empty() && digits == 9) {
    five = value.substr(0, 5);
  } else if (!rest.empty()) {
    if (rest.size() != 5 || rest[0] != '-' || !AllDigits(rest.substr(1))) return std::nullopt;
  }
  if (five.size() < 3 || five.size() > 5) return std::nullopt;
  std::array<char, 5> out;
  out.fill('0');
  std::memcpy(out.data() + (out.size() - five.size()), five.data(), five.size());
  return out;
}

bool IsDecimal(absl::string_view value) {
  TakeSign(value);
  size_t digits = TakeDigits(value);
  if (!value.empty() && value[0] == '.') {
    value.remove_prefix(1);
    digits += TakeDigits(value);
  }
  if (digits == 0) return false;
  if (value.empty()) return true;
  if (value[0] != 'e' && value[0] != 'E') return false;
  value.remove_prefix(1);
  TakeSign(value);
  return TakeDigits(value) > 0 && value.empty();
}

}  // namespace sluice::policy
