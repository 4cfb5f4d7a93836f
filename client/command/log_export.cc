#include "client/command/log_export.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/command/table.h"
#include "client/command/terminal.h"
#include "client/log_tree.h"

namespace sluice::client {
namespace {

using Json = LogEntryView::Json;

std::string LeafHashText(const LogEntryView& entry) {
  const TreeHash hash = LeafHash(entry.body());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::string Type(const LogEntryView& entry) { return entry.is_entry() ? entry.type() : "unread"; }

bool IsDenial(const LogEntryView& entry) { return entry.Member("result") == "DENIAL"; }

// The first that is there.
std::string Either(std::string first, std::string second) { return first.empty() ? second : first; }

std::string Operation(const LogEntryView& entry) {
  return Either(entry.Member("operation"), entry.Member("action"));
}

std::string Outcome(const LogEntryView& entry) {
  return Either(entry.Member("result"), entry.Member("status"));
}

// What stands in the log's clear of who called: a system's path.
std::string SystemPath(const LogEntryView& entry) {
  const std::string system = entry.Of("caller", "system");
  if (system.empty()) return "";
  return absl::StrCat("/org/", entry.Of("caller", "organization"), "/system/", system);
}

// --- JSON lines ---

std::string JsonLine(const LogEntryView& entry) {
  const std::string begin =
      absl::StrCat("{\"index\":", entry.index(), ",\"leaf_hash\":\"", LeafHashText(entry), "\",");
  // The bytes that were hashed, whatever they are.
  if (entry.IsOneLineOfJson()) return absl::StrCat(begin, "\"entry\":", entry.body(), "}\n");
  return absl::StrCat(begin, "\"bytes\":\"", absl::Base64Escape(entry.body()), "\"}\n");
}

// --- OCSF 1.3: API Activity ---

// Of what changed nothing; the rest is 99, with its own name.
bool IsRead(const LogEntryView& entry) {
  const std::string type = entry.type();
  if (type != "decision") return type == "disclosure" || type == "outcome" || type == "read";
  const std::string operation = entry.Member("operation");
  if (operation == "READ" || operation == "SYNC") return true;
  for (const char* verb : {"Read", "Get", "List", "Preview", "Explain"}) {
    if (absl::StartsWith(operation, verb)) return true;
  }
  return false;
}

void SetUnlessEmpty(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

Json ActorOf(const LogEntryView& entry) {
  Json user = Json::object();
  SetUnlessEmpty(user, "name", SystemPath(entry));
  SetUnlessEmpty(user, "type", entry.CallerKind());
  SetUnlessEmpty(user, "uid", entry.Of("caller", "spki"));
  if (const std::string organization = entry.Of("caller", "organization"); !organization.empty()) {
    user["org"] = {{"name", organization}};
  }
  // The class wants somebody: without a caller it was the gateway itself.
  if (user.empty()) user["name"] = Either(entry.Member("writer"), "gateway");
  return {{"user", std::move(user)}};
}

std::string OcsfLine(const LogEntryView& entry, const std::string& origin,
                     const std::string& version) {
  constexpr int kClass = 6003;
  const int activity = IsRead(entry) ? 2 : 99;
  const std::string operation = Either(Operation(entry), Type(entry));
  const int64_t millis = entry.time().has_value() ? entry.Integer("time_ms", 0) : 0;
  Json line = {{"activity_id", activity},
               {"activity_name", activity == 2 ? "Read" : operation},
               {"category_name", "Application Activity"},
               {"category_uid", 6},
               {"class_name", "API Activity"},
               {"class_uid", kClass},
               {"type_uid", kClass * 100 + activity},
               {"time", millis},
               {"severity_id", 1}};
  if (const std::string outcome = Outcome(entry); !outcome.empty()) {
    const bool known = outcome != "unknown";
    const bool success = outcome == "PERMIT" || outcome == "OK";
    line["status_id"] = !known ? 0 : success ? 1 : 2;
    line["status"] = !known ? "Unknown" : success ? "Success" : "Failure";
    line["status_detail"] = outcome;
  }
  SetUnlessEmpty(line, "status_code", entry.Member("code"));
  if (const int64_t count = entry.Integer("count", 1); count > 1) line["count"] = count;
  line["metadata"] = {
      {"uid", absl::StrCat(origin, "/", entry.index())},
      {"version", "1.3.0"},
      {"log_name", origin},
      {"log_provider", "sluice"},
      {"sequence", entry.index()},
      {"product", {{"name", "Sluice"}, {"vendor_name", "Sluice"}, {"version", version}}}};
  line["actor"] = ActorOf(entry);
  line["api"] = {{"operation", operation}, {"service", {{"name", "sluice"}}}};
  if (const std::string request = entry.Member("request"); !request.empty()) {
    line["api"]["request"] = {{"uid", request}};
  }
  // The log has no addresses. Whoever called is the key; what the gateway did by itself is its own.
  line["src_endpoint"] = Json::object();
  if (const std::string spki = entry.Of("caller", "spki"); !spki.empty()) {
    line["src_endpoint"]["uid"] = spki;
  } else {
    line["src_endpoint"]["name"] = Either(entry.Member("writer"), "gateway");
  }
  Json resource = Json::object();
  SetUnlessEmpty(resource, "type", entry.Member("record"));
  if (const std::string owner = entry.Member("owner"); !owner.empty()) {
    resource["owner"] = {{"org", {{"name", owner}}}};
  }
  if (!resource.empty()) line["resources"] = Json::array({std::move(resource)});
  Json unmapped = {{"origin", origin},
                   {"index", entry.index()},
                   {"leaf_hash", LeafHashText(entry)},
                   {"type", Type(entry)}};
  for (const char* key : {"mou", "version", "purpose", "of"}) {
    SetUnlessEmpty(unmapped, key, entry.Member(key));
  }
  SetUnlessEmpty(unmapped, "rows_released", entry.Of("rows", "released"));
  // The bytes that were hashed, so that the line proves itself.
  if (entry.IsOneLineOfJson()) {
    line["raw_data"] = entry.body();
  } else {
    unmapped["bytes"] = absl::Base64Escape(entry.body());
  }
  line["unmapped"] = std::move(unmapped);
  return JsonText(line, -1);
}

// --- CEF ---

std::string CefHeader(const std::string& text) {
  return absl::StrReplaceAll(Printable(text), {{"\\", "\\\\"}, {"|", "\\|"}});
}

std::string CefValue(const std::string& text) {
  return absl::StrReplaceAll(Printable(text), {{"\\", "\\\\"}, {"=", "\\="}});
}

std::string CefLine(const LogEntryView& entry, const std::string& origin,
                    const std::string& version) {
  const std::string outcome = Outcome(entry);
  std::string line = absl::StrCat(
      "CEF:0|Sluice|Sluice|", CefHeader(version), "|", CefHeader(Type(entry)), "|",
      CefHeader(absl::StrCat(Type(entry), outcome.empty() ? "" : " ", outcome)), "|",
      IsDenial(entry) ? 5 : 2, "|externalId=", CefValue(absl::StrCat(origin, "/", entry.index())));
  const auto add = [&line](absl::string_view key, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&line, " ", key, "=", CefValue(value));
  };
  if (entry.time().has_value()) add("rt", entry.Member("time_ms"));
  add("act", Operation(entry));
  add("outcome", outcome);
  add("reason", entry.Member("code"));
  add("suser", SystemPath(entry));
  add("suid", entry.Of("caller", "spki"));
  add("spriv", entry.CallerKind());
  add("cnt", entry.Member("count"));
  int custom = 0;
  for (const auto& [label, value] :
       {std::pair("organization", entry.Of("caller", "organization")),
        std::pair("owner", entry.Member("owner")), std::pair("mou", entry.Member("mou")),
        std::pair("purpose", entry.Member("purpose")), std::pair("record", entry.Member("record")),
        std::pair("leafHash", LeafHashText(entry))}) {
    ++custom;
    if (value.empty()) continue;
    add(absl::StrCat("cs", custom), value);
    add(absl::StrCat("cs", custom, "Label"), label);
  }
  if (const std::string rows = entry.Of("rows", "released"); !rows.empty()) {
    add("cn1", rows);
    add("cn1Label", "rowsReleased");
  }
  return line + "\n";
}

// --- syslog ---

// A field of the header: printable ASCII without blanks, "-" if there is none.
std::string SyslogField(const std::string& text, size_t most) {
  std::string field;
  for (const char c : text.substr(0, most)) field.push_back(absl::ascii_isgraph(c) ? c : '?');
  return field.empty() ? "-" : field;
}

std::string SyslogLine(const LogEntryView& entry, const std::string& origin,
                       const std::string& sd_id) {
  constexpr int kLogAudit = 13;
  const int severity = IsDenial(entry) ? 5 : 6;  // notice, informational
  const std::string time =
      entry.time().has_value()
          ? absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", *entry.time(), absl::UTCTimeZone())
          : "-";
  std::string line = absl::StrCat("<", kLogAudit * 8 + severity, ">1 ", time, " ",
                                  SyslogField(entry.Member("writer"), 255), " sluice - ",
                                  SyslogField(Type(entry), 32), " [", sd_id);
  const auto add = [&line](absl::string_view name, const std::string& value) {
    if (value.empty()) return;
    absl::StrAppend(
        &line, " ", name, "=\"",
        absl::StrReplaceAll(Printable(value), {{"\\", "\\\\"}, {"\"", "\\\""}, {"]", "\\]"}}),
        "\"");
  };
  add("origin", origin);
  add("index", absl::StrCat(entry.index()));
  add("leafHash", LeafHashText(entry));
  for (const char* key : {"organization", "system", "spki"}) {
    add(key, entry.Of("caller", key));
  }
  for (const char* key : {"owner", "mou", "version", "purpose", "record", "operation", "action",
                          "result", "code", "status", "count", "of"}) {
    add(key, entry.Member(key));
  }
  add("rows", entry.Of("rows", "released"));
  return line + "]\n";
}

}  // namespace

std::string LogExport::Line(const LogEntryView& entry) const {
  if (format == "ocsf") return OcsfLine(entry, origin, version);
  if (format == "cef") return CefLine(entry, origin, version);
  if (format == "syslog") return SyslogLine(entry, origin, sd_id);
  return JsonLine(entry);
}

bool IsSdId(absl::string_view text) {
  const size_t at = text.find('@');
  if (at == 0 || at == absl::string_view::npos || at + 1 == text.size() || text.size() > 32) {
    return false;
  }
  const absl::string_view name = text.substr(0, at);
  const absl::string_view number = text.substr(at + 1);
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) {
                       return absl::ascii_isgraph(c) && c != '=' && c != ']' && c != '"';
                     }) &&
         std::all_of(number.begin(), number.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c) || c == '.'; });
}

}  // namespace sluice::client
