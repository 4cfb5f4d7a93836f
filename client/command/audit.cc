// `sluice audit`: the log's entries that concern this organization, and their proofs.
#include "client/command/audit.h"

#include "absl/strings/str_cat.h"

namespace sluice::client {

ExitCode EndOfPages(const LogPages& pages) {
  if (pages.unread() == 0) return kDone;
  Note(absl::StrCat("sluice: the gateway can't read ", Grouped(pages.unread()),
                    " of these entries, the first at ", pages.first_unread(),
                    ": whether they belong here is not known\n"));
  return kPartlyDone;
}

void AddAudit(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("audit", "The log: what was decided and disclosed");
  noun->require_subcommand(1);
  AddAuditLog(noun, session);
  AddAuditVerify(noun, session);
}

}  // namespace sluice::client
