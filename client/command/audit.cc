// `sluice audit`: the log's entries that concern this organization, and their proofs.
#include "client/command/audit.h"

#include "absl/strings/str_cat.h"

namespace sluice::client {

absl::StatusOr<LogCheckpoint> PublishedCheckpoint(Session& session, Gateway& gateway) {
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetCheckpointResponse> response =
      retry.Run([&] { return gateway.GetCheckpoint(); });
  if (!response.ok()) return response.status();
  const absl::StatusOr<LogVerifierKey> key = LogVerifierKey::Parse(response->vkey());
  if (!key.ok()) return key.status();
  return OpenCheckpoint(response->checkpoint(), *key);
}

ExitCode EndOfPages(const LogPages& pages) {
  return EndOfUnread(pages.unread(), pages.first_unread());
}

ExitCode EndOfUnread(int64_t unread, int64_t first) {
  if (unread == 0) return kDone;
  Note(absl::StrCat("sluice: the gateway can't read ", Grouped(unread),
                    " of these entries, the first at ", first,
                    ": whether they belong here is not known\n"));
  return kPartlyDone;
}

void AddAudit(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("audit", "The log: what was decided and disclosed");
  noun->require_subcommand(1);
  AddAuditAnomalies(noun, session);
  AddAuditBundle(noun, session);
  AddAuditErase(noun, session);
  AddAuditExport(noun, session);
  AddAuditExposure(noun, session);
  AddAuditLog(noun, session);
  AddAuditSubject(noun, session);
  AddAuditVerify(noun, session);
}

}  // namespace sluice::client
