// The options that choose entries of the log: those of `sluice audit log` and `sluice audit
// bundle`.
#ifndef SLUICE_CLIENT_COMMAND_ENTRY_OPTION_H_
#define SLUICE_CLIENT_COMMAND_ENTRY_OPTION_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sluice/v1/audit_service.pb.h"

namespace sluice::client {

struct EntryOptions {
  std::string type;
  std::string organization;
  std::string principal;
  std::string mou;
  std::string purpose;
  std::string result;
  std::string code;
  std::string record_type;
  std::string operation;
  std::string since;
  std::string until;
};
// Gives all of them.
std::vector<CLI::Option*> AddEntryOptions(CLI::App* verb, EntryOptions& options);

// All but the type, which the request has beside it. INVALID_ARGUMENT names the option that is
// wrong.
absl::StatusOr<v1::EntryFilter> FilterOf(const EntryOptions& options, absl::Time now);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_ENTRY_OPTION_H_
