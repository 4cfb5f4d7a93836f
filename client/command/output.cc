#include "client/command/output.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/command/next_step.h"
#include "client/command/pager.h"
#include "client/command/table.h"
#include "client/error.h"
#include "google/protobuf/util/json_util.h"

namespace sluice::client {
namespace {

bool g_paging = true;

// Made when something is first printed.
Pager& Output() {
  static Pager& pager = *new Pager(StandardOutput(), g_paging ? PagerCommand() : "");
  return pager;
}

// Text that is printable already.
void PrintError(absl::string_view text) { Output().Note(text); }

std::string Failing(absl::string_view text) { return Colored(StandardError(), Color::kRed, text); }

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
  if (rows.empty()) return "";
  std::vector<Table::Column> columns;
  for (const std::string& title : rows[0]) columns.push_back({title});
  Table table(std::move(columns));
  for (size_t i = 1; i < rows.size(); ++i) table.Add(rows[i]);
  Terminal terminal = StandardOutput();
  terminal.colors = false;
  return table.Text(terminal);
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

void Note(const std::string& text) {
  PrintError(StandardError().is_terminal ? PrintableLines(text) : text);
}

void AllowPaging(bool allowed) { g_paging = allowed; }

bool Print(absl::string_view text) {
  if (!StandardOutput().is_terminal) return Output().Write(text);
  return Output().Write(PrintableLines(text));
}

bool PrintColored(absl::string_view text) { return Output().Write(text); }

bool FlushOutput() { return std::fflush(stdout) == 0; }

bool ReaderLeft() { return Output().was_left(); }

bool EndOutput() { return Output().End(); }

ExitCode Fail(const absl::Status& status) {
  const ErrorDetail detail = ErrorOf(status);
  const bool denied = IsDenial(status);
  const bool unavailable = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                           absl::IsResourceExhausted(status);
  std::string text = Failing(denied ? "sluice: denied: " : "sluice: ");
  // A file's mistakes are a line each.
  const std::string sentence =
      absl::StrReplaceAll(PrintableLines(status.message()), {{"\n", "\n  "}});
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
  if (const absl::string_view next = NextStep(status, detail.reason); !next.empty()) {
    absl::StrAppend(&text, "  next: ", next, "\n");
  }
  PrintError(text);
  return denied ? kDenied : unavailable ? kUnavailable : kFailed;
}

ExitCode FailUsage(absl::string_view sentence) {
  PrintError(absl::StrCat(Failing("sluice: "), PrintableLines(sentence), "\n"));
  return kUsage;
}

Progress::Progress(std::string what, int64_t total)
    : what_(std::move(what)),
      total_(total),
      terminal_(StandardError().is_terminal),
      begin_(absl::Now()) {}

Progress::~Progress() {
  if (!terminal_ || count_ == 0 || Output().running()) return;
  Show();
  std::fputs("\n", stderr);
}

void Progress::Add(int64_t n, int64_t part) {
  count_ += n;
  part_ += part;
  if (!terminal_ || Output().running() || absl::Now() - shown_ < absl::Milliseconds(200)) return;
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
  std::fputs((text + "   ").c_str(), stderr);
}

}  // namespace sluice::client
