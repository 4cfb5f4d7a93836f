#include "client/command/log_entry.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::client {
namespace {

constexpr int64_t kLastMillis = 253402300799999;  // of the year 9999
// As much of a key's digest as tells keys apart.
constexpr size_t kKeyDigits = 12;

void AddUnlessEmpty(std::vector<std::string>& parts, std::string part) {
  if (!part.empty()) parts.push_back(std::move(part));
}

}  // namespace

LogEntryView::LogEntryView(const v1::LogEntry& entry) : index_(entry.index()), body_(entry.body()) {
  Json json = Json::parse(body_, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || TextOf(json, "type").empty()) return;
  json_ = std::move(json);
  is_entry_ = true;
}

std::string LogEntryView::TextOf(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  if (found == object.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer() || found->is_boolean()) return found->dump();
  return "";
}

std::string LogEntryView::Of(const char* object, const char* key) const {
  const auto found = json_.find(object);
  return found == json_.end() ? "" : TextOf(*found, key);
}

int64_t LogEntryView::Integer(const char* key, int64_t absent) const {
  const auto found = json_.find(key);
  return found != json_.end() && found->is_number_integer() ? found->get<int64_t>() : absent;
}

int64_t LogEntryView::IntegerOf(const char* object, const char* key, int64_t absent) const {
  const auto found = json_.find(object);
  if (found == json_.end() || !found->is_object()) return absent;
  const auto number = found->find(key);
  return number != found->end() && number->is_number_integer() ? number->get<int64_t>() : absent;
}

std::vector<std::string> LogEntryView::List(const char* key) const {
  std::vector<std::string> texts;
  const auto found = json_.find(key);
  if (found == json_.end() || !found->is_array()) return texts;
  for (const Json& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::optional<absl::Time> LogEntryView::time() const {
  const int64_t millis = Integer("time_ms", -1);
  if (millis < 0 || millis > kLastMillis) return std::nullopt;
  return absl::FromUnixMillis(millis);
}

std::string LogEntryView::CallerKind() const {
  for (const char* kind : {"system", "admin", "auditor", "signatory", "operator"}) {
    if (!Of("caller", kind).empty()) return kind;
  }
  return "";
}

std::string LogEntryView::Who() const {
  const std::string organization = Of("caller", "organization");
  const std::string kind = CallerKind();
  if (kind == "system") return absl::StrCat(organization, "/", Of("caller", "system"));
  std::vector<std::string> parts;
  AddUnlessEmpty(parts, organization);
  AddUnlessEmpty(parts, kind);
  AddUnlessEmpty(parts, Of("caller", "spki").substr(0, kKeyDigits));
  if (parts.empty()) AddUnlessEmpty(parts, Member("owner"));
  return absl::StrJoin(parts, " ");
}

std::string LogEntryView::What() const {
  std::vector<std::string> first;
  for (const char* key :
       {"operation", "action", "record", "state", "key", "organization", "reason"}) {
    AddUnlessEmpty(first, Member(key));
  }
  std::vector<std::string> parts;
  AddUnlessEmpty(parts, absl::StrJoin(first, " "));
  if (const std::string mou = Member("mou"); !mou.empty()) {
    parts.push_back(absl::StrCat(mou, " ", Member("version")));
  }
  AddUnlessEmpty(parts, Member("purpose"));
  if (const std::string end = Member("end"); !end.empty()) {
    parts.push_back(absl::StrCat("from ", Member("begin"), " to ", end));
  }
  if (const std::string of = Member("of"); !of.empty()) parts.push_back("of " + of);
  if (!is_entry_) parts.push_back("not an entry: " + body_);
  return absl::StrJoin(parts, ", ");
}

std::string LogEntryView::Result() const {
  std::vector<std::string> parts;
  AddUnlessEmpty(parts, Member("result"));
  AddUnlessEmpty(parts, Member("code"));
  AddUnlessEmpty(parts, Member("status"));
  if (const std::string count = Member("count"); !count.empty()) parts.push_back("x" + count);
  return absl::StrJoin(parts, " ");
}

std::string LogEntryView::FieldsText() const {
  std::vector<std::string> texts;
  const auto fields = json_.find("fields");
  if (fields == json_.end() || !fields->is_array()) return "";
  for (const Json& field : *fields) {
    const std::string rule = TextOf(field, "rule");
    AddUnlessEmpty(texts, absl::StrCat(TextOf(field, "path"),
                                       rule.empty() || rule == "pass" ? "" : " (" + rule + ")"));
  }
  return absl::StrJoin(texts, ", ");
}

std::vector<std::string> LogEntryView::Organizations() const {
  std::vector<std::string> named = List("parties");
  AddUnlessEmpty(named, Of("caller", "organization"));
  AddUnlessEmpty(named, Member("owner"));
  AddUnlessEmpty(named, Member("organization"));
  std::sort(named.begin(), named.end());
  named.erase(std::unique(named.begin(), named.end()), named.end());
  return named;
}

std::string LogEntryView::TimeText() const {
  const std::optional<absl::Time> at = time();
  return at.has_value() ? absl::FormatTime("%Y-%m-%d %H:%M:%S", *at, absl::UTCTimeZone()) : "";
}

bool LogEntryView::IsOneLineOfJson() const {
  // The parser takes a zero byte for the end.
  return std::none_of(body_.begin(), body_.end(), absl::ascii_iscntrl) && Json::accept(body_);
}

std::string LogEntryView::JsonLine() const {
  if (IsOneLineOfJson()) return body_;
  return Json(body_).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sluice::client
