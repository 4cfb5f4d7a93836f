// What an import says: problems as they are found, and one page at its end.
//
// One a command; not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_IMPORT_REPORT_H_
#define SLUICE_CLIENT_COMMAND_IMPORT_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/command/exit_code.h"
#include "client/import/importer.h"
#include "policy/catalog.h"

namespace sluice::client {

// A file of a directory that no mapping is for.
struct UnplannedFile {
  std::string path;
  std::string reason;
};

class ImportReport {
 public:
  // What the command is about: to publish; to ask the gateway what would change; to check the files
  // alone.
  enum class Run { kPublish, kCompare, kCheck };

  // `json`: every problem is a line of standard output; otherwise the first ones are lines of
  // standard error, and the rest is counted.
  ImportReport(bool json, Run run) : json_(json), run_(run) {}

  void Add(const ImportProblem& problem);
  // The page, and what the command ends with. `quiet`: no page of a publish that went well.
  ExitCode End(const std::vector<ImportOutcome>& outcomes,
               const std::vector<UnplannedFile>& unplanned, const policy::Catalog& catalog,
               bool quiet);

 private:
  const bool json_;
  const Run run_;
  int64_t problems_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_IMPORT_REPORT_H_
