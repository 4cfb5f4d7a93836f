// `sluice obligation`, `sluice mou attest`: what recipients have to destroy once an MOU is over,
// and their word that they did.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "client/command/mou.h"
#include "client/command/table.h"
#include "client/file.h"
#include "client/pki_directory.h"
#include "client/record_value.h"
#include "policy/attestation.h"

namespace sluice::client {
namespace {

struct Options {
  std::string mou;
  std::string organization;
  std::string as_of;
  std::string statement;
  std::string signer;
  std::string signer_key;
  std::string signature;
  std::string due;
  std::string output = "text";
};

absl::CivilDay DayOf(const google::type::Date& date) {
  return absl::CivilDay(date.year(), date.month(), date.day());
}

// Null if the gateway does not show it.
const v1::MouVersionStatus* EndedVersion(const v1::MouStatus& mou,
                                         const v1::Obligation& obligation) {
  for (const v1::MouVersionStatus& version : mou.versions()) {
    if (version.name() == obligation.version()) return &version;
  }
  return nullptr;
}

std::string StateOf(const v1::MouStatus& mou, const v1::Obligation& obligation) {
  if (obligation.has_as_of()) return "ATTESTED";
  return DaysLeft(mou, obligation) < 0 ? "OVERDUE" : "OPEN";
}

ExitCode List(Session& session, const Options& options) {
  std::optional<int> due;
  if (!options.due.empty()) {
    due = DaysOf(options.due);
    if (!due.has_value()) return FailUsage("--due must be a number of days: 60d");
  }
  const absl::StatusOr<std::vector<v1::MouStatus>> mous = AllMous(session);
  if (!mous.ok()) return Fail(mous.status());
  Table table({{"mou"}, {"version"}, {"organization"}, {"opened"}, {"due"}, {"state"}, {"as_of"}});
  int rows = 0;
  for (const v1::MouStatus& mou : *mous) {
    for (const v1::Obligation& obligation : mou.obligations()) {
      if (due.has_value() && (obligation.has_as_of() || DaysLeft(mou, obligation) > *due)) continue;
      ++rows;
      table.Add({MouOf(mou.name()), VersionOf(obligation.version()),
                 std::string(absl::StripPrefix(obligation.organization(), "organizations/")),
                 DateText(obligation.opened()), DateText(obligation.due()),
                 StateOf(mou, obligation),
                 obligation.has_as_of() ? DateText(obligation.as_of()) : ""});
    }
  }
  if (options.output == "text" && rows == 0) {
    const std::string none = due.has_value()
                                 ? absl::StrCat("no obligation is due within ", options.due, "\n")
                                 : "no obligation: no MOU of your organization is over\n";
    return Print(none) ? kDone : kFailed;
  }
  if (!table.Print(options.output)) return kFailed;
  return due.has_value() && rows > 0 ? kGateFailed : kDone;
}

// What is to be signed, and where it goes to.
struct Statement {
  std::string version;  // mous/{mou}/versions/{version}
  google::type::Date as_of;
  std::string text;
};

absl::StatusOr<Statement> StatementOf(const v1::MouStatus& mou, const Options& options) {
  for (const v1::Obligation& obligation : mou.obligations()) {
    if (obligation.organization() != absl::StrCat("organizations/", options.organization)) continue;
    const v1::MouVersionStatus* const version = EndedVersion(mou, obligation);
    if (version == nullptr) continue;
    Statement statement;
    statement.version = version->name();
    absl::CivilDay day = TodayOf(*version);
    if (!options.as_of.empty() && !absl::ParseCivilTime(options.as_of, &day)) {
      return absl::InvalidArgumentError("--as-of must be a date: 2028-07-15");
    }
    statement.as_of.set_year(static_cast<int32_t>(day.year()));
    statement.as_of.set_month(day.month());
    statement.as_of.set_day(day.day());
    int number = 0;
    (void)absl::SimpleAtoi(VersionOf(version->name()), &number);
    statement.text = policy::AttestationText(options.mou, number, version->document_digest(),
                                             options.organization, day);
    return statement;
  }
  return absl::FailedPreconditionError(absl::StrCat(options.organization,
                                                    " has nothing to attest under ", options.mou,
                                                    ": it is not over, or grants nothing to it"));
}

absl::StatusOr<std::string> SignatureOf(const Statement& statement, const Options& options) {
  if (!options.signature.empty()) return ReadFile(options.signature);
  return pki::SignText(statement.text, options.signer, options.signer_key);
}

ExitCode Attest(Session& session, const Options& options) {
  const bool with_key = !options.signer.empty() && !options.signer_key.empty();
  const int ways = with_key + !options.signature.empty() + !options.statement.empty();
  if (ways != 1) {
    return FailUsage(
        "give --signer and --signer-key, or --statement to have what another tool signs, or the "
        "--signature that it made");
  }
  if (!options.signature.empty() && options.as_of.empty()) {
    return FailUsage("--signature needs the --as-of that was signed");
  }
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::GetMouRequest get;
  get.set_name(absl::StrCat("mous/", options.mou));
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetMouResponse> mou = retry.Run([&] { return (*gateway)->GetMou(get); });
  if (!mou.ok()) return Fail(mou.status());
  const absl::StatusOr<Statement> statement = StatementOf(mou->mou(), options);
  if (!statement.ok()) return Fail(statement.status());
  if (!options.statement.empty()) {
    const absl::Status written = ReplaceFile(options.statement, statement->text);
    if (!written.ok()) return Fail(written);
    return Print(statement->text) ? kDone : kFailed;
  }
  absl::StatusOr<std::string> signature = SignatureOf(*statement, options);
  if (!signature.ok()) return Fail(signature.status());
  v1::AttestDestructionRequest request;
  request.set_name(statement->version);
  *request.mutable_as_of() = statement->as_of;
  request.set_signature(*std::move(signature));
  request.set_organization(absl::StrCat("organizations/", options.organization));
  absl::StatusOr<v1::AttestDestructionResponse> response =
      retry.Run([&] { return (*gateway)->AttestDestruction(request); });
  if (!response.ok()) return Fail(response.status());
  MakePrintable(*response);
  return PrintMou(response->mou(), options.output);
}

}  // namespace

int64_t DaysLeft(const v1::MouStatus& mou, const v1::Obligation& obligation) {
  const v1::MouVersionStatus* const version = EndedVersion(mou, obligation);
  return DayOf(obligation.due()) - TodayOf(version == nullptr ? v1::MouVersionStatus() : *version);
}

void AddMouAttest(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* attest = session.AddVerb(
      noun, "attest", "Sign that all that was received under an MOU is destroyed",
      "sluice mou attest stem-pipeline --for river-unified --signer signatory.pem --signer-key "
      "signatory.key",
      [&session, options] { return Attest(session, *options); });
  attest->add_option("MOU", options->mou, "The MOU's name")->required();
  attest->add_option("--for", options->organization, "The recipient that attests")
      ->type_name(kOrganizationValue)
      ->required();
  attest
      ->add_option("--as-of", options->as_of,
                   "Since which day it holds nothing: after the MOU's end; today, if not given")
      ->type_name(kDateValue);
  attest->add_option("--signer", options->signer, "PEM file: the signatory's certificate")
      ->type_name(kFileValue);
  attest->add_option("--signer-key", options->signer_key, "PEM file: its key")
      ->type_name(kFileValue);
  attest
      ->add_option("--statement", options->statement,
                   "Send nothing: write what is to be signed there, for openssl cms")
      ->type_name(kFileValue);
  attest
      ->add_option("--signature", options->signature,
                   "CMS file in DER over the statement, made by openssl cms")
      ->type_name(kFileValue);
  AddOutput(attest, options->output, {"text", "json"});
}

void AddObligation(CLI::App& app, Session& session) {
  CLI::App* noun =
      app.add_subcommand("obligation", "Obligations: what is to be destroyed, and by when");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* list = session.AddVerb(
      noun, "list", "List what recipients have to destroy after an MOU's end, and who has attested",
      "sluice obligation list --due 30d", [&session, options] { return List(session, *options); });
  list->add_option(
          "--due", options->due,
          "Only what is open and due within so many days (30d); exit code 5 if there is any")
      ->type_name("DAYS");
  AddOutput(list, options->output, kTableForms);
}

}  // namespace sluice::client
