// What a check of files found, in each form that it is printed in: as people read it, as a table,
// as SARIF 2.1.0 (OASIS) for code review, as JUnit XML for a build server.
#ifndef SLUICE_CLIENT_COMMAND_FINDINGS_H_
#define SLUICE_CLIENT_COMMAND_FINDINGS_H_

#include <string>
#include <vector>

#include "client/command/exit_code.h"
#include "policy/finding.h"

namespace sluice::client {

// What `--output` of a check may be.
inline const std::vector<std::string> kFindingForms = {"text", "json",  "ndjson",
                                                       "csv",  "sarif", "junit"};

// A result for each finding, its rule the finding's id. What has no place in a file has none.
std::string SarifText(const std::vector<policy::Finding>& findings);

// A test case for each finding, an error failed and a warning passed with what it says; and for
// each file without a finding one that passed.
std::string JUnitText(const std::vector<policy::Finding>& findings,
                      const std::vector<std::string>& files);

// Prints them, and says how to end: kCheckFailed if there is an error among them. `quiet`: of files
// without a finding nothing is said.
ExitCode PrintFindings(const std::vector<policy::Finding>& findings,
                       const std::vector<std::string>& files, const std::string& form, bool quiet);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_FINDINGS_H_
