// `sluice`: the command of owners and recipients. Noun, then verb.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/command/completion_command.h"
#include "client/command/manual.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/file.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

constexpr int kWidestHelp = 100;

// The noun or verb that was misspelt most likely, as a sentence's end.
std::string Suggest(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    if (word.empty() || word[0] == '-') continue;
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(sub->get_name());
      if (sub->get_name() == word) next = sub;
    }
    if (names.empty()) return "";
    if (next == nullptr) {
      return absl::StrCat("there is no `", word, "`", policy::DidYouMean(word, names));
    }
    at = next;
  }
  return "";
}

ExitCode Help(const CLI::App& app, const ManualCommand& root) {
  const ManualCommand* command = &root;
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().back();
    command = command->Find(at->get_name());
  }
  return Print(HelpText(*command, std::min(StandardOutput().width, kWidestHelp))) ? kDone : kFailed;
}

// The man pages, for whoever builds a package. SOURCE_DATE_EPOCH makes the same ones again.
ExitCode WriteManPages(const ManualCommand& root, const std::string& directory) {
  const char* const epoch = std::getenv("SOURCE_DATE_EPOCH");
  int64_t seconds = absl::ToUnixSeconds(absl::Now());
  if (epoch != nullptr && !absl::SimpleAtoi(epoch, &seconds)) {
    return FailUsage("SOURCE_DATE_EPOCH must be a number of seconds");
  }
  const absl::CivilDay date(
      absl::ToCivilSecond(absl::FromUnixSeconds(seconds), absl::UTCTimeZone()));
  for (const ManPage& page : ManPages(root, "Sluice " SLUICE_VERSION, date)) {
    const std::string path = absl::StrCat(directory, "/", page.name);
    if (const absl::Status written = ReplaceFile(path, page.text); !written.ok()) {
      return Fail(written);
    }
  }
  return kDone;
}

ExitCode Parse(CLI::App& app, Session& session, const std::vector<std::string>& words) {
  const ManualCommand root = Describe(app);
  try {
    // The parser takes them from the end.
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    return Help(app, root);
  } catch (const CLI::Success& asked_for) {  // --version
    app.exit(asked_for);
    return kDone;
  } catch (const CLI::ParseError& error) {
    const std::string suggestion = Suggest(app, words);
    return FailUsage(absl::StrCat(suggestion.empty() ? error.what() : suggestion,
                                  "\nRun `sluice --help`, or --help after any noun or verb."));
  }
  return session.Run();
}

int Main(const std::vector<std::string>& words) {
  // A reader that goes away is an error of Print, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC's own lines say in its terms what `connection.h` says in ours.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app("Records between preparation programs and districts, under signed MOUs", "sluice");
  app.require_subcommand(1);
  app.set_version_flag("--version", SLUICE_VERSION, "Print the version");
  Session session;
  session.AddOptions(app);
  AddCatalog(app, session);
  AddMou(app, session);
  AddObligation(app, session);
  AddOptOut(app, session);
  AddRecord(app, session);
  AddMapping(app, session);
  AddGrant(app, session);
  AddExplain(app, session);
  AddAudit(app, session);
  AddOrganization(app, session);
  AddKey(app, session);
  AddPki(app, session);
  AddWitness(app, session);
  AddCompletion(app, session);
  ExitCode code = kDone;
  if (words.size() > 2 && words[0] == "complete" && words[1] == "--") {
    code = Complete(app, session, {words.begin() + 2, words.end()});
  } else if (words.size() == 2 && words[0] == "manual") {
    code = WriteManPages(Describe(app), words[1]);
  } else {
    code = Parse(app, session, words);
  }
  // What was printed counts only once it is out.
  if (!EndOutput() && code == kDone) {
    std::fputs("sluice: standard output can't be written\n", stderr);
    return kFailed;
  }
  // Who closed the pager has seen enough.
  return ReaderLeft() && code == kFailed ? kDone : code;
}

}  // namespace
}  // namespace sluice::client

int main(int argc, char** argv) { return sluice::client::Main({argv + 1, argv + argc}); }
