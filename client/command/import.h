// `sluice record publish` of files in our own form or of others' making: which mapping each is for,
// what is wrong with them, what became of them, on one page.
#ifndef SLUICE_CLIENT_COMMAND_IMPORT_H_
#define SLUICE_CLIENT_COMMAND_IMPORT_H_

#include <string>

#include "client/command/session.h"

namespace sluice::client {

struct ImportRequest {
  std::string path;  // a file, a directory, or - for standard input
  std::string type;  // empty: of the mapping
  std::string format;
  // The name of one that Sluice brings, or a file; empty: recognized, or our own form.
  std::string mapping;
  std::string rejects;
  std::string output = "text";  // or json
  std::string request_prefix;
  int batch_size = 1000;
  bool skip_invalid = false;
  bool dry_run = false;
  bool offline = false;  // the dry run asks no gateway what would change
};

ExitCode Import(Session& session, const ImportRequest& request);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_IMPORT_H_
