// `sluice record status`, `withdraw`, and reading one's own records: for their owner.
#ifndef SLUICE_CLIENT_COMMAND_OWN_RECORD_H_
#define SLUICE_CLIENT_COMMAND_OWN_RECORD_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "client/command/session.h"

namespace sluice::client {

struct OwnReadOptions {
  std::string type;
  std::string filter;
  std::vector<std::string> key;  // FIELD=VALUE; empty: all records
  std::string output;
  int repeat = 5;
};
ExitCode ReadOwn(Session& session, const OwnReadOptions& options);

// Adds the verbs to the noun `record`.
void AddOwnRecord(CLI::App* record, Session& session);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_OWN_RECORD_H_
