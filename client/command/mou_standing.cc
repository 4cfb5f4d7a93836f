// `sluice mou`, at the gateway: how MOUs stand, and what a party does to one by itself.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/command/confirm.h"
#include "client/command/mou.h"
#include "client/command/table.h"
#include "client/file.h"
#include "client/record_value.h"
#include "policy/digest.h"

namespace sluice::client {
namespace {

struct Options {
  std::string mou;
  std::string grant;
  std::string etag;
  std::string reason;
  std::string on;
  std::string due;
  std::string confirm;
  std::string document;
  int version = 0;  // 0: of all
  std::string output = "text";
};

std::string OrganizationOf(absl::string_view name) {
  return std::string(absl::StripPrefix(name, "organizations/"));
}

std::string NameOf(const Options& options) {
  const std::string mou = absl::StrCat("mous/", options.mou);
  return options.version == 0 ? mou : absl::StrCat(mou, "/versions/", options.version);
}

std::string StateText(v1::MouState state) {
  return ShortName(v1::MouState_Name(state), "MOU_STATE_");
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

// The day on which nothing leaves any more, if nobody does anything.
absl::CivilDay EndOf(const v1::MouVersionStatus& version) {
  const google::type::Date& term = version.expires();
  const absl::CivilDay expires(term.year(), term.month(), term.day());
  if (!version.has_termination()) return expires;
  const google::type::Date& set = version.termination().effective();
  return std::min(expires, absl::CivilDay(set.year(), set.month(), set.day()));
}

bool IsOver(const v1::MouVersionStatus& version) {
  return version.state() == v1::MOU_STATE_SUPERSEDED || version.state() == v1::MOU_STATE_EXPIRED ||
         version.state() == v1::MOU_STATE_TERMINATED || version.state() == v1::MOU_STATE_CLOSED;
}

// Whose move it is, or what was done: what a person looks for in a list.
std::string NoteOf(const v1::MouStatus& mou, const v1::MouVersionStatus& version) {
  std::vector<std::string> notes;
  std::vector<std::string> unsigned_parties, suspended_by;
  for (const v1::PartyStatus& party : version.parties()) {
    if (!party.has_sign_time()) unsigned_parties.push_back(OrganizationOf(party.organization()));
  }
  for (const std::string& name : version.suspended_by()) {
    suspended_by.push_back(OrganizationOf(name));
  }
  if (!unsigned_parties.empty() && !IsOver(version)) {
    notes.push_back(absl::StrCat("to be signed by ", absl::StrJoin(unsigned_parties, ", ")));
  }
  if (!suspended_by.empty()) {
    notes.push_back(absl::StrCat("suspended by ", absl::StrJoin(suspended_by, ", ")));
  }
  if (version.has_termination()) {
    const v1::Termination& end = version.termination();
    notes.push_back(absl::StrCat(
        "ended by ", OrganizationOf(end.organization()), " on ", DateText(end.effective()), ": ",
        ShortName(v1::TerminationReason_Name(end.reason()), "TERMINATION_REASON_")));
  }
  if (!version.withdrawn_grants().empty()) {
    notes.push_back(absl::StrCat("withdrawn: ", absl::StrJoin(version.withdrawn_grants(), ", ")));
  }
  for (const v1::Obligation& obligation : mou.obligations()) {
    if (obligation.version() != version.name() || obligation.has_as_of()) continue;
    notes.push_back(absl::StrCat("destruction to be attested by ",
                                 OrganizationOf(obligation.organization()), " until ",
                                 DateText(obligation.due())));
  }
  return absl::StrJoin(notes, "; ");
}

// Whether the last of its versions that are in force or to come ends within so many days, or the
// time to attest destruction.
bool IsDue(const v1::MouStatus& mou, int days) {
  for (const v1::Obligation& obligation : mou.obligations()) {
    if (!obligation.has_as_of() && DaysLeft(mou, obligation) <= days) return true;
  }
  std::optional<int64_t> left;
  for (const v1::MouVersionStatus& version : mou.versions()) {
    if (IsOver(version) || version.state() == v1::MOU_STATE_PROPOSED) continue;
    const int64_t of_version = EndOf(version) - TodayOf(version);
    left = std::max(left.value_or(of_version), of_version);
  }
  return left.has_value() && *left <= days;
}

ExitCode List(Session& session, const Options& options) {
  std::optional<int> due;
  if (!options.due.empty()) {
    due = DaysOf(options.due);
    if (!due.has_value()) return FailUsage("--due must be a number of days: 60d");
  }
  absl::StatusOr<std::vector<v1::MouStatus>> listed = AllMous(session);
  if (!listed.ok()) return Fail(listed.status());
  std::vector<v1::MouStatus>& mous = *listed;
  if (due.has_value()) {
    mous.erase(std::remove_if(mous.begin(), mous.end(),
                              [&](const v1::MouStatus& mou) { return !IsDue(mou, *due); }),
               mous.end());
  }
  if (options.output == "text" && mous.empty()) {
    const std::string none =
        due.has_value()
            ? absl::StrCat("no MOU ends, and nothing is to be attested, within ", options.due, "\n")
            : "no MOU: none has your organization as a party\n";
    return Print(none) ? kDone : kFailed;
  }
  if (!PrintMous(mous, options.output)) return kFailed;
  return due.has_value() && !mous.empty() ? kGateFailed : kDone;
}

std::string StatusText(const v1::MouStatus& mou) {
  std::string text = MouOf(mou.name());
  for (const v1::MouVersionStatus& version : mou.versions()) {
    absl::StrAppend(&text, "\n  version ", VersionOf(version.name()), ": ",
                    StateText(version.state()), ", ", DateText(version.effective()), "..",
                    DateText(version.expires()), " ", version.time_zone(), "\n    ",
                    version.title(), "\n    ", version.document_digest(), "\n");
    for (const v1::PartyStatus& party : version.parties()) {
      absl::StrAppend(&text, "    ", OrganizationOf(party.organization()),
                      party.has_sign_time()
                          ? absl::StrCat(" signed ", TimeText(party.sign_time()), "\n")
                          : " has not signed\n");
    }
    if (const std::string note = NoteOf(mou, version); !note.empty()) {
      absl::StrAppend(&text, "    ", note, "\n");
    }
    for (const v1::MouEvent& event : version.history()) {
      const bool acted = event.action() != v1::MOU_ACTION_UNSPECIFIED;
      absl::StrAppend(
          &text, "    ", TimeText(event.time()), "  entry ", event.log_index(), "  ",
          acted ? absl::StrCat(ShortName(v1::MouAction_Name(event.action()), "MOU_ACTION_"),
                               event.organization().empty() ? "" : " by ",
                               OrganizationOf(event.organization()))
                : StateText(event.state()),
          "\n");
    }
  }
  return text;
}

// The newest version's document, or that of the one that was asked for: the bytes to be signed.
ExitCode Save(const v1::MouStatus& mou, const std::string& path) {
  if (mou.versions().empty() || mou.versions(0).document().empty()) {
    return Fail(
        absl::FailedPreconditionError("the gateway has no bytes of this version: it waits in the "
                                      "gateway's directory of documents"));
  }
  const v1::MouVersionStatus& version = mou.versions(0);
  if (policy::Sha256Digest(version.document()) != version.document_digest()) {
    return Fail(absl::DataLossError("the document is not the one that its digest names"));
  }
  const absl::Status written = ReplaceFile(path, version.document());
  if (!written.ok()) return Fail(written);
  Note(absl::StrCat(path, ": version ", VersionOf(version.name()), ", ", version.document_digest(),
                    "\n"));
  return kDone;
}

ExitCode Status(Session& session, const Options& options) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::GetMouRequest request;
  request.set_name(NameOf(options));
  Retry retry = session.NewRetry();
  absl::StatusOr<v1::GetMouResponse> response =
      retry.Run([&] { return (*gateway)->GetMou(request); });
  if (!response.ok()) return Fail(response.status());
  if (!options.document.empty()) return Save(response->mou(), options.document);
  MakePrintable(*response);
  return Print(options.output == "json" ? ProtoJson(response->mou()) + "\n"
                                        : StatusText(response->mou()))
             ? kDone
             : kFailed;
}

// An act: it may be made again, so it is tried again until it was answered.
template <typename Response, typename Request>
ExitCode Act(Session& session, const Options& options,
             absl::StatusOr<Response> (Gateway::*call)(const Request&), Request request) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  request.set_name(NameOf(options));
  request.set_etag(options.etag);
  Retry retry = session.NewRetry();
  absl::StatusOr<Response> response = retry.Run([&] { return ((*gateway)->*call)(request); });
  if (!response.ok()) return Fail(response.status());
  MakePrintable(*response);
  return PrintMou(response->mou(), options.output);
}

// What was suspended again since the caller looked is not lifted by a call that is tried again.
ExitCode Resume(Session& session, Options options) {
  if (options.etag.empty()) {
    const absl::StatusOr<Gateway*> gateway = session.GetGateway();
    if (!gateway.ok()) return Fail(gateway.status());
    v1::GetMouRequest request;
    request.set_name(NameOf(options));
    Retry retry = session.NewRetry();
    const absl::StatusOr<v1::GetMouResponse> response =
        retry.Run([&] { return (*gateway)->GetMou(request); });
    if (!response.ok()) return Fail(response.status());
    options.etag = response->mou().etag();
  }
  return Act(session, options, &Gateway::ResumeMou, v1::ResumeMouRequest());
}

ExitCode Terminate(Session& session, const Options& options) {
  v1::TerminateMouRequest request;
  v1::TerminationReason reason;
  if (!v1::TerminationReason_Parse(absl::StrCat("TERMINATION_REASON_", options.reason), &reason)) {
    return FailUsage("--reason must be one of those that --help names");
  }
  request.set_reason(reason);
  if (!options.on.empty()) {
    const absl::StatusOr<google::type::Date> date = ParseDate(options.on);
    if (!date.ok()) return FailUsage("--on must be a date: 2027-05-01");
    *request.mutable_effective() = *date;
  }
  if (!Confirmed(options.confirm, options.mou, "end it")) {
    return FailUsage(absl::StrCat("nothing was ended: give --confirm ", options.mou));
  }
  return Act(session, options, &Gateway::TerminateMou, std::move(request));
}

ExitCode Withdraw(Session& session, const Options& options) {
  if (!Confirmed(options.confirm, options.grant, "take it back")) {
    return FailUsage(absl::StrCat("nothing was taken back: give --confirm ", options.grant));
  }
  v1::WithdrawGrantRequest request;
  request.set_grant(options.grant);
  return Act(session, options, &Gateway::WithdrawGrant, std::move(request));
}

}  // namespace

std::optional<int> DaysOf(absl::string_view text) {
  int days = 0;
  if (!absl::ConsumeSuffix(&text, "d") || !absl::SimpleAtoi(text, &days) || days < 0 ||
      days > 36'500) {
    return std::nullopt;
  }
  return days;
}

absl::StatusOr<std::vector<v1::MouStatus>> AllMous(Session& session) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return gateway.status();
  std::vector<v1::MouStatus> mous;
  v1::ListMousRequest request;
  Retry retry = session.NewRetry();
  do {
    absl::StatusOr<v1::ListMousResponse> page =
        retry.Run([&] { return (*gateway)->ListMous(request); });
    if (!page.ok()) return page.status();
    retry.Progress();
    if (page->mous().empty() && !page->next_page_token().empty()) {
      return absl::DataLossError("the gateway's list of MOUs leads no further");
    }
    request.set_page_token(page->next_page_token());
    MakePrintable(*page);
    for (v1::MouStatus& mou : *page->mutable_mous()) mous.push_back(std::move(mou));
  } while (!request.page_token().empty());
  return mous;
}

absl::CivilDay TodayOf(const v1::MouVersionStatus& version) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(version.time_zone(), &zone)) zone = absl::UTCTimeZone();
  return absl::ToCivilDay(absl::Now(), zone);
}

std::string MouOf(absl::string_view name) { return std::string(absl::StripPrefix(name, "mous/")); }

std::string VersionOf(absl::string_view name) {
  return std::string(name.substr(name.rfind('/') + 1));
}

bool PrintMous(const std::vector<v1::MouStatus>& mous, const std::string& output) {
  Table table(
      {{"mou"}, {"version"}, {"state"}, {"from"}, {"until"}, {"note", Table::Fit::kMayShorten}});
  const bool objects = output == "json" || output == "ndjson";
  for (const v1::MouStatus& mou : mous) {
    if (objects) {
      table.Add({}, Table::Json::parse(ProtoJson(mou)));
      continue;
    }
    for (const v1::MouVersionStatus& version : mou.versions()) {
      table.Add({MouOf(mou.name()), VersionOf(version.name()), StateText(version.state()),
                 DateText(version.effective()), absl::FormatCivilTime(EndOf(version)),
                 NoteOf(mou, version)});
    }
  }
  return table.Print(output);
}

ExitCode PrintMou(const v1::MouStatus& mou, const std::string& output) {
  if (output == "json") return Print(ProtoJson(mou) + "\n") ? kDone : kFailed;
  return PrintMous({mou}, output) ? kDone : kFailed;
}

void AddMouStanding(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* list = session.AddVerb(noun, "list", "List your organization's MOUs and how they stand",
                                   "sluice mou list --due 60d",
                                   [&session, options] { return List(session, *options); });
  list->add_option("--due", options->due,
                   "Only MOUs that end within so many days (60d); exit code 5 if there are any")
      ->type_name("DAYS");
  AddOutput(list, options->output, kTableForms);
  CLI::App* status = session.AddVerb(
      noun, "status", "Say how an MOU stands: signatures, suspensions, its steps in the log",
      "sluice mou status stem-pipeline", [&session, options] { return Status(session, *options); });
  CLI::App* suspend = session.AddVerb(
      noun, "suspend", "Stop all that leaves under an MOU, at once, until you resume it",
      "sluice mou suspend stem-pipeline", [&session, options] {
        return Act(session, *options, &Gateway::SuspendMou, v1::SuspendMouRequest());
      });
  CLI::App* resume = session.AddVerb(noun, "resume", "Lift your organization's own suspension",
                                     "sluice mou resume stem-pipeline",
                                     [&session, options] { return Resume(session, *options); });
  CLI::App* terminate = session.AddVerb(
      noun, "terminate", "End an MOU or take a proposal back, at once or later, for good",
      "sluice mou terminate stem-pipeline --reason PURPOSE_ENDED --confirm stem-pipeline",
      [&session, options] { return Terminate(session, *options); });
  terminate->add_option("--reason", options->reason, "Why")
      ->check(CLI::IsMember({"PURPOSE_ENDED", "BREACH", "LAW_CHANGED", "PARTY_ENDED", "NO_REASON"}))
      ->required();
  terminate
      ->add_option("--on", options->on,
                   "The first day on which nothing leaves; today, at once, if not given")
      ->type_name(kDateValue);
  terminate->add_option("--confirm", options->confirm,
                        "The MOU again; asked for on a terminal where it is not given");
  CLI::App* withdraw = session.AddVerb(
      noun, "withdraw", "Take back a grant of your own organization, at once and for good",
      "sluice mou withdraw stem-pipeline completers --confirm completers",
      [&session, options] { return Withdraw(session, *options); });
  status
      ->add_option("--document", options->document,
                   "Write the newest version's document there, to be read, checked and signed")
      ->type_name(kFileValue);
  for (CLI::App* verb : {status, terminate}) {
    verb->add_option("--version", options->version, "Of one version alone")
        ->check(CLI::PositiveNumber);
  }
  for (CLI::App* verb : {status, suspend, resume, terminate, withdraw}) {
    verb->add_option("MOU", options->mou, "The MOU's name")->required();
    AddOutput(verb, options->output, {"text", "json"});
  }
  withdraw->add_option("GRANT", options->grant, "The grant's name")->required();
  withdraw->add_option("--confirm", options->confirm,
                       "The grant again; asked for on a terminal where it is not given");
  for (CLI::App* verb : {suspend, resume, terminate, withdraw}) {
    verb->add_option("--etag", options->etag,
                     "Only if the MOU stands as it did when a list gave this etag");
  }
}

}  // namespace sluice::client
