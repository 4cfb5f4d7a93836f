// The verbs of the noun `mou` that stand in files of their own, and what they share.
#ifndef SLUICE_CLIENT_COMMAND_MOU_H_
#define SLUICE_CLIENT_COMMAND_MOU_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "policy/compiled_mou.h"
#include "policy/mou_document.h"
#include "sluice/v1/mou_service.pb.h"

namespace sluice::client {

void AddMouAttest(CLI::App* noun, Session& session);
void AddMouDiff(CLI::App* noun, Session& session);
void AddMouFormat(CLI::App* noun, Session& session);
void AddMouProposal(CLI::App* noun, Session& session);
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

// The same of bytes; `name` stands in findings.
std::optional<CompiledDocument> CompileDocument(Session& session, const std::string& name,
                                                absl::string_view bytes, ExitCode& code);

// What one document discloses that another does not, and the reverse: a paragraph a change.
absl::StatusOr<std::string> DiffText(const policy::CompiledMou& before,
                                     const policy::CompiledMou& after);

// "60d"; nullopt if it is none.
std::optional<int> DaysOf(absl::string_view text);

// All that the gateway tells of, printable.
absl::StatusOr<std::vector<v1::MouStatus>> AllMous(Session& session);
// How many days a recipient has to attest destruction; less than 0: it is overdue.
int64_t DaysLeft(const v1::MouStatus& mou, const v1::Obligation& obligation);
// In the version's time zone.
absl::CivilDay TodayOf(const v1::MouVersionStatus& version);
// How MOUs stand, a line a version. False if it could not be printed.
bool PrintMous(const std::vector<v1::MouStatus>& mous, const std::string& output);
// The same of one, as an act's answer.
ExitCode PrintMou(const v1::MouStatus& mou, const std::string& output);

// "stem-pipeline" of "mous/stem-pipeline"; the number of "mous/stem-pipeline/versions/2".
std::string MouOf(absl::string_view name);
std::string VersionOf(absl::string_view name);

// "READ, SYNC"
std::string OperationsText(absl::Span<const v1::Operation> operations);
// "2026-07-01..2028-07-01"
std::string PeriodText(const policy::CivilPeriod& period);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_MOU_H_
