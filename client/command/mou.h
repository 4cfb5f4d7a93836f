// The verbs of the noun `mou` that stand in files of their own, and what they share.
#ifndef SLUICE_CLIENT_COMMAND_MOU_H_
#define SLUICE_CLIENT_COMMAND_MOU_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "policy/compiled_mou.h"
#include "policy/mou_document.h"

namespace sluice::client {

void AddMouDiff(CLI::App* noun, Session& session);
void AddMouFormat(CLI::App* noun, Session& session);
void AddMouStanding(CLI::App* noun, Session& session);
void AddMouWhoCan(CLI::App* noun, Session& session);
void AddMouWhatCan(CLI::App* noun, Session& session);

struct CompiledDocument {
  policy::MouDocument document;
  std::shared_ptr<const policy::CompiledMou> mou;
};

// A document that compiles, or what is wrong with it on standard error, and in `code` how to end.
std::optional<CompiledDocument> CompileDocument(Session& session, const std::string& file,
                                                ExitCode& code);

// "READ, SYNC"
std::string OperationsText(absl::Span<const v1::Operation> operations);
// "2026-07-01..2028-07-01"
std::string PeriodText(const policy::CivilPeriod& period);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_MOU_H_
