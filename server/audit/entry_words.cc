#include "server/audit/entry_words.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

bool AllOf(absl::string_view text, size_t max, bool (*fits)(char)) {
  return !text.empty() && text.size() <= max && std::all_of(text.begin(), text.end(), fits);
}

}  // namespace

bool IsClosedName(absl::string_view name) {
  return AllOf(name, 64, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  });
}

bool IsLowerHex(absl::string_view text, size_t size) {
  return text.size() == size && AllOf(text, size, [](char c) {
           return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
         });
}

bool IsDigest(absl::string_view text) {
  absl::ConsumePrefix(&text, "sha256:");
  return IsLowerHex(text, 64);
}

bool IsBase64(absl::string_view text) {
  return AllOf(text, 128, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '=';
  });
}

bool IsCatalogName(absl::string_view text) {
  return AllOf(text, 256, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

std::string RuleText(const policy::FieldRule& rule) {
  using policy::FieldRule;
  std::string text;
  switch (rule.kind()) {
    case FieldRule::Kind::kPass:
      return "pass";
    case FieldRule::Kind::kPseudonymize:
      return "pseudonymize";
    case FieldRule::Kind::kDate:
      text = rule.precision() == v1::DATE_PRECISION_YEAR ? "date:YEAR" : "date:MONTH";
      break;
    case FieldRule::Kind::kInteger:
      text = "integer";
      break;
    case FieldRule::Kind::kKeepPrefix:
      return absl::StrCat("keep_prefix:", rule.keep_prefix());
    case FieldRule::Kind::kZip3:
      return absl::StrCat("zip3:", rule.name());
    case FieldRule::Kind::kCodeSet:
      return absl::StrCat("code_set:", rule.name());
    case FieldRule::Kind::kHierarchy:
      return absl::StrCat("hierarchy:", rule.name(), ":", rule.level());
  }
  if (rule.band()) absl::StrAppend(&text, ":band=", *rule.band());
  if (rule.cap()) absl::StrAppend(&text, ":cap=", *rule.cap());
  if (rule.floor()) absl::StrAppend(&text, ":floor=", *rule.floor());
  return text;
}

}  // namespace sluice::server
