// What may come next on a command line, for a shell: asked for by `sluice complete -- WORD...`,
// where the last word is the one at the cursor, perhaps empty. The answer is lines, a candidate and
// its meaning, with a tab between; a line ":files" or ":directories" asks the shell to offer paths.
//
// A completion prints nothing but that, asks for nothing, and ends soon.
#ifndef SLUICE_CLIENT_COMMAND_COMPLETION_H_
#define SLUICE_CLIENT_COMMAND_COMPLETION_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/command/manual.h"

namespace sluice::client {

// What is at the cursor, as far as the manual tells.
struct CompletionPoint {
  std::vector<ManualEntry> candidates;  // already those that begin with what was typed
  std::string value;                    // what names are wanted, besides: kMouValue, ...
  std::string before;                   // of the word, what is no part of such a name: "--mou="
  std::string typed;                    // of such a name
  // What stands on the line: options by their last flag, arguments by their names.
  std::map<std::string, std::string> given;
};
CompletionPoint PointOf(const ManualCommand& root, const std::vector<std::string>& words);

// The answer's lines. A name that a shell could take for anything else than a word is left out, and
// so is one that does not begin as typed: names come from elsewhere.
std::string CompletionLines(const CompletionPoint& point, const std::vector<ManualEntry>& names);

// A shell's script: "bash", "zsh" or "fish".
absl::string_view CompletionScript(absl::string_view shell);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_COMPLETION_H_
