#include "client/command/manual.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::client {
namespace {

// What the parser tells of a value: "TEXT:{text,json}", "INT:INT in [1 - 100]", "FILE".
void DescribeValue(absl::string_view told, ManualOption& option) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(told, absl::MaxSplits(':', 1));
  option.value = std::string(parts.first == "INT" ? "N" : parts.first);
  absl::string_view check = parts.second;
  if (absl::ConsumePrefix(&check, "{") && absl::ConsumeSuffix(&check, "}")) {
    option.choices = absl::StrSplit(check, ',');
    option.value = absl::StrJoin(option.choices, "|");
    return;
  }
  const size_t bracket = check.find(" in [");
  if (bracket == absl::string_view::npos) return;
  check.remove_prefix(bracket + 5);
  absl::ConsumeSuffix(&check, "]");
  const std::pair<absl::string_view, absl::string_view> ends = absl::StrSplit(check, " - ");
  option.range = absl::StrCat(ends.first, " to ", ends.second);
}

ManualOption DescribeOption(const CLI::Option& option) {
  ManualOption described;
  for (const std::string& name : option.get_snames()) described.flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) described.flags.push_back("--" + name);
  described.description = option.get_description();
  described.fallback = option.get_default_str();
  described.group = option.get_group();
  described.required = option.get_required();
  described.repeated = option.get_items_expected_max() > 1;
  if (option.get_type_size_max() > 0) DescribeValue(option.get_type_name(), described);
  if (described.is_argument()) {
    described.name = option.get_name(/*positional=*/true);
    if (described.value == "TEXT") described.value = described.name;
    described.group = "Arguments";
  }
  return described;
}

ManualCommand DescribeUnder(const CLI::App& app, const std::string& before) {
  ManualCommand command;
  command.name = absl::StrCat(before, app.get_name());
  command.description = app.get_description();
  command.example = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) command.options.push_back(DescribeOption(*option));
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) {
      command.commands.push_back(DescribeUnder(*sub, command.name + " "));
    }
  }
  return command;
}

}  // namespace

std::string ManualOption::Usage() const {
  if (!is_argument()) {
    return absl::StrCat(absl::StrJoin(flags, ", "), value.empty() ? "" : " ", value);
  }
  return absl::StrCat(required ? "" : "[", name, repeated ? "..." : "", required ? "" : "]");
}

std::string ManualOption::Text() const {
  std::vector<std::string> more;
  if (!range.empty()) more.push_back(range);
  if (!fallback.empty()) more.push_back("by default " + fallback);
  if (required && !is_argument()) more.push_back("required");
  return more.empty() ? description
                      : absl::StrCat(description, " (", absl::StrJoin(more, ", "), ")");
}

std::string ManualCommand::Usage() const {
  if (!commands.empty()) return name + " COMMAND";
  std::string usage = name + " [OPTIONS]";
  for (const ManualOption& option : options) {
    if (option.required && !option.is_argument()) absl::StrAppend(&usage, " ", option.Usage());
  }
  for (const ManualOption& option : options) {
    if (option.is_argument()) absl::StrAppend(&usage, " ", option.Usage());
  }
  return usage;
}

absl::string_view ManualCommand::last_name() const {
  return absl::string_view(name).substr(name.rfind(' ') + 1);
}

const ManualCommand* ManualCommand::Find(absl::string_view last_name) const {
  for (const ManualCommand& command : commands) {
    if (command.last_name() == last_name) return &command;
  }
  return nullptr;
}

const ManualOption* ManualCommand::FindOption(absl::string_view flag) const {
  for (const ManualOption& option : options) {
    for (const std::string& name : option.flags) {
      if (name == flag) return &option;
    }
  }
  return nullptr;
}

ManualCommand Describe(const CLI::App& app) { return DescribeUnder(app, ""); }

const std::vector<ManualEntry>& ExitCodes() {
  static const auto& codes = *new std::vector<ManualEntry>{
      {"0", "done"},
      {"1", "failed"},
      {"2", "wrong usage"},
      {"3", "a check failed: a document, a mapping, a file's rows, the log"},
      {"6", "denied by an MOU, or the certificate was refused"},
      {"7", "the gateway was unavailable, after retries"},
      {"8", "done in part"},
  };
  return codes;
}

const std::vector<ManualEntry>& EnvironmentVariables() {
  static const auto& variables = *new std::vector<ManualEntry>{
      {"SLUICE_CONFIG", "The configuration file, in place of the one under FILES"},
      {"SLUICE_PROFILE", "The profile, where --profile names none"},
      {"SLUICE_PAGER, PAGER",
       "What long output on a terminal is shown with, by default `less -FRX`; `cat` or nothing: "
       "not "
       "at all"},
      {"NO_COLOR", "If it is not empty, no colors but for --color=always"},
      {"LC_ALL, LC_CTYPE, LANG",
       "The first that is set: if it names UTF-8, bars are of block characters, else of #"},
      {"TMPDIR", "Where records are staged while a file is published"},
  };
  return variables;
}

const std::vector<ManualEntry>& Files() {
  static const auto& files = *new std::vector<ManualEntry>{
      {"~/.config/sluice/config.yaml",
       "Profiles: where a gateway is, and which certificate is shown to it"},
      {"~/.local/state/sluice/", "The last checkpoint of each log that was verified"},
  };
  return files;
}

}  // namespace sluice::client
