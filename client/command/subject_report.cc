#include "client/command/subject_report.h"

#include <iostream>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/strip.h"
#include "client/command/output.h"

namespace sluice::client {
namespace {

// All pages; ABORTED where the person's ids were joined or parted between two of them.
absl::StatusOr<SubjectReport> FetchOnce(Session& session,
                                        v1::ListSubjectDisclosuresRequest request) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return gateway.status();
  SubjectReport report;
  SubjectClaim& claim = report.claim;
  claim.owner = std::string(absl::StripPrefix(request.parent(), "organizations/"));
  absl::flat_hash_set<std::string> tokens;
  Progress progress("disclosures");
  request.set_page_size(1000);
  do {
    Retry retry = session.NewRetry();
    const absl::StatusOr<v1::ListSubjectDisclosuresResponse> page =
        retry.Run([&] { return (*gateway)->ListSubjectDisclosures(request); });
    if (!page.ok()) return page.status();
    const std::vector<uint32_t> ordinals(page->ordinals().begin(), page->ordinals().end());
    if (!tokens.empty() && ordinals != claim.ordinals) {
      return absl::AbortedError(
          "the ids of this person were joined or parted while the report was made: ask again");
    }
    claim.ordinals = ordinals;
    for (const v1::SubjectDisclosure& disclosure : page->disclosures()) {
      if (!claim.disclosures.empty() && disclosure.index() <= claim.disclosures.back().index()) {
        return absl::DataLossError("the gateway shows disclosures out of their order");
      }
      claim.disclosures.push_back(disclosure);
    }
    progress.Add(page->disclosures_size());
    report.unreadable += page->unreadable_count();
    claim.log_size = page->log_size();
    request.set_page_token(page->next_page_token());
    if (!request.page_token().empty() && !tokens.insert(request.page_token()).second) {
      return absl::DataLossError("the gateway's page of disclosures leads no further");
    }
  } while (!request.page_token().empty());
  return report;
}

}  // namespace

SubjectIdFlags AddSubjectId(CLI::App* verb, SubjectIdOptions& options) {
  return {verb->add_option("--id-space", options.id_space,
                           "What kind of id it is: candidate, staff, person"),
          verb->add_option("--id", options.id,
                           "The id, as your records have it; -: the first line of standard input, "
                           "where no list of processes shows it"),
          verb->add_option("--source-system", options.source_system,
                           "Of an id of a person: the system that it comes from")};
}

absl::StatusOr<std::string> IdOf(const SubjectIdOptions& options) {
  if (options.id != "-") return options.id;
  std::string line;
  if (!std::getline(std::cin, line)) {
    return absl::InvalidArgumentError("standard input has no line with an id");
  }
  return line;
}

absl::StatusOr<SubjectReport> FetchSubjectReport(Session& session,
                                                 const v1::ListSubjectDisclosuresRequest& request) {
  absl::StatusOr<SubjectReport> report = FetchOnce(session, request);
  for (int again = 0; again < 3 && absl::IsAborted(report.status()); ++again) {
    report = FetchOnce(session, request);
  }
  return report;
}

}  // namespace sluice::client
