// `sluice grant` and `sluice decision`: what this organization may see, and why not.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"
#include "client/record_value.h"
#include "policy/field_rule.h"

namespace sluice::client {
namespace {

std::string RuleText(const v1::FieldRule& rule) {
  const absl::StatusOr<policy::FieldRule> read = policy::FieldRule::FromProto(rule);
  return read.ok() ? read->ToString() : "(a rule that this client does not know)";
}

std::string ConstraintText(const v1::Constraint& constraint) {
  if (constraint.in_size() > 0) {
    return absl::StrCat("one of ", absl::StrJoin(constraint.in(), ", "));
  }
  std::vector<std::string> ends;
  if (constraint.has_at_least()) ends.push_back("at least " + constraint.at_least());
  if (constraint.has_below()) ends.push_back("below " + constraint.below());
  return absl::StrJoin(ends, ", ");
}

std::string PairsText(const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t width = 0;
  for (const auto& [name, value] : pairs) width = std::max(width, DisplayWidth(name));
  std::string text;
  for (const auto& [name, value] : pairs) {
    absl::StrAppend(&text, "    ", name, std::string(width - DisplayWidth(name) + 2, ' '), value,
                    "\n");
  }
  return text;
}

std::string OperationsText(const v1::GrantView& grant) {
  std::vector<std::string> operations;
  for (const int operation : grant.operations()) {
    operations.push_back(
        ShortName(v1::Operation_Name(static_cast<v1::Operation>(operation)), "OPERATION_"));
  }
  return absl::StrJoin(operations, ", ");
}

std::string GrantText(v1::GrantView grant) {
  MakePrintable(grant);
  std::string text = absl::StrCat(
      grant.mou(), " ", grant.version(), "  ", grant.grant(), grant.live() ? "" : "  (not live)",
      "\n  from      ", grant.owner(), "\n  record    ", grant.record_type(), "\n  purpose   ",
      grant.purpose(), ": ", grant.purpose_description(), "\n  allows    ", OperationsText(grant),
      "\n  period    ", DateText(grant.effective()), " until before ", DateText(grant.expires()),
      "\n");
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& [path, constraint] : grant.rows()) {
    lines.emplace_back(path, ConstraintText(constraint));
  }
  std::sort(lines.begin(), lines.end());
  if (!lines.empty()) absl::StrAppend(&text, "  rows\n", PairsText(lines));
  lines.clear();
  for (const v1::ReleasedField& field : grant.fields()) {
    lines.emplace_back(field.path(), RuleText(field.rule()));
  }
  absl::StrAppend(&text, "  fields\n", PairsText(lines));
  return text;
}

void AddRow(const v1::GrantView& grant, Table& table) {
  std::vector<std::string> fields;
  for (const v1::ReleasedField& field : grant.fields()) fields.push_back(field.path());
  table.Add(
      {grant.mou(), absl::StrCat(grant.version()), grant.grant(), grant.owner(),
       grant.record_type(), grant.purpose(), OperationsText(grant), DateText(grant.effective()),
       DateText(grant.expires()), grant.live() ? "true" : "false", absl::StrJoin(fields, " ")},
      Table::Json::parse(ProtoJson(grant)));
}

ExitCode List(Session& session, const std::string& mou, const std::string& output) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::ListGrantsRequest request;
  request.set_mou(mou);
  Table table({{"mou"},
               {"version"},
               {"grant"},
               {"owner"},
               {"record type"},
               {"purpose"},
               {"operations"},
               {"effective"},
               {"expires"},
               {"live"},
               {"fields"}});
  absl::flat_hash_set<std::string> tokens;
  do {
    Retry retry = session.NewRetry();
    const absl::StatusOr<v1::ListGrantsResponse> page =
        retry.Run([&] { return (*gateway)->ListGrants(request); });
    if (!page.ok()) return Fail(page.status());
    for (const v1::GrantView& grant : page->grants()) {
      if (output == "text") Print(absl::StrCat(table.size() == 0 ? "" : "\n", GrantText(grant)));
      AddRow(grant, table);
    }
    request.set_page_token(page->next_page_token());
    // A page leads on with a grant and a token that was not seen, or the gateway turns us in a
    // ring.
    if (!request.page_token().empty() &&
        (page->grants_size() == 0 || !tokens.insert(request.page_token()).second)) {
      return Fail(
          absl::DataLossError("the gateway's list of grants leads no further: the list is "
                              "not whole"));
    }
  } while (!request.page_token().empty());
  if (output != "text") return table.Print(output) ? kDone : kFailed;
  if (table.size() == 0) Print("no grants\n");
  return kDone;
}

std::string DecisionText(v1::ExplainDecisionResponse response) {
  MakePrintable(response);
  const v1::Decision& decision = response.decision();
  const std::string code = ShortName(v1::DenialCode_Name(decision.code()), "DENIAL_CODE_");
  std::string text =
      absl::StrCat(decision.permit() ? "permit" : absl::StrCat("denial ", code), "\n  decision  ",
                   decision.decision_id(), "\n  purpose   ", decision.purpose(), "\n  record    ",
                   decision.record_type(), "\n");
  if (!decision.mou().empty()) {
    absl::StrAppend(&text, "  MOU       ", decision.mou(), " ", decision.version(), " (",
                    decision.document_digest(), ")\n");
  }
  if (decision.grants_size() > 0) {
    absl::StrAppend(&text, "  grants    ", absl::StrJoin(decision.grants(), ", "), "\n");
  }
  for (const v1::NearestGrant& nearest : decision.nearest_grants()) {
    std::vector<std::string> failed;
    for (const v1::FailedCondition& condition : nearest.failed()) {
      failed.push_back(condition.description());
    }
    absl::StrAppend(
        &text, "  nearest   ", nearest.grant(),
        failed.size() == 1 ? " fails only: " : " fails: ", absl::StrJoin(failed, "; and "),
        nearest.line() > 0 ? absl::StrCat(" (line ", nearest.line(), ")") : "", "\n");
  }
  if (decision.unsigned_parties_size() > 0) {
    absl::StrAppend(&text, "  unsigned  ", absl::StrJoin(decision.unsigned_parties(), ", "), "\n");
  }
  absl::StrAppend(&text, "  log entry ", response.log_index(), "\n");
  if (!decision.explanation().empty()) absl::StrAppend(&text, "  ", decision.explanation(), "\n");
  return text;
}

ExitCode Explain(Session& session, const std::string& id, const std::string& output) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::ExplainDecisionRequest request;
  request.set_decision_id(id);
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::ExplainDecisionResponse> response =
      retry.Run([&] { return (*gateway)->ExplainDecision(request); });
  if (!response.ok()) return Fail(response.status());
  Print(output == "json" ? ProtoJson(*response) + "\n" : DecisionText(*response));
  return kDone;
}

}  // namespace

void AddGrant(CLI::App& app, Session& session) {
  CLI::App* grants = app.add_subcommand("grant", "What this organization may see, and how");
  grants->require_subcommand(1);
  auto mou = std::make_shared<std::string>();
  auto list_output = std::make_shared<std::string>("text");
  CLI::App* list =
      session.AddVerb(grants, "list", "List the grants to this organization",
                      "sluice grant list --mou stem-pipeline",
                      [&session, mou, list_output] { return List(session, *mou, *list_output); });
  list->add_option("--mou", *mou, "Only those of this MOU")->type_name(kMouValue);
  AddOutput(list, *list_output, kTableForms);

  AddPreview(grants, session);

  CLI::App* decisions = app.add_subcommand("decision", "What the gateway decided");
  decisions->require_subcommand(1);
  auto id = std::make_shared<std::string>();
  auto explain_output = std::make_shared<std::string>("text");
  CLI::App* explain = session.AddVerb(
      decisions, "explain", "Say again what was decided, and why",
      "sluice decision explain 3f0c2a55d7c14b1e9a4d6f2b8c0e7a91",
      [&session, id, explain_output] { return Explain(session, *id, *explain_output); });
  explain->add_option("ID", *id, "The decision: 32 hexadecimal digits")->required();
  AddOutput(explain, *explain_output, {"text", "json"});
}

}  // namespace sluice::client
