// `sluice complete -- WORD...`: the answer of completion.h, with names from where the options on
// the line lead. It is no command for people, so that the manual does not have it.
#ifndef SLUICE_CLIENT_COMMAND_COMPLETION_COMMAND_H_
#define SLUICE_CLIENT_COMMAND_COMPLETION_COMMAND_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "client/command/session.h"

namespace sluice::client {

ExitCode Complete(CLI::App& app, Session& session, const std::vector<std::string>& words);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_COMPLETION_COMMAND_H_
