#include "client/command/findings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"
#include "client/command/table.h"
#include "client/command/terminal.h"

namespace sluice::client {
namespace {

using Json = nlohmann::ordered_json;

bool IsError(const policy::Finding& finding) {
  return finding.severity == policy::Severity::kError;
}

std::string Sentence(const policy::Finding& finding) {
  return finding.hint.empty() ? finding.message : absl::StrCat(finding.message, "\n", finding.hint);
}

// A path as a relative URI (RFC 3986): what is neither unreserved nor a slash is escaped.
std::string UriOf(const std::string& path) {
  std::string uri;
  for (const char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::string_view("-._~/").find(c) != absl::string_view::npos) {
      uri.push_back(c);
    } else {
      absl::StrAppendFormat(&uri, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

// Text within XML: what XML 1.0 has no character for becomes a question mark.
std::string XmlOf(absl::string_view text) {
  std::string xml;
  for (const char c : text) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      case '\n':
        xml += "&#10;";
        break;
      default:
        xml.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
    }
  }
  return xml;
}

void PrintLine(const policy::Finding& finding) {
  // The severity stands between the place and the id.
  const std::string word = absl::StrCat(IsError(finding) ? " error " : " warning ", finding.id);
  const std::string line = PrintableLines(finding.ToString());
  const size_t at = line.find(word);
  if (at == std::string::npos) {
    PrintColored(line + "\n");
    return;
  }
  const Color color = IsError(finding) ? Color::kRed : Color::kYellow;
  PrintColored(absl::StrCat(line.substr(0, at), Colored(StandardOutput(), color, word),
                            line.substr(at + word.size()), "\n"));
}

Table TableOf(const std::vector<policy::Finding>& findings) {
  Table table(
      {{"id"}, {"severity"}, {"file"}, {"line"}, {"column"}, {"path"}, {"message"}, {"hint"}});
  for (const policy::Finding& finding : findings) {
    const std::string severity = IsError(finding) ? "error" : "warning";
    table.Add({finding.id, severity, finding.file, absl::StrCat(finding.place.line),
               absl::StrCat(finding.place.column), finding.path, finding.message, finding.hint},
              {{"id", finding.id},
               {"severity", severity},
               {"file", finding.file},
               {"line", finding.place.line},
               {"column", finding.place.column},
               {"path", finding.path},
               {"message", finding.message},
               {"hint", finding.hint}});
  }
  return table;
}

}  // namespace

std::string SarifText(const std::vector<policy::Finding>& findings) {
  std::set<std::string> ids;
  Json results = Json::array();
  for (const policy::Finding& finding : findings) {
    ids.insert(finding.id);
    Json location = {{"artifactLocation", {{"uri", UriOf(finding.file)}}}};
    if (finding.place.line > 0) {
      location["region"] = {{"startLine", finding.place.line}};
      if (finding.place.column > 0) location["region"]["startColumn"] = finding.place.column;
    }
    Json where = {{"physicalLocation", std::move(location)}};
    if (!finding.path.empty()) {
      where["logicalLocations"] = Json::array({{{"fullyQualifiedName", finding.path}}});
    }
    results.push_back({{"ruleId", finding.id},
                       {"level", IsError(finding) ? "error" : "warning"},
                       {"message", {{"text", Sentence(finding)}}},
                       {"locations", Json::array({std::move(where)})}});
  }
  Json rules = Json::array();
  for (const std::string& id : ids) rules.push_back({{"id", id}});
  Json driver = {{"name", "sluice"}, {"version", SLUICE_VERSION}, {"rules", std::move(rules)}};
  Json run = {{"tool", {{"driver", std::move(driver)}}},
              {"columnKind", "unicodeCodePoints"},
              {"results", std::move(results)}};
  return JsonText({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                   {"version", "2.1.0"},
                   {"runs", Json::array({std::move(run)})}},
                  2);
}

std::string JUnitText(const std::vector<policy::Finding>& findings,
                      const std::vector<std::string>& files) {
  std::string cases;
  size_t tests = 0, failures = 0;
  for (const policy::Finding& finding : findings) {
    ++tests;
    absl::StrAppend(&cases, "  <testcase classname=\"", XmlOf(finding.file), "\" name=\"",
                    XmlOf(finding.id), finding.path.empty() ? "" : " ", XmlOf(finding.path), "\">");
    const std::string text = XmlOf(finding.ToString());
    if (IsError(finding)) {
      ++failures;
      absl::StrAppend(&cases, "<failure message=\"", XmlOf(finding.message), "\" type=\"error\">",
                      text, "</failure>");
    } else {
      absl::StrAppend(&cases, "<system-out>", text, "</system-out>");
    }
    cases += "</testcase>\n";
  }
  for (const std::string& file : files) {
    if (std::any_of(findings.begin(), findings.end(),
                    [&](const policy::Finding& finding) { return finding.file == file; })) {
      continue;
    }
    ++tests;
    absl::StrAppend(&cases, "  <testcase classname=\"", XmlOf(file),
                    "\" name=\"nothing found\"/>\n");
  }
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"sluice\" tests=\"", tests,
      "\" failures=\"", failures, "\" errors=\"0\">\n", cases, "</testsuite>\n");
}

ExitCode PrintFindings(const std::vector<policy::Finding>& findings,
                       const std::vector<std::string>& files, const std::string& form, bool quiet) {
  bool printed = true;
  if (form == "sarif") {
    printed = Print(SarifText(findings) + "\n");
  } else if (form == "junit") {
    printed = Print(JUnitText(findings, files));
  } else if (form != "text") {
    printed = TableOf(findings).Print(form);
  } else {
    for (const policy::Finding& finding : findings) PrintLine(finding);
    if (findings.empty() && !quiet) Print(absl::StrJoin(files, ", ") + ": nothing found\n");
  }
  if (!printed) return kFailed;
  return policy::HasError(findings) ? kCheckFailed : kDone;
}

}  // namespace sluice::client
