// What the verbs of `sluice record` take, and do.
#ifndef SLUICE_CLIENT_COMMAND_RECORD_H_
#define SLUICE_CLIENT_COMMAND_RECORD_H_

#include <string>
#include <vector>

#include "client/command/exit_code.h"
#include "client/command/import.h"
#include "client/command/session.h"

namespace sluice::client {

struct RecordOptions {
  std::string type;
  std::string file;
  std::string format = "ndjson";
  std::string output = "ndjson";
  std::string delete_output = "text";
  std::string purpose;
  std::string mou;
  std::string from;
  std::string filter;
  std::string fields;
  std::string header_file;
  std::string row_id;
  std::string request_prefix;
  int batch_size = 1000;
  int repeat = 5;
  bool allow_missing = false;
  ImportRequest import;
  bool own = false;              // read back one's own
  std::vector<std::string> key;  // of one's own: FIELD=VALUE
};

ExitCode DeleteRecords(Session& session, const RecordOptions& options);
ExitCode ReadRecords(Session& session, const RecordOptions& options);
ExitCode GetRecord(Session& session, const RecordOptions& options);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_RECORD_H_
