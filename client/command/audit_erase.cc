// `sluice audit erase`: erases a person from what the log leads to, and leaves the log as it is.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/audit.h"
#include "client/command/subject_report.h"

namespace sluice::client {
namespace {

struct EraseOptions {
  SubjectIdOptions subject;
  std::string reason;
  std::string output = "text";
  bool confirm = false;
};

const std::map<std::string, v1::ErasureReason>& Reasons() {
  static const auto* const reasons = new std::map<std::string, v1::ErasureReason>{
      {"subject-request", v1::ERASURE_REASON_SUBJECT_REQUEST},
      {"period-over", v1::ERASURE_REASON_PERIOD_OVER},
      {"legal-order", v1::ERASURE_REASON_LEGAL_ORDER},
      {"entered-in-error", v1::ERASURE_REASON_ENTERED_IN_ERROR}};
  return *reasons;
}

std::string Counts(const v1::EraseSubjectResponse& response) {
  const auto count = [](int32_t n, absl::string_view what) {
    return absl::StrCat(Grouped(n), " ", what, n == 1 ? "" : "s");
  };
  return absl::StrCat(count(response.ordinal_count(), "ordinal"), " of the dictionary and ",
                      count(response.opening_count(), "opening"), " of what was asked by this id");
}

ExitCode Erase(Session& session, const EraseOptions& options) {
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  auto request = RequestAbout<v1::EraseSubjectRequest>(options.subject, *parent);
  if (!request.ok()) return FailUsage(request.status().message());
  request->set_reason(Reasons().at(options.reason));
  request->set_validate_only(!options.confirm);
  // Once: after an answer that was lost, another attempt would be told that nobody knows the id.
  const absl::StatusOr<v1::EraseSubjectResponse> erased = (*gateway)->EraseSubject(*request);
  if (!erased.ok()) return Fail(erased.status());
  if (options.output == "json") return Print(ProtoJson(*erased) + "\n") ? kDone : kFailed;
  if (!options.confirm) {
    if (!Print(absl::StrCat("would be erased, for good: ", Counts(*erased), "\n"))) return kFailed;
    if (!session.quiet()) Note("nothing was changed\n  next: the same with --confirm\n");
    return kDone;
  }
  if (!Print(absl::StrCat("erased: ", Counts(*erased), "; entry ", erased->index(),
                          " of the log says so\n"))) {
    return kFailed;
  }
  if (!session.quiet()) {
    Note(
        "copies of the store that were made before have it still\n"
        "  next: `sluice key rotate dictionary`, and `sluice key destroy` of the version before\n");
  }
  return kDone;
}

}  // namespace

void AddAuditErase(CLI::App* noun, Session& session) {
  auto options = std::make_shared<EraseOptions>();
  CLI::App* erase = session.AddVerb(
      noun, "erase",
      "Erase one person: nobody finds any more which disclosures were about this id; entries and "
      "proofs stay",
      "sluice audit erase --id-space candidate --id C20417 --reason subject-request --confirm",
      [&session, options] { return Erase(session, *options); });
  const SubjectIdFlags flags = AddSubjectId(erase, options->subject);
  flags.id_space->required();
  flags.id->required();
  std::vector<std::string> reasons;
  for (const auto& [name, reason] : Reasons()) reasons.push_back(name);
  erase->add_option("--reason", options->reason, "Why: it stands in the log")
      ->required()
      ->check(CLI::IsMember(reasons));
  erase->add_flag("--confirm", options->confirm,
                  "Erase; without, it is only said what would be erased");
  AddOutput(erase, options->output, {"text", "json"});
}

}  // namespace sluice::client
