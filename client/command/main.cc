// `sluice`: the command of owners and recipients. Noun, then verb.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

// The noun or verb that was misspelt most likely, as a sentence's end.
std::string Suggest(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
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

int Main(int argc, char** argv) {
  // A reader that goes away is an error of Print, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC's own lines say in its terms what `connection.h` says in ours.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app("Sluice: records between preparation programs and districts, under signed MOUs.",
               "sluice");
  app.require_subcommand(1);
  app.set_version_flag("--version", SLUICE_VERSION);
  app.footer(
      "Exit: 0 done, 1 failed, 2 usage, 3 check failed, 6 denied, 7 unavailable after retries, "
      "8 partly done.");
  Session session;
  session.AddOptions(app);
  AddCatalog(app, session);
  AddMou(app, session);
  AddRecord(app, session);
  AddMapping(app, session);
  AddGrant(app, session);
  AddExplain(app, session);
  AddAudit(app, session);
  AddPki(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked_for) {  // --help, --version
    app.exit(asked_for);
    return kDone;
  } catch (const CLI::ParseError& error) {
    const std::string suggestion = Suggest(app, argc, argv);
    return FailUsage(absl::StrCat(suggestion.empty() ? error.what() : suggestion,
                                  "\nRun `sluice --help`, or --help after any noun or verb."));
  }
  const ExitCode code = session.Run();
  // What was printed counts only once it is out.
  if (std::fflush(stdout) != 0 && code == kDone) {
    std::fputs("sluice: standard output can't be written\n", stderr);
    return kFailed;
  }
  return code;
}

}  // namespace
}  // namespace sluice::client

int main(int argc, char** argv) { return sluice::client::Main(argc, argv); }
