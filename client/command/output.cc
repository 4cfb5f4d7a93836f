#include "client/command/output.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/error.h"
#include "google/protobuf/util/json_util.h"

namespace sluice::client {
namespace {

void PrintError(absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

// How many columns of a terminal the text takes, near enough: its code points.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// What somebody who was denied can do.
absl::string_view NextStep(absl::string_view reason) {
  static constexpr std::pair<absl::string_view, absl::string_view> kSteps[] = {
      {"PRINCIPAL_NOT_PERMITTED",
       "use a certificate of the kind that may ask for this (records: a system's)"},
      {"NO_MOU", "`sluice grant list` shows the MOUs of your organization"},
      {"AMBIGUOUS_MOU", "name one with --mou; `sluice grant list` shows them"},
      {"NOT_SIGNED", "the parties named must sign the document's bytes"},
      {"SUSPENDED", "ask the party that suspended the MOU to lift it"},
      {"TERMINATED", "the MOU has ended: only a new version, signed by all, opens again"},
      {"OUTSIDE_PERIOD", "see the dates with `sluice grant list`"},
      {"CATALOG_UNAVAILABLE", "ask the gateway's operator for the pinned version of the type"},
      {"NOT_A_RECIPIENT", "no grant is to your organization: it takes a new version of the MOU"},
      {"PURPOSE_NOT_GRANTED", "`sluice grant list` shows the purposes that are granted"},
      {"RECORD_NOT_GRANTED", "`sluice grant list` shows the record types that are granted"},
      {"OPERATION_NOT_GRANTED", "`sluice grant list` shows the operations that are granted"},
      {"WITHDRAWN", "the owner took this grant back: it takes a new version of the MOU"},
      {"PROHIBITED", "a prohibition of the MOU stands against it: it takes a new version"},
      {"UNAUTHENTICATED", "check the certificate with `openssl x509 -in FILE -noout -text`"},
  };
  for (const auto& [code, step] : kSteps) {
    if (code == reason) return step;
  }
  return "";
}

std::string NearestText(const NearGrant& near) {
  std::vector<std::string> failed;
  for (const NearGrant::Condition& condition : near.failed) {
    failed.push_back(condition.description.empty() ? condition.code : condition.description);
  }
  return absl::StrCat("  nearest: ", Printable(near.grant),
                      " fails only: ", Printable(absl::StrJoin(failed, "; ")), "\n");
}

}  // namespace

std::string TableText(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text.push_back('\n');
  }
  return text;
}

std::string ProtoJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}";
  return json;
}

std::string Grouped(int64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool first = i == 0 || digits[i - 1] == '-';
    if (!first && (digits.size() - i) % 3 == 0) grouped.push_back(',');
    grouped.push_back(digits[i]);
  }
  return grouped;
}

void MakePrintable(google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool text = field->type() == FieldDescriptor::TYPE_STRING;
    if (!text && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (text) {
        reflection.SetString(&message, field, Printable(reflection.GetString(message, field)));
      } else {
        MakePrintable(*reflection.MutableMessage(&message, field));
      }
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (text) {
        reflection.SetRepeatedString(&message, field, i,
                                     Printable(reflection.GetRepeatedString(message, field, i)));
      } else {
        MakePrintable(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    }
  }
}

std::string ShortName(absl::string_view name, absl::string_view prefix) {
  if (name.empty()) return "UNKNOWN";
  absl::ConsumePrefix(&name, prefix);
  return std::string(name);
}

void Note(const std::string& text) { std::fputs(text.c_str(), stderr); }

bool Print(absl::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
}

ExitCode PrintFindings(const std::vector<policy::Finding>& findings, bool json,
                       const std::string& clean) {
  if (json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const policy::Finding& finding : findings) {
      all.push_back(
          {{"id", finding.id},
           {"severity", finding.severity == policy::Severity::kError ? "error" : "warning"},
           {"file", finding.file},
           {"line", finding.place.line},
           {"column", finding.place.column},
           {"path", finding.path},
           {"message", finding.message},
           {"hint", finding.hint}});
    }
    Print(all.dump(2) + "\n");
  } else {
    for (const policy::Finding& finding : findings) Print(finding.ToString() + "\n");
    if (findings.empty() && !clean.empty()) Print(clean + ": nothing found\n");
  }
  return policy::HasError(findings) ? kCheckFailed : kDone;
}

ExitCode Fail(const absl::Status& status) {
  const ErrorDetail detail = ErrorOf(status);
  const bool denied = IsDenial(status);
  const bool unavailable = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                           absl::IsResourceExhausted(status);
  std::string text = "sluice: ";
  if (denied) text += "denied: ";
  const std::string sentence = Printable(status.message());
  if (!detail.reason.empty() && !absl::StartsWith(sentence, detail.reason)) {
    absl::StrAppend(&text, Printable(detail.reason), ": ");
  }
  absl::StrAppend(&text, sentence.empty() ? absl::StatusCodeToString(status.code()) : sentence,
                  "\n");
  for (const FieldProblem& problem : detail.fields) {
    const std::string line = absl::StrCat(problem.field, ": ", problem.description);
    if (line != status.message()) absl::StrAppend(&text, "  ", Printable(line), "\n");
  }
  for (const NearGrant& near : detail.nearest) text += NearestText(near);
  if (!detail.unsigned_parties.empty()) {
    absl::StrAppend(
        &text, "  not signed by: ", Printable(absl::StrJoin(detail.unsigned_parties, ", ")), "\n");
  }
  if (detail.retry_delay.has_value()) {
    absl::StrAppend(&text, "  again after: ", absl::FormatDuration(*detail.retry_delay), "\n");
  }
  if (!detail.decision_id.empty()) {
    absl::StrAppend(&text, denied ? "  decision: " : "  request: ", Printable(detail.decision_id));
    absl::StrAppend(&text, denied ? " (`sluice decision explain` tells it again)\n" : "\n");
  }
  if (const absl::string_view next = NextStep(detail.reason); denied && !next.empty()) {
    absl::StrAppend(&text, "  next: ", next, "\n");
  }
  PrintError(text);
  return denied ? kDenied : unavailable ? kUnavailable : kFailed;
}

ExitCode FailUsage(absl::string_view sentence) {
  PrintError(absl::StrCat("sluice: ", sentence, "\n"));
  return kUsage;
}

Progress::Progress(std::string what, int64_t total)
    : what_(std::move(what)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) == 1),
      begin_(absl::Now()) {}

Progress::~Progress() {
  if (!terminal_ || count_ == 0) return;
  Show();
  Note("\n");
}

void Progress::Add(int64_t n, int64_t part) {
  count_ += n;
  part_ += part;
  if (!terminal_ || absl::Now() - shown_ < absl::Milliseconds(200)) return;
  Show();
}

void Progress::Show() {
  shown_ = absl::Now();
  const double seconds = std::max(absl::ToDoubleSeconds(shown_ - begin_), 0.001);
  std::string text = absl::StrCat("\r", Grouped(count_), " ", what_, ", ",
                                  Grouped(static_cast<int64_t>(count_ / seconds)), "/s");
  if (part_ > 0 && part_ < total_) {
    const double left = seconds * static_cast<double>(total_ - part_) / static_cast<double>(part_);
    absl::StrAppend(&text, ", ", absl::FormatDuration(absl::Seconds(std::ceil(left))), " left");
  }
  Note(text + "   ");
}

}  // namespace sluice::client
