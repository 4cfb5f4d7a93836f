// `sluice opt-out`: that nothing about a person leaves for a purpose, or for any.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/subject_report.h"
#include "client/file.h"
#include "client/record_value.h"

namespace sluice::client {
namespace {

// As many as a call takes.
constexpr int kSubjectsACall = 1000;

struct Options {
  SubjectIdOptions subject;
  std::string ids;
  std::string purpose;
  std::string output = "text";
};

// All that are asked for, in as many requests as that takes, with all else of `request`.
template <typename Request>
absl::StatusOr<std::vector<Request>> RequestsFor(const Options& options, Request request) {
  std::vector<std::string> ids;
  if (options.ids.empty()) {
    const absl::StatusOr<std::string> id = IdOf(options.subject);
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  } else {
    const absl::StatusOr<std::string> text = ReadFile(options.ids);
    if (!text.ok()) return text.status();
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      line = absl::StripAsciiWhitespace(line);
      if (!line.empty()) ids.emplace_back(line);
    }
    if (ids.empty()) return absl::InvalidArgumentError(options.ids + " has no id, one a line");
  }
  std::vector<Request> requests;
  for (std::string& id : ids) {
    if (requests.empty() || requests.back().subjects_size() == kSubjectsACall) {
      requests.push_back(request);
    }
    v1::SubjectId& subject = *requests.back().add_subjects();
    subject.set_id_space(options.subject.id_space);
    subject.set_id(std::move(id));
    subject.set_source_system(options.subject.source_system);
  }
  return requests;
}

std::string Subjects(int64_t count) {
  return absl::StrCat(Grouped(count), count == 1 ? " subject" : " subjects");
}

template <typename Response, typename Request>
ExitCode Put(Session& session, const Options& options,
             absl::StatusOr<Response> (Gateway::*call)(const Request&), absl::string_view done) {
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  Request request;
  request.set_parent(*parent);
  if (!options.purpose.empty()) request.set_purpose(options.purpose);
  const absl::StatusOr<std::vector<Request>> requests = RequestsFor(options, request);
  if (!requests.ok()) return FailUsage(requests.status().message());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  Retry retry = session.NewRetry();
  Response whole;
  whole.set_index(-1);
  for (const Request& part : *requests) {
    const absl::StatusOr<Response> response = retry.Run([&] { return ((*gateway)->*call)(part); });
    // What was done before is done: the same again changes only the rest.
    if (!response.ok()) return Fail(response.status());
    retry.Progress();
    whole.set_changed_count(whole.changed_count() + response->changed_count());
    if (response->index() >= 0) whole.set_index(response->index());
  }
  if (options.output == "json") return Print(ProtoJson(whole) + "\n") ? kDone : kFailed;
  const std::string of = options.purpose.empty() ? std::string("all purposes") : options.purpose;
  const std::string said =
      whole.changed_count() == 0
          ? absl::StrCat("nothing has changed: it was so before, for ", of, "\n")
          : absl::StrCat(Subjects(whole.changed_count()), " ", done, " ", of, "; entry ",
                         whole.index(), " of the log says so\n");
  return Print(said) ? kDone : kFailed;
}

std::string Text(const v1::OptOutStatus& status) {
  if (status.all_purposes()) return "all purposes";
  return status.purposes().empty() ? "none" : absl::StrJoin(status.purposes(), ", ");
}

ExitCode Check(Session& session, const Options& options) {
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  v1::CheckOptOutsRequest request;
  request.set_parent(*parent);
  const auto requests = RequestsFor(options, request);
  if (!requests.ok()) return FailUsage(requests.status().message());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  Retry retry = session.NewRetry();
  std::string text;
  for (const v1::CheckOptOutsRequest& part : *requests) {
    absl::StatusOr<v1::CheckOptOutsResponse> response =
        retry.Run([&] { return (*gateway)->CheckOptOuts(part); });
    if (!response.ok()) return Fail(response.status());
    retry.Progress();
    if (response->statuses_size() != part.subjects_size()) {
      return Fail(absl::DataLossError("the gateway answered about other subjects than were asked"));
    }
    MakePrintable(*response);
    // In the order of the ids, which are not said again.
    for (const v1::OptOutStatus& status : response->statuses()) {
      absl::StrAppend(&text, options.output == "json" ? ProtoJson(status) : Text(status), "\n");
    }
  }
  return Print(text) ? kDone : kFailed;
}

CLI::App* AddVerb(Session& session, CLI::App* noun, const char* name, const char* says,
                  const char* example, const std::shared_ptr<Options>& options,
                  std::function<ExitCode()> run) {
  CLI::App* verb = session.AddVerb(noun, name, says, example, std::move(run));
  const SubjectIdFlags flags = AddSubjectId(verb, options->subject);
  flags.id_space->required();
  CLI::Option* ids = verb->add_option("--ids", options->ids, "File with an id a line, of one space")
                         ->type_name(kFileValue)
                         ->excludes(flags.id);
  flags.id->excludes(ids);
  AddOutput(verb, options->output, {"text", "json"});
  return verb;
}

}  // namespace

void AddOptOut(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("opt-out", "Opt-outs: persons of whom nothing may leave");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  constexpr char kPurpose[] = "Of this purpose alone; of all, if none is named";
  AddVerb(session, noun, "add", "Have a person opt out, at once",
          "sluice opt-out add --id-space candidate --id C20417 --purpose research", options,
          [&session, options] { return Put(session, *options, &Gateway::OptOut, "opted out of"); })
      ->add_option("--purpose", options->purpose, kPurpose)
      ->type_name(kPurposeValue);
  AddVerb(
      session, noun, "lift", "Take an opt-out back, of just this purpose and id",
      "sluice opt-out lift --id-space candidate --ids ids.txt", options,
      [&session, options] { return Put(session, *options, &Gateway::OptIn, "opted in again for"); })
      ->add_option("--purpose", options->purpose, kPurpose)
      ->type_name(kPurposeValue);
  AddVerb(session, noun, "check", "Show of which purposes a person has opted out",
          "sluice opt-out check --id-space candidate --id -", options,
          [&session, options] { return Check(session, *options); });
}

}  // namespace sluice::client
