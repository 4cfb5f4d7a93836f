// `sluice grant preview` and `sluice explain row`: what a recipient would be sent of one's own
// records, and why not.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"
#include "client/command/record_key.h"
#include "client/command/record_output.h"
#include "client/command/session.h"

namespace sluice::client {
namespace {

struct ViewOptions {
  std::string type;
  std::string recipient;
  std::string mou;
  std::string purpose;
  std::vector<std::string> key;
  std::string output = "text";
  int rows = 10;
  int repeat = 5;
  bool values = false;
};

// What both ask: parent, recipient, MOU, purpose, type, key. Not OK: the usage is wrong.
template <typename Request>
absl::Status Fill(Session& session, const policy::RecordType& type, const ViewOptions& options,
                  Request& request) {
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return parent.status();
  request.set_parent(*parent);
  request.set_recipient(absl::StrCat("organizations/", options.recipient));
  request.set_mou(options.mou);
  request.set_purpose(options.purpose);
  request.set_record_type(options.type);
  if (options.key.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> key = KeyFromArguments(type, options.key);
  if (!key.ok()) return key.status();
  request.set_key(*std::move(key));
  return absl::OkStatus();
}

std::string ConditionsText(const v1::NearestGrant& grant) {
  std::vector<std::string> failed;
  for (const v1::FailedCondition& condition : grant.failed()) {
    failed.push_back(condition.description());
  }
  return absl::StrCat(grant.grant(), failed.size() == 1 ? " fails only: " : " fails: ",
                      absl::StrJoin(failed, "; and "),
                      grant.line() > 0 ? absl::StrCat(" (line ", grant.line(), ")") : "", "\n");
}

// A denial is the answer here, not this call's end.
std::string DenialText(v1::Decision decision, const std::string& recipient) {
  MakePrintable(decision);
  std::string text = absl::StrCat(recipient, " would be denied: ", decision.explanation(), "\n");
  for (const v1::NearestGrant& nearest : decision.nearest_grants()) {
    absl::StrAppend(&text, "  nearest: ", ConditionsText(nearest));
  }
  if (decision.unsigned_parties_size() > 0) {
    absl::StrAppend(&text, "  not signed by: ", absl::StrJoin(decision.unsigned_parties(), ", "),
                    "\n");
  }
  return text;
}

ExitCode Preview(Session& session, const ViewOptions& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  v1::PreviewGrantRequest request;
  if (const absl::Status filled = Fill(session, **type, options, request); !filled.ok()) {
    return FailUsage(Printable(filled.message()));
  }
  request.set_row_limit(options.rows);
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::PreviewGrantResponse> response =
      retry.Run([&] { return (*gateway)->PreviewGrant(request); });
  if (!response.ok()) return Fail(response.status());
  if (!response->decision().permit()) {
    Note(DenialText(response->decision(), options.recipient));
    return kDenied;
  }
  const auto output =
      RecordOutput::Create(**type, response->header(), options.output, options.repeat);
  if (!output.ok()) return Fail(output.status());
  std::string text = (*output)->Begin();
  for (const v1::Row& row : response->rows()) {
    const absl::StatusOr<std::string> line = (*output)->Row(row.row_id(), row.record());
    if (!line.ok()) return Fail(line.status());
    text += *line;
  }
  if (!Print(text + (*output)->End())) {
    return Fail(absl::FailedPreconditionError("standard output can't be written"));
  }
  if (session.quiet()) return kDone;
  if (response->withheld_count() > 0) {
    Note(absl::StrCat("sluice: ", response->withheld_count(),
                      " would be withheld for an error in them\n"));
  }
  Note(absl::StrCat(Grouped(response->rows_size()), " rows of ",
                    Grouped(response->considered_count()), " records looked at",
                    response->more() ? "; there are more" : "", "; as ", options.recipient,
                    " would be sent them under ", Printable(response->header().mou()), " version ",
                    response->header().version(), "; log entry ", response->log_index(), "\n"));
  if (response->rows_size() == 0) Note("next: `sluice explain row` says why a record is not in\n");
  return kDone;
}

std::string GrantText(const v1::GrantOnRow& grant, bool values) {
  std::string text = absl::StrCat(
      "  ", grant.grant(), grant.line() > 0 ? absl::StrCat(" (line ", grant.line(), ")") : "",
      grant.failed_size() == 0 ? ": has the row in its scope\n"
                               : ": has not the row in its scope\n");
  for (const v1::FailedRowCondition& failed : grant.failed()) {
    const std::string why =
        ShortName(v1::RowConditionFailure_Name(failed.failure()), "ROW_CONDITION_FAILURE_");
    absl::StrAppend(&text, "    ", failed.field(), ": ", why, "; asked: ", failed.condition());
    if (values && !failed.value().empty()) absl::StrAppend(&text, "; the value: ", failed.value());
    text += "\n";
  }
  if (grant.fields_size() > 0) {
    absl::StrAppend(&text, "    fields: ", absl::StrJoin(grant.fields(), ", "), "\n");
  }
  if (grant.empty_fields_size() > 0) {
    absl::StrAppend(&text, "    without a value here: ", absl::StrJoin(grant.empty_fields(), ", "),
                    "\n");
  }
  return text;
}

std::string ExplanationText(v1::ExplainRowResponse response, bool values) {
  MakePrintable(response);
  const v1::RowExplanation& row = response.row();
  std::string text = absl::StrCat(ShortName(v1::RowVerdict_Name(row.verdict()), "ROW_VERDICT_"),
                                  ": ", row.explanation(), "\n");
  for (const v1::GrantOnRow& grant : row.grants()) text += GrantText(grant, values);
  for (const v1::ProhibitionOnRow& prohibition : row.prohibitions()) {
    absl::StrAppend(
        &text, "  prohibition ", prohibition.prohibition(), ": takes ",
        prohibition.fields_size() == 0 ? "all fields" : absl::StrJoin(prohibition.fields(), ", "));
    if (prohibition.matched_unset_size() > 0) {
      absl::StrAppend(&text, "; matches for want of a value: ",
                      absl::StrJoin(prohibition.matched_unset(), ", "));
    }
    text += "\n";
  }
  for (const v1::NearestGrant& grant : response.not_in_force()) {
    absl::StrAppend(&text, "  not in force: ", ConditionsText(grant));
  }
  return text;
}

ExitCode ExplainRow(Session& session, const ViewOptions& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  v1::ExplainRowRequest request;
  if (const absl::Status filled = Fill(session, **type, options, request); !filled.ok()) {
    return FailUsage(Printable(filled.message()));
  }
  request.set_show_values(options.values);
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::ExplainRowResponse> response =
      retry.Run([&] { return (*gateway)->ExplainRow(request); });
  if (!response.ok()) return Fail(response.status());
  if (options.output == "json") {
    Print(ProtoJson(*response) + "\n");
  } else if (response->decision().permit()) {
    Print(ExplanationText(*response, options.values));
  } else {
    std::string text = DenialText(response->decision(), options.recipient);
    for (v1::NearestGrant grant : response->not_in_force()) {
      MakePrintable(grant);
      absl::StrAppend(&text, "  not in force: ", ConditionsText(grant));
    }
    Print(text);
  }
  if (!session.quiet()) Note(absl::StrCat("log entry ", response->log_index(), "\n"));
  return kDone;
}

void AddViewOptions(CLI::App* verb, ViewOptions& options, bool key_required) {
  verb->add_option("TYPE", options.type, "The record type")->required();
  verb->add_option("--as", options.recipient, "The recipient: an organization")
      ->type_name(kOrganizationValue)
      ->required();
  verb->add_option("--purpose", options.purpose, "The purpose that it would claim")
      ->type_name(kPurposeValue)
      ->required();
  verb->add_option("--mou", options.mou, "The MOU, if several permit")->type_name(kMouValue);
  verb->add_option("--record-key", options.key,
                   "FIELD=VALUE, once for each field of the key: that record alone")
      ->type_name(kKeyValue)
      ->required(key_required);
}

}  // namespace

void AddPreview(CLI::App* grant, Session& session) {
  auto options = std::make_shared<ViewOptions>();
  CLI::App* preview = session.AddVerb(
      grant, "preview", "Show what a recipient would be sent of one's own records, today",
      "sluice grant preview Candidate --as river-unified --purpose hiring_pipeline",
      [&session, options] { return Preview(session, *options); });
  AddViewOptions(preview, *options, /*key_required=*/false);
  preview->add_option("--rows", options->rows, "How many rows at most")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  preview->add_option("--repeat", options->repeat, "CSV: columns for each repeated field")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  AddOutput(preview, options->output, kTableForms);
}

void AddExplain(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("explain", "Why a recipient's release is as it is");
  noun->require_subcommand(1);
  auto options = std::make_shared<ViewOptions>();
  CLI::App* row = session.AddVerb(
      noun, "row", "Say why one of one's own records is in a recipient's release, or is not",
      "sluice explain row Candidate --as river-unified --purpose hiring_pipeline --record-key "
      "candidate_id=C20618",
      [&session, options] { return ExplainRow(session, *options); });
  AddViewOptions(row, *options, /*key_required=*/true);
  row->add_flag("--values", options->values, "Print the record's own values, too");
  AddOutput(row, options->output, {"text", "json"});
}

}  // namespace sluice::client
