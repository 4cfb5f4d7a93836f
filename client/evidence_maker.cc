#include "client/evidence_maker.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/log_proofs.h"

namespace sluice::client {
namespace {

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime(absl::RFC3339_full,
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

// By the names that a bundle has for them, in its order.
std::vector<std::pair<std::string, std::string>> FilterLines(const LogPages::Options& choice) {
  const v1::EntryFilter& filter = choice.filter;
  std::vector<std::pair<std::string, std::string>> lines;
  const auto add = [&lines](const char* name, std::string value) {
    if (!value.empty()) lines.emplace_back(name, std::move(value));
  };
  add("type", choice.type);
  add("organization", filter.organization());
  add("principal", filter.principal());
  add("mou", filter.mou());
  add("purpose", filter.purpose());
  if (filter.result() != v1::ENTRY_RESULT_UNSPECIFIED) {
    add("result",
        std::string(absl::StripPrefix(v1::EntryResult_Name(filter.result()), "ENTRY_RESULT_")));
  }
  if (filter.code() != v1::DENIAL_CODE_UNSPECIFIED) {
    add("code", std::string(absl::StripPrefix(v1::DenialCode_Name(filter.code()), "DENIAL_CODE_")));
  }
  add("record-type", filter.record_type());
  add("operation", filter.operation());
  if (filter.has_start_time()) add("since", TimeText(filter.start_time()));
  if (filter.has_end_time()) add("until", TimeText(filter.end_time()));
  return lines;
}

class Maker {
 public:
  Maker(Gateway& gateway, const std::function<Retry()>& new_retry,
        const std::function<void(int64_t)>& progress)
      : gateway_(gateway), new_retry_(new_retry), progress_(progress) {}

  // The cosigned one, unless it is of less than `least` entries.
  absl::StatusOr<LogCheckpoint> FetchCheckpoint(const LogVerifierKey& key, uint64_t least) {
    Retry retry = new_retry_();
    const absl::StatusOr<v1::GetCheckpointResponse> response =
        retry.Run([&] { return gateway_.GetCheckpoint(); });
    if (!response.ok()) return response.status();
    if (!response->cosigned_checkpoint().empty()) {
      absl::StatusOr<LogCheckpoint> cosigned = OpenCheckpoint(response->cosigned_checkpoint(), key);
      if (!cosigned.ok() || cosigned->size >= least) return cosigned;
    }
    return OpenCheckpoint(response->checkpoint(), key);
  }

  absl::Status AddEarlier(const LogCheckpoint& held, const LogCheckpoint& now) {
    if (held.size > now.size) {
      return absl::DataLossError(absl::StrCat("the log was rolled back: it has ", now.size,
                                              " entries, and ", held.size, " were held"));
    }
    absl::StatusOr<std::vector<TreeHash>> proof =
        FetchConsistencyProof(gateway_, held.size, now.size, new_retry_);
    if (!proof.ok()) return proof.status();
    evidence_.bundle.earlier = EvidenceBundle::Earlier{held.note, *std::move(proof)};
    return absl::OkStatus();
  }

  // Of those that are listed, these alone if there are any given.
  absl::Status AddEntries(LogPages::Options choice, const std::set<int64_t>& wanted = {}) {
    choice.until = static_cast<int64_t>(evidence_.bundle.end);
    LogPages pages(gateway_, new_retry_, std::move(choice));
    while (true) {
      absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> page = pages.Next();
      if (!page.ok()) return page.status();
      if (!page->has_value()) break;
      for (v1::LogEntry& entry : **page) {
        if (!wanted.empty() && wanted.count(entry.index()) == 0) continue;
        if (const absl::Status added = Add(entry); !added.ok()) return added;
      }
      if (progress_) progress_(static_cast<int64_t>((*page)->size()));
    }
    evidence_.unread = pages.unread();
    evidence_.first_unread = pages.first_unread();
    return absl::OkStatus();
  }

  // What opens each entry's commitment to its subjects.
  absl::Status AddOpenings(const std::string& owner) {
    v1::ListOpeningsRequest request;
    request.set_parent(absl::StrCat("organizations/", owner));
    request.set_field("subjects");
    request.set_page_size(1000);
    std::map<int64_t, EvidenceBundle::Entry*> entries;
    for (EvidenceBundle::Run& run : evidence_.bundle.runs) {
      for (size_t i = 0; i < run.entries.size(); ++i) {
        entries[static_cast<int64_t>(run.first + i)] = &run.entries[i];
      }
    }
    if (entries.empty()) return absl::OkStatus();
    request.set_start_index(entries.begin()->first);
    std::set<std::string> tokens;
    do {
      Retry retry = new_retry_();
      absl::StatusOr<v1::ListOpeningsResponse> page =
          retry.Run([&] { return gateway_.ListOpenings(request); });
      if (!page.ok()) return page.status();
      for (v1::Opening& opening : *page->mutable_openings()) {
        const auto entry = entries.find(opening.index());
        if (entry == entries.end() || opening.field() != "subjects") continue;
        bytes_ += opening.value().size() * 4 / 3;
        if (bytes_ > EvidenceBundle::kMaxBytes) return TooLarge();
        entry->second->opening = EvidenceBundle::Opening{std::move(*opening.mutable_salt()),
                                                         std::move(*opening.mutable_value())};
        entries.erase(entry);
      }
      request.set_page_token(page->next_page_token());
      if (!request.page_token().empty() && !tokens.insert(request.page_token()).second) {
        return absl::DataLossError("the gateway's page of openings leads no further");
      }
    } while (!entries.empty() && !request.page_token().empty());
    if (entries.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("entry ", entries.begin()->first,
                     ": what opens it is not shown, or its key was destroyed: make the bundle "
                     "without openings"));
  }

  // Two calls a run, however long it is.
  absl::Status Prove(uint64_t size) {
    for (EvidenceBundle::Run& run : evidence_.bundle.runs) {
      const uint64_t last = run.first + run.entries.size() - 1;
      absl::StatusOr<std::vector<TreeHash>> first_proof =
          FetchInclusionProof(gateway_, run.first, size, new_retry_);
      absl::StatusOr<std::vector<TreeHash>> last_proof =
          last == run.first ? first_proof : FetchInclusionProof(gateway_, last, size, new_retry_);
      for (const absl::Status& fetched : {first_proof.status(), last_proof.status()}) {
        if (!fetched.ok()) return fetched;
      }
      absl::StatusOr<std::vector<TreeHash>> proof =
          RangeProof(run.first, last, size, *first_proof, *last_proof);
      if (!proof.ok()) {
        return absl::DataLossError(
            absl::StrCat("entry ", run.first, ": ", proof.status().message()));
      }
      run.proof = *std::move(proof);
    }
    return absl::OkStatus();
  }

  // As whoever gets it will do.
  absl::StatusOr<Evidence> Finish(const LogVerifierKey& key,
                                  const std::optional<LogCheckpoint>& held) {
    evidence_.text = evidence_.bundle.Write();
    if (evidence_.text.size() > EvidenceBundle::kMaxBytes) return TooLarge();
    absl::StatusOr<EvidenceBundle> parsed = EvidenceBundle::Parse(evidence_.text);
    if (!parsed.ok()) return parsed.status();
    absl::StatusOr<EvidenceReport> report = VerifyEvidence(*parsed, key, held);
    if (!report.ok()) return report.status();
    if (!report->failures.empty()) {
      return absl::DataLossError(absl::StrJoin(report->failures, "\n"));
    }
    evidence_.report = *std::move(report);
    return std::move(evidence_);
  }

  EvidenceBundle& bundle() { return evidence_.bundle; }

 private:
  static absl::Status TooLarge() {
    return absl::FailedPreconditionError(
        "the bundle would be larger than 64 MiB: make several, each of fewer entries (--start, "
        "--end)");
  }

  absl::Status Add(v1::LogEntry& entry) {
    if (entry.body().size() > EvidenceBundle::kMaxEntryBytes) {
      return absl::DataLossError(absl::StrCat("entry ", entry.index(), ": has ",
                                              entry.body().size(),
                                              " bytes, and an entry has at most 65,535"));
    }
    bytes_ += entry.body().size();
    if (bytes_ > EvidenceBundle::kMaxBytes) return TooLarge();
    std::vector<EvidenceBundle::Run>& runs = evidence_.bundle.runs;
    const auto index = static_cast<uint64_t>(entry.index());
    if (runs.empty() || runs.back().first + runs.back().entries.size() != index) {
      runs.emplace_back().first = index;
    }
    EvidenceBundle::Entry& added = runs.back().entries.emplace_back();
    added.body = std::move(*entry.mutable_body());
    added.leaf = LeafHash(added.body);
    return absl::OkStatus();
  }

  Gateway& gateway_;
  const std::function<Retry()>& new_retry_;
  const std::function<void(int64_t)>& progress_;
  Evidence evidence_;
  size_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<Evidence> MakeEvidence(Gateway& gateway, const LogVerifierKey& key,
                                      const std::optional<LogCheckpoint>& held,
                                      const LogPages::Options& choice,
                                      const std::function<Retry()>& new_retry,
                                      const std::function<void(int64_t)>& progress) {
  Maker maker(gateway, new_retry, progress);
  const absl::StatusOr<LogCheckpoint> checkpoint = maker.FetchCheckpoint(
      key, std::max(held.has_value() ? held->size : 0,
                    static_cast<uint64_t>(choice.until.value_or(choice.start))));
  if (!checkpoint.ok()) return checkpoint.status();
  const auto size = static_cast<int64_t>(checkpoint->size);
  const int64_t end = choice.until.value_or(size);
  if (end > size || choice.start > end) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the log's checkpoint covers ", size, " entries, not ", std::max(end, choice.start)));
  }
  EvidenceBundle& bundle = maker.bundle();
  bundle.vkey = key.text();
  bundle.note = checkpoint->note;
  bundle.begin = static_cast<uint64_t>(choice.start);
  bundle.end = static_cast<uint64_t>(end);
  bundle.filter = FilterLines(choice);
  if (held.has_value() && held->size != checkpoint->size) {
    if (const absl::Status added = maker.AddEarlier(*held, *checkpoint); !added.ok()) return added;
  }
  if (const absl::Status added = maker.AddEntries(choice); !added.ok()) return added;
  if (const absl::Status proven = maker.Prove(checkpoint->size); !proven.ok()) return proven;
  bundle.is_range = bundle.filter.empty() && bundle.runs.size() == 1 &&
                    bundle.runs[0].first == bundle.begin &&
                    bundle.runs[0].entries.size() == bundle.end - bundle.begin;
  return maker.Finish(key, held);
}

absl::StatusOr<Evidence> MakeSubjectEvidence(Gateway& gateway, const LogVerifierKey& key,
                                             const std::optional<LogCheckpoint>& held,
                                             const SubjectClaim& claim, bool openings,
                                             const std::function<Retry()>& new_retry,
                                             const std::function<void(int64_t)>& progress) {
  Maker maker(gateway, new_retry, progress);
  std::set<int64_t> wanted;
  for (const v1::SubjectDisclosure& told : claim.disclosures) wanted.insert(told.index());
  const int64_t end = wanted.empty() ? 0 : *wanted.rbegin() + 1;
  const absl::StatusOr<LogCheckpoint> checkpoint = maker.FetchCheckpoint(
      key, std::max(held.has_value() ? held->size : 0, static_cast<uint64_t>(end)));
  if (!checkpoint.ok()) return checkpoint.status();
  if (static_cast<uint64_t>(end) > checkpoint->size) {
    return absl::FailedPreconditionError(
        absl::StrCat("entry ", end - 1, ": the log's checkpoint covers ", checkpoint->size,
                     " entries only; ask again in a moment"));
  }
  EvidenceBundle& bundle = maker.bundle();
  bundle.vkey = key.text();
  bundle.note = checkpoint->note;
  bundle.end = checkpoint->size;
  bundle.subject = EvidenceBundle::Subject{claim.owner, {}};
  if (openings) bundle.subject->ordinals = claim.ordinals;
  if (held.has_value() && held->size != checkpoint->size) {
    if (const absl::Status added = maker.AddEarlier(*held, *checkpoint); !added.ok()) return added;
  }
  if (!wanted.empty()) {
    LogPages::Options choice{.start = *wanted.begin(), .type = "disclosure"};
    choice.filter.set_organization(claim.owner);
    if (const absl::Status added = maker.AddEntries(std::move(choice), wanted); !added.ok()) {
      return added;
    }
  }
  size_t found = 0;
  for (const EvidenceBundle::Run& run : bundle.runs) found += run.entries.size();
  if (found != wanted.size()) {
    return absl::DataLossError(absl::StrCat("the report names ", wanted.size(),
                                            " disclosures, and the log shows ", found, " of them"));
  }
  if (openings) {
    if (const absl::Status added = maker.AddOpenings(claim.owner); !added.ok()) return added;
  }
  if (const absl::Status proven = maker.Prove(checkpoint->size); !proven.ok()) return proven;
  return maker.Finish(key, held);
}

}  // namespace sluice::client
