// The verbs of the noun `audit`. Each adds itself, with its options.
#ifndef SLUICE_CLIENT_COMMAND_AUDIT_H_
#define SLUICE_CLIENT_COMMAND_AUDIT_H_

#include <CLI/CLI.hpp>

#include "client/command/output.h"
#include "client/command/session.h"
#include "client/log_pages.h"

namespace sluice::client {

void AddAuditLog(CLI::App* noun, Session& session);
void AddAuditVerify(CLI::App* noun, Session& session);

// How a listing that came to its end ends: kPartlyDone, said with the first index, if the gateway
// could not read some of it as entries, for then nobody knows whether they belong to it.
ExitCode EndOfPages(const LogPages& pages);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_AUDIT_H_
