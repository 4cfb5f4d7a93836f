// What the gateway tells of one person from its index, all pages of it: the report that `sluice
// audit subject` prints, and that a bundle about the person is made by.
#ifndef SLUICE_CLIENT_COMMAND_SUBJECT_REPORT_H_
#define SLUICE_CLIENT_COMMAND_SUBJECT_REPORT_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/command/session.h"
#include "client/subject_proof.h"

namespace sluice::client {

// Which person.
struct SubjectIdOptions {
  std::string id_space;
  std::string id;
  std::string source_system;
};
// `--id-space`, `--id` and `--source-system`.
struct SubjectIdFlags {
  CLI::Option* id_space;
  CLI::Option* id;
  CLI::Option* source_system;
};
SubjectIdFlags AddSubjectId(CLI::App* verb, SubjectIdOptions& options);
// The id, or what standard input has for it: INVALID_ARGUMENT if that has no line.
absl::StatusOr<std::string> IdOf(const SubjectIdOptions& options);
// A request about this person; fails as IdOf.
template <typename Request>
absl::StatusOr<Request> RequestAbout(const SubjectIdOptions& options, absl::string_view parent) {
  const absl::StatusOr<std::string> id = IdOf(options);
  if (!id.ok()) return id.status();
  Request request;
  request.set_parent(std::string(parent));
  request.set_id_space(options.id_space);
  request.set_id(*id);
  request.set_source_system(options.source_system);
  return request;
}

struct SubjectReport {
  SubjectClaim claim;
  int64_t unreadable = 0;  // disclosures of which nobody can tell whom they were about
};
// DATA_LOSS if pages are out of order or lead in a circle; ABORTED if the person's ids were joined
// or parted again and again.
absl::StatusOr<SubjectReport> FetchSubjectReport(Session& session,
                                                 const v1::ListSubjectDisclosuresRequest& request);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_SUBJECT_REPORT_H_
