// `sluice audit bundle`: evidence out of the log in one file, for who has no gateway to ask.
//
// It is a form of its own beside C2SP's tlog-proof, which proves one entry: a bundle has one
// checkpoint for all its entries, and one proof for neighbors in the log. Of one entry the proof is
// that of tlog-proof, hash by hash.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/command/audit.h"
#include "client/command/entry_option.h"
#include "client/command/evidence.h"
#include "client/command/log_trust.h"
#include "client/command/subject_report.h"
#include "client/evidence_maker.h"
#include "client/file.h"

namespace sluice::client {
namespace {

struct BundleOptions {
  EntryOptions entries;
  int64_t start = 0;
  std::optional<int64_t> end;
  std::string out;
  SubjectIdOptions subject;
  bool openings = false;
  LogTrustOptions trust;
};

// One person's, by the report on him.
absl::StatusOr<Evidence> MakeAboutSubject(Session& session, Gateway& gateway, const LogTrust& trust,
                                          const BundleOptions& options) {
  // The option that is a filter otherwise.
  const std::string& named = options.entries.organization;
  const absl::StatusOr<std::string> parent =
      named.empty() ? session.GetParent() : absl::StrCat("organizations/", named);
  if (!parent.ok()) return parent.status();
  const auto request = RequestAbout<v1::ListSubjectDisclosuresRequest>(options.subject, *parent);
  if (!request.ok()) return request.status();
  const absl::StatusOr<SubjectReport> report = FetchSubjectReport(session, *request);
  if (!report.ok()) return report.status();
  if (options.openings && report->unreadable > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("of ", Grouped(report->unreadable),
                     " disclosures nobody can tell any more whom they were about: the key was "
                     "destroyed; make the bundle without --openings"));
  }
  Progress progress("entries");
  return MakeSubjectEvidence(
      gateway, trust.key, trust.before, report->claim, options.openings,
      [&session] { return session.NewRetry(); }, [&progress](int64_t n) { progress.Add(n); });
}

ExitCode Bundle(Session& session, const BundleOptions& options) {
  absl::StatusOr<v1::EntryFilter> filter = FilterOf(options.entries, absl::Now());
  if (!filter.ok()) return FailUsage(filter.status().message());
  if (options.end.has_value() && *options.end <= options.start) {
    return FailUsage("--end: must be above --start");
  }
  const absl::StatusOr<LogTrust> trust = TrustLog(session, options.trust);
  if (!trust.ok()) return FailVerify(trust.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  absl::StatusOr<Evidence> evidence;
  if (!options.subject.id.empty()) {
    evidence = MakeAboutSubject(session, **gateway, *trust, options);
  } else {
    Progress progress("entries");
    evidence = MakeEvidence(
        **gateway, trust->key, trust->before,
        {.start = options.start,
         .type = options.entries.type,
         .filter = *std::move(filter),
         .until = options.end},
        [&session] { return session.NewRetry(); }, [&progress](int64_t n) { progress.Add(n); });
  }
  if (!evidence.ok()) return FailVerify(evidence.status());
  for (const absl::Status& saved :
       {ReplaceFile(options.out, evidence->text),
        trust->checkpoints.Save(trust->key, evidence->report.checkpoint)}) {
    if (!saved.ok()) return Fail(saved);
  }
  Print(absl::StrCat("bundled: ", evidence->report.checkpoint.origin, ", ",
                     Grouped(static_cast<int64_t>(evidence->report.checkpoint.size)), " entries\n",
                     EvidenceText(evidence->bundle, evidence->report, *trust)));
  return EndOfUnread(evidence->unread, evidence->first_unread);
}

}  // namespace

void AddAuditBundle(CLI::App* noun, Session& session) {
  auto options = std::make_shared<BundleOptions>();
  CLI::App* bundle = session.AddVerb(
      noun, "bundle", "Pack entries with their proofs into one file that is verified offline",
      "sluice audit bundle --mou stem-pipeline --out stem-pipeline.bundle",
      [&session, options] { return Bundle(session, *options); });
  bundle->add_option("--out", options->out, "Write to this file, whole or not at all")
      ->type_name(kFileValue)
      ->required();
  CLI::Option* start = bundle->add_option("--start", options->start, "The first index")
                           ->check(CLI::NonNegativeNumber)
                           ->capture_default_str();
  CLI::Option* end =
      bundle->add_option("--end", options->end, "Before this index (the last that is published)")
          ->check(CLI::PositiveNumber);
  const std::vector<CLI::Option*> choices = AddEntryOptions(bundle, options->entries);
  const SubjectIdFlags subject = AddSubjectId(bundle, options->subject);
  subject.id->needs(subject.id_space);
  subject.id_space->needs(subject.id);
  subject.source_system->needs(subject.id);
  for (CLI::Option* const choice : choices) {
    if (!choice->check_lname("organization")) subject.id->excludes(choice);
  }
  for (CLI::Option* const choice : {start, end}) subject.id->excludes(choice);
  bundle
      ->add_flag("--openings", options->openings,
                 "Of a person: with what shows that each disclosure was about the person, and who "
                 "else was in it by number")
      ->needs(subject.id);
  AddLogTrust(bundle, options->trust);
}

}  // namespace sluice::client
