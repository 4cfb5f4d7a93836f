// The verbs of the noun `audit`. Each adds itself, with its options.
#ifndef SLUICE_CLIENT_COMMAND_AUDIT_H_
#define SLUICE_CLIENT_COMMAND_AUDIT_H_

#include <CLI/CLI.hpp>

#include "client/command/output.h"
#include "client/command/session.h"
#include "client/log_checkpoint.h"
#include "client/log_pages.h"

namespace sluice::client {

void AddAuditAnomalies(CLI::App* noun, Session& session);
void AddAuditBundle(CLI::App* noun, Session& session);
void AddAuditErase(CLI::App* noun, Session& session);
void AddAuditExport(CLI::App* noun, Session& session);
void AddAuditExposure(CLI::App* noun, Session& session);
void AddAuditLog(CLI::App* noun, Session& session);
void AddAuditSubject(CLI::App* noun, Session& session);
void AddAuditVerify(CLI::App* noun, Session& session);

// The log as it is signed; DATA_LOSS if the signature is not that of the key shown with it.
absl::StatusOr<LogCheckpoint> PublishedCheckpoint(Session& session, Gateway& gateway);

// How a listing that came to its end ends: kPartlyDone, said with the first index, if the gateway
// could not read some of it as entries, for then nobody knows whether they belong to it.
ExitCode EndOfPages(const LogPages& pages);
// The same of so many, the first at this index.
ExitCode EndOfUnread(int64_t unread, int64_t first);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_AUDIT_H_
