// What `sluice` takes, as a value: its commands, their options and examples, and what stands beside
// them (exit codes, environment, files). It is read out of the command line's own parser, so that
// --help, the man pages and the completion can't say anything else than what is parsed.
//
// Values.
#ifndef SLUICE_CLIENT_COMMAND_MANUAL_H_
#define SLUICE_CLIENT_COMMAND_MANUAL_H_

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace sluice::client {

// What an option's value is, as its `type_name` or, of an argument, its own name: help shows it,
// completion offers what there is of it.
inline constexpr char kFileValue[] = "FILE";
inline constexpr char kDirectoryValue[] = "DIRECTORY";
inline constexpr char kTypeValue[] = "TYPE";  // a record type
inline constexpr char kFieldsValue[] = "FIELDS";
inline constexpr char kKeyValue[] = "FIELD=VALUE";
inline constexpr char kMouValue[] = "MOU";
inline constexpr char kPurposeValue[] = "PURPOSE";
inline constexpr char kOrganizationValue[] = "ORGANIZATION";
inline constexpr char kCallingValue[] =
    "CALLER";                             // an organization that may call, for the operator
inline constexpr char kCaValue[] = "CA";  // a digest of a CA of NAME
inline constexpr char kProfileValue[] = "PROFILE";
inline constexpr char kMappingValue[] = "MAPPING";
inline constexpr char kDateValue[] = "DATE";

// An option, or an argument: that has no flags.
struct ManualOption {
  std::vector<std::string> flags;    // "--output"
  std::string name;                  // of an argument
  std::string value;                 // what it takes: "FILE", "text|json", "N"; empty: nothing
  std::vector<std::string> choices;  // all that it takes, if they are few
  std::string range;                 // "1 to 100"
  std::string fallback;              // what holds if it is not given
  std::string description;
  std::string group;
  bool required = false;
  bool repeated = false;

  bool is_argument() const { return flags.empty(); }
  // "--output text|json", "[FILE...]"
  std::string Usage() const;
  // The description with range and fallback.
  std::string Text() const;
};

struct ManualCommand {
  std::string name;  // with those that it stands under: "sluice record read"
  std::string description;
  std::string example;
  std::vector<ManualOption> options;
  std::vector<ManualCommand> commands;

  // "sluice record read [OPTIONS] --purpose PURPOSE TYPE"
  std::string Usage() const;
  absl::string_view last_name() const;
  // Null: there is none.
  const ManualCommand* Find(absl::string_view last_name) const;
  const ManualOption* FindOption(absl::string_view flag) const;
};

// A word and what it means.
struct ManualEntry {
  std::string name;
  std::string meaning;
};

// What is hidden is left out.
ManualCommand Describe(const CLI::App& app);
const std::vector<ManualEntry>& ExitCodes();
const std::vector<ManualEntry>& EnvironmentVariables();
const std::vector<ManualEntry>& Files();

// --help, in lines of `width` at most where words allow.
std::string HelpText(const ManualCommand& command, int width);

// A page as man(7) has it.
struct ManPage {
  std::string name;  // "sluice-record.1"
  std::string text;
};
// sluice(1), and a page for each noun. `version`: as the pages' footer says it.
std::vector<ManPage> ManPages(const ManualCommand& root, const std::string& version,
                              absl::CivilDay date);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_MANUAL_H_
