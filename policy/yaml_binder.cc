#include "policy/yaml_binder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "policy/suggest.h"
#include "policy/yaml_text.h"

namespace sluice::policy {
namespace {

// What a reader is shown of a value that was not understood; long ones are cut.
std::string Shown(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kMapping:
      return "a mapping";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kRefused:
      return "nothing";
    case YamlNode::Kind::kScalar:
      break;
  }
  if (node.style == YamlNode::Style::kBlock) return "a block of text";
  constexpr size_t kShown = 60;
  std::string text = node.scalar.substr(0, kShown);
  if (node.scalar.size() > kShown) {
    // Not in the middle of a character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) text.pop_back();
    text += "...";
  }
  return node.style == YamlNode::Style::kQuoted ? absl::StrCat("the string \"", text, "\"")
                                                : absl::StrCat("\"", text, "\"");
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

std::string JoinPath(absl::string_view path, absl::string_view key) {
  return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
}

std::string IndexPath(absl::string_view path, size_t index) {
  return absl::StrCat(path, "[", index, "]");
}

YamlBinder::YamlBinder(absl::string_view file_name, BinderIds ids)
    : file_(file_name), ids_(std::move(ids)) {}

void YamlBinder::Report(absl::string_view id, Place place, absl::string_view path,
                        std::string message, std::string hint) {
  findings_.push_back({std::string(id), Severity::kError, file_, place, std::string(path),
                       std::move(message), std::move(hint)});
}

void YamlBinder::ReportType(const YamlNode& node, absl::string_view path,
                            absl::string_view expected) {
  if (node.kind == YamlNode::Kind::kRefused) return;
  const bool quoted = node.kind == YamlNode::Kind::kScalar &&
                      node.style == YamlNode::Style::kQuoted && expected != "a mapping" &&
                      expected != "a list";
  Report(ids_.type, node.place, path,
         absl::StrCat("\"", path, "\" must be ", expected, ", not ", Shown(node)),
         quoted ? "what is quoted is a string only: remove the quotes" : "");
}

std::optional<std::string> YamlBinder::Prose(const YamlNode& node, absl::string_view path) {
  if (node.kind != YamlNode::Kind::kScalar) {
    ReportType(node, path, "text");
    return std::nullopt;
  }
  return node.scalar;
}

std::optional<std::string> YamlBinder::String(const YamlNode& node, absl::string_view path) {
  if (node.kind != YamlNode::Kind::kScalar) {
    ReportType(node, path, "a string");
    return std::nullopt;
  }
  if (node.style == YamlNode::Style::kBlock) {
    Report(ids_.subset, node.place, path,
           "not in the YAML subset: \"|\" and \">\" stand for prose only",
           "write the value on one line");
    return std::nullopt;
  }
  if (!IsAscii(node.scalar)) {
    Report(ids_.non_ascii, node.place, path,
           absl::StrCat("confusable characters in a name: ", Shown(node)),
           "letters beyond ASCII stand in prose and comments only");
    return std::nullopt;
  }
  return node.scalar;
}

std::optional<std::string> YamlBinder::Plain(const YamlNode& node, absl::string_view path,
                                             absl::string_view expected) {
  const bool scalar = node.kind == YamlNode::Kind::kScalar;
  if (!scalar || node.style == YamlNode::Style::kQuoted) {
    ReportType(node, path, expected);
    return std::nullopt;
  }
  return String(node, path);
}

std::optional<int64_t> YamlBinder::Integer(const YamlNode& node, absl::string_view path,
                                           int64_t least, int64_t most) {
  std::optional<std::string> text = Plain(node, path, "a whole number");
  if (!text.has_value()) return std::nullopt;
  absl::string_view digits = *text;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  int64_t value = 0;
  // No signs, blanks or leading zeros that another reader might take for an octal number.
  const bool number = AllDigits(digits) && (digits.size() == 1 || digits[0] != '0') &&
                      absl::SimpleAtoi(*text, &value);
  if (!number) {
    ReportType(node, path, "a whole number");
    return std::nullopt;
  }
  if (value < least || value > most) {
    ReportType(node, path, absl::StrCat("from ", least, " to ", most));
    return std::nullopt;
  }
  return value;
}

std::optional<absl::CivilDay> YamlBinder::Date(const YamlNode& node, absl::string_view path) {
  constexpr absl::string_view kExpected = "a date like 2026-07-01";
  std::optional<std::string> text = Plain(node, path, kExpected);
  if (!text.has_value()) return std::nullopt;
  const absl::string_view t = *text;
  int year = 0, month = 0, day = 0;
  const bool shape = t.size() == 10 && t[4] == '-' && t[7] == '-' && AllDigits(t.substr(0, 4)) &&
                     AllDigits(t.substr(5, 2)) && AllDigits(t.substr(8, 2)) &&
                     absl::SimpleAtoi(t.substr(0, 4), &year) &&
                     absl::SimpleAtoi(t.substr(5, 2), &month) &&
                     absl::SimpleAtoi(t.substr(8, 2), &day);
  const absl::CivilDay date(year, month, day);
  // A civil day normalizes 2026-02-30 to another day.
  if (!shape || year < 1 || date.month() != month || date.day() != day) {
    ReportType(node, path, kExpected);
    return std::nullopt;
  }
  return date;
}

std::optional<bool> YamlBinder::Bool(const YamlNode& node, absl::string_view path) {
  std::optional<std::string> text = Plain(node, path, "true or false");
  if (!text.has_value()) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  ReportType(node, path, "true or false");
  return std::nullopt;
}

const std::vector<YamlNode>& YamlBinder::Items(const YamlNode& node, absl::string_view path) {
  static const auto* const kNone = new std::vector<YamlNode>();
  if (node.kind == YamlNode::Kind::kSequence) return node.children;
  ReportType(node, path, "a list");
  return *kNone;
}

std::vector<const YamlNode*> YamlBinder::Entries(const YamlNode& node, absl::string_view path) {
  std::vector<const YamlNode*> entries;
  if (node.kind != YamlNode::Kind::kMapping) {
    ReportType(node, path, "a mapping");
    return entries;
  }
  for (const YamlNode& child : node.children) {
    if (!IsAscii(child.key)) {
      Report(ids_.non_ascii, child.key_place, path,
             absl::StrCat("confusable characters in a name: \"", child.key, "\""),
             "letters beyond ASCII stand in prose and comments only");
      continue;
    }
    NotePlace(JoinPath(path, child.key), child.key_place);
    entries.push_back(&child);
  }
  return entries;
}

YamlMapping::YamlMapping(YamlBinder& binder, const YamlNode& node, absl::string_view path,
                         const std::vector<std::string>& keys)
    : binder_(binder), node_(node), path_(path), ok_(node.kind == YamlNode::Kind::kMapping) {
  if (!ok_) {
    binder_.ReportType(node, path_.empty() ? "the document" : path_, "a mapping");
    return;
  }
  for (const YamlNode& child : node_.children) {
    binder_.NotePlace(PathOf(child.key), child.key_place);
    if (std::find(keys.begin(), keys.end(), child.key) != keys.end()) continue;
    binder_.Report(binder_.ids().unknown, child.key_place, PathOf(child.key),
                   absl::StrCat("unknown key \"", child.key, "\"", DidYouMean(child.key, keys)));
  }
}

const YamlNode* YamlMapping::Find(absl::string_view key) const {
  if (!ok_) return nullptr;
  for (const YamlNode& child : node_.children) {
    if (child.key == key) return &child;
  }
  return nullptr;
}

const YamlNode* YamlMapping::Require(absl::string_view key, absl::string_view hint) {
  const YamlNode* child = Find(key);
  if (child == nullptr && ok_) {
    binder_.Report(binder_.ids().missing, node_.place, PathOf(key),
                   absl::StrCat("missing \"", PathOf(key), "\""), std::string(hint));
  }
  return child;
}

std::string YamlMapping::PathOf(absl::string_view key) const { return JoinPath(path_, key); }

}  // namespace sluice::policy
