// `sluice mou`: documents, offline (at the gateway: mou_proposal.cc, mou_standing.cc). What is said
// here is what the gateway would say of the same bytes once every party has signed them.
#include "client/command/mou.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/command/findings.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"
#include "client/file.h"
#include "policy/check.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/mou_schema.h"

namespace sluice::client {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string file;
  std::string output = "text";
  std::string today;
  int max_term_days = policy::CheckOptions().max_term_days;
  std::string to;
  std::string purpose;
  std::string record;
  std::string operation = "READ";
};

absl::StatusOr<std::optional<absl::CivilDay>> Today(const Options& options) {
  if (options.today.empty()) return std::nullopt;
  absl::CivilDay day;
  if (!absl::ParseCivilTime(options.today, &day)) {
    return absl::InvalidArgumentError("--today must be a date: 2027-05-01");
  }
  return day;
}

ExitCode Check(Session& session, const Options& options) {
  const absl::StatusOr<const policy::Catalog*> catalog = session.GetCatalog();
  if (!catalog.ok()) return Fail(catalog.status());
  const absl::StatusOr<std::optional<absl::CivilDay>> today = Today(options);
  if (!today.ok()) return FailUsage(today.status().message());
  policy::CheckOptions check;
  check.today = *today;
  check.max_term_days = options.max_term_days;
  std::vector<policy::Finding> findings;
  for (const std::string& file : options.files) {
    const absl::StatusOr<std::string> bytes = ReadFile(file);
    if (!bytes.ok()) return Fail(bytes.status());
    policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(file, *bytes);
    const bool readable = !policy::HasError(parsed.findings);
    for (policy::Finding& finding : parsed.findings) findings.push_back(std::move(finding));
    // What could not be read whole would be blamed for what it does not say.
    if (!readable) continue;
    for (policy::Finding& finding : policy::Check(parsed.document, **catalog, check)) {
      findings.push_back(std::move(finding));
    }
  }
  return PrintFindings(findings, options.files, options.output, session.quiet());
}

ExitCode Explain(Session& session, const Options& options) {
  ExitCode code = kFailed;
  const std::optional<CompiledDocument> compiled = CompileDocument(session, options.file, code);
  if (!compiled.has_value()) return code;
  const policy::CompiledMou& mou = *compiled->mou;
  const absl::StatusOr<std::optional<absl::CivilDay>> today = Today(options);
  if (!today.ok()) return FailUsage(today.status().message());
  policy::Request request;
  request.kind = policy::PrincipalKind::kSystem;
  request.organization = options.to;
  request.mou = mou.name();
  request.purpose = options.purpose;
  request.record_type = options.record;
  v1::Operation operation;
  if (!v1::Operation_Parse("OPERATION_" + options.operation, &operation)) {
    return FailUsage("--operation must be READ or SYNC");
  }
  request.operation = operation;
  request.time = today->has_value()
                     ? absl::FromCivil(absl::CivilHour(**today) + 12, mou.time_zone())
                     : absl::Now();
  policy::MouVersion version;
  version.mou = compiled->mou;
  version.ever_signed = true;
  std::vector<policy::MouVersion> versions;
  versions.push_back(std::move(version));
  const auto mous = policy::MouSet::Create(std::move(versions));
  const policy::Decision decision = policy::Decide(*mous, request);
  const bool permit = std::holds_alternative<policy::Permit>(decision);
  const std::string explanation = policy::Explain(decision, &compiled->document);
  Print(options.output == "json" ? JsonText({{"permit", permit}, {"explanation", explanation}}, -1)
                                 : explanation + "\n");
  return permit ? kDone : kDenied;
}

ExitCode Show(Session& session, const Options& options) {
  ExitCode code = kFailed;
  const std::optional<CompiledDocument> compiled = CompileDocument(session, options.file, code);
  if (!compiled.has_value()) return code;
  Print(ProtoJson(compiled->mou->mou()) + "\n");
  return kDone;
}

ExitCode Schema(Session& session) {
  const absl::StatusOr<const policy::Catalog*> catalog = session.GetCatalog();
  if (!catalog.ok()) return Fail(catalog.status());
  return Print(policy::MouSchema(**catalog)) ? kDone : kFailed;
}

}  // namespace

std::optional<CompiledDocument> CompileDocument(Session& session, const std::string& file,
                                                ExitCode& code) {
  const absl::StatusOr<std::string> bytes = ReadFile(file);
  if (bytes.ok()) return CompileDocument(session, file, *bytes, code);
  code = Fail(bytes.status());
  return std::nullopt;
}

std::optional<CompiledDocument> CompileDocument(Session& session, const std::string& name,
                                                absl::string_view bytes, ExitCode& code) {
  const absl::StatusOr<const policy::Catalog*> catalog = session.GetCatalog();
  if (!catalog.ok()) {
    code = Fail(catalog.status());
    return std::nullopt;
  }
  policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(name, bytes);
  if (!policy::HasError(parsed.findings)) {
    parsed.findings = policy::Check(parsed.document, **catalog, policy::CheckOptions());
  }
  if (policy::HasError(parsed.findings)) {
    for (const policy::Finding& finding : parsed.findings) {
      Note(finding.ToString() + "\n");
    }
    code = kCheckFailed;
    return std::nullopt;
  }
  auto compiled = policy::CompiledMou::Compile(parsed.document, session.shared_catalog());
  if (!compiled.ok()) {
    code = Fail(compiled.status());
    return std::nullopt;
  }
  return CompiledDocument{std::move(parsed.document), *std::move(compiled)};
}

std::string OperationsText(absl::Span<const v1::Operation> operations) {
  return absl::StrJoin(operations, ", ", [](std::string* out, v1::Operation operation) {
    absl::StrAppend(out, ShortName(v1::Operation_Name(operation), "OPERATION_"));
  });
}

std::string PeriodText(const policy::CivilPeriod& period) {
  return absl::StrCat(absl::FormatCivilTime(period.effective), "..",
                      absl::FormatCivilTime(period.expires));
}

void AddMou(CLI::App& app, Session& session) {
  CLI::App* noun =
      app.add_subcommand("mou", "MOUs: check, compare, propose and sign; list, suspend, end");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* check =
      session.AddVerb(noun, "check", "Find all that is wrong with documents before anybody signs",
                      "sluice mou check --today 2026-07-01 mou.yaml",
                      [&session, options] { return Check(session, *options); });
  check->add_option("FILE", options->files, "The documents")->required();
  check->add_option("--today", options->today, "Warn about terms that end soon after this date")
      ->type_name(kDateValue);
  check->add_option("--max-term", options->max_term_days, "The longest term allowed, in days")
      ->capture_default_str();
  AddOutput(check, options->output, kFindingForms);
  AddMouFormat(noun, session);
  CLI::App* explain = session.AddVerb(
      noun, "explain", "Say what a request would be answered, were the document signed",
      "sluice mou explain mou.yaml --to river-unified --purpose hiring_pipeline "
      "--record Candidate",
      [&session, options] { return Explain(session, *options); });
  explain->add_option("--to", options->to, "The organization that asks")
      ->type_name(kOrganizationValue)
      ->required();
  explain->add_option("--purpose", options->purpose, "The purpose that is claimed")
      ->type_name(kPurposeValue)
      ->required();
  explain->add_option("--record", options->record, "The record type")
      ->type_name(kTypeValue)
      ->required();
  explain->add_option("--operation", options->operation, "What is done")
      ->check(CLI::IsMember({"READ", "SYNC"}))
      ->capture_default_str();
  explain->add_option("--today", options->today, "The date of the request; today if not given")
      ->type_name(kDateValue);
  auto show_output = std::make_shared<std::string>("json");
  CLI::App* show = session.AddVerb(noun, "show", "Print a document as other tools read it",
                                   "sluice mou show --output json mou.yaml",
                                   [&session, options] { return Show(session, *options); });
  AddOutput(show, *show_output, {"json"});
  for (CLI::App* verb : {explain, show}) {
    verb->add_option("FILE", options->file, "The document")->required();
  }
  AddOutput(explain, options->output, {"text", "json"});
  session.AddVerb(noun, "schema",
                  "Print the JSON Schema of documents, by which an editor completes and checks",
                  "sluice mou schema > mou.schema.json", [&session] { return Schema(session); });
  AddMouDiff(noun, session);
  AddMouWhoCan(noun, session);
  AddMouWhatCan(noun, session);
  AddMouProposal(noun, session);
  AddMouStanding(noun, session);
  AddMouAttest(noun, session);
}

}  // namespace sluice::client
