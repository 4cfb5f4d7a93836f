#include "server/audit/entry_json.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

constexpr int kMaxDepth = 8;

// What stands in a string as it is: printable ASCII but for the quote and the backslash.
bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

class Parser {
 public:
  explicit Parser(absl::string_view text) : rest_(text) {}

  bool ParseWhole(JsonValue* value) { return Object(value, 0) && rest_.empty(); }

 private:
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool TakeWord(absl::string_view word) {
    if (!absl::StartsWith(rest_, word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool String(absl::string_view* out) {
    if (!Take('"')) return false;
    size_t size = 0;
    while (size < rest_.size() && IsPlain(rest_[size])) ++size;
    *out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return Take('"');
  }

  bool Integer(int64_t* out) {
    size_t size = 0;
    while (size < rest_.size() && size < 17 && absl::ascii_isdigit(rest_[size])) ++size;
    const absl::string_view digits = rest_.substr(0, size);
    rest_.remove_prefix(size);
    const bool leading_zero = size > 1 && digits.front() == '0';
    return size > 0 && !leading_zero && absl::SimpleAtoi(digits, out) && *out <= kMaxEntryInteger;
  }

  bool Value(JsonValue* value, int depth) {
    if (rest_.empty() || depth > kMaxDepth) return false;
    switch (rest_.front()) {
      case '{':
        return Object(value, depth);
      case '[':
        return Array(value, depth);
      case '"':
        value->kind = JsonValue::Kind::kString;
        return String(&value->string);
      case 't':
        value->kind = JsonValue::Kind::kBoolean;
        value->boolean = true;
        return TakeWord("true");
      default:
        value->kind = JsonValue::Kind::kInteger;
        return Integer(&value->integer);
    }
  }

  bool Object(JsonValue* value, int depth) {
    value->kind = JsonValue::Kind::kObject;
    if (!Take('{')) return false;
    if (Take('}')) return true;
    do {
      JsonValue member;
      if (!String(&member.key) || !Take(':') || !Value(&member, depth + 1)) return false;
      for (const JsonValue& other : value->members) {
        if (other.key == member.key) return false;
      }
      value->members.push_back(std::move(member));
    } while (Take(','));
    return Take('}');
  }

  bool Array(JsonValue* value, int depth) {
    value->kind = JsonValue::Kind::kArray;
    if (!Take('[')) return false;
    if (Take(']')) return true;
    do {
      JsonValue item;
      const bool may_stand = !rest_.empty() && (rest_.front() == '"' || rest_.front() == '{');
      if (!may_stand || !Value(&item, depth + 1)) return false;
      value->items.push_back(std::move(item));
    } while (Take(','));
    return Take(']');
  }

  absl::string_view rest_;
};

}  // namespace

void JsonWriter::Separate() {
  if (!text_.empty() && text_.back() != '{' && text_.back() != '[') text_.push_back(',');
}

void JsonWriter::Quote(absl::string_view value) {
  if (!std::all_of(value.begin(), value.end(), IsPlain)) ok_ = false;
  absl::StrAppend(&text_, "\"", value, "\"");
}

void JsonWriter::Key(absl::string_view key) {
  Separate();
  Quote(key);
  text_.push_back(':');
}

void JsonWriter::BeginObject(absl::string_view key) {
  Key(key);
  text_.push_back('{');
}

void JsonWriter::BeginObject() {
  Separate();
  text_.push_back('{');
}

void JsonWriter::EndObject() { text_.push_back('}'); }

void JsonWriter::BeginArray(absl::string_view key) {
  Key(key);
  text_.push_back('[');
}

void JsonWriter::EndArray() { text_.push_back(']'); }

void JsonWriter::String(absl::string_view key, absl::string_view value) {
  Key(key);
  Quote(value);
}

void JsonWriter::String(absl::string_view value) {
  Separate();
  Quote(value);
}

void JsonWriter::Integer(absl::string_view key, int64_t value) {
  if (value < 0 || value > kMaxEntryInteger) ok_ = false;
  Key(key);
  absl::StrAppend(&text_, value);
}

void JsonWriter::True(absl::string_view key) {
  Key(key);
  text_.append("true");
}

const JsonValue* JsonValue::Find(absl::string_view wanted_key, Kind wanted) const {
  for (const JsonValue& member : members) {
    if (member.key == wanted_key) return member.kind == wanted ? &member : nullptr;
  }
  return nullptr;
}

absl::string_view JsonValue::FindString(absl::string_view key) const {
  const JsonValue* value = Find(key, Kind::kString);
  return value == nullptr ? absl::string_view() : value->string;
}

int64_t JsonValue::FindInteger(absl::string_view key, int64_t absent) const {
  const JsonValue* value = Find(key, Kind::kInteger);
  return value == nullptr ? absent : value->integer;
}

absl::StatusOr<JsonValue> ParseEntryJson(absl::string_view text) {
  JsonValue value;
  if (!Parser(text).ParseWhole(&value)) {
    return absl::InvalidArgumentError("not an entry's JSON");
  }
  return value;
}

}  // namespace sluice::server
