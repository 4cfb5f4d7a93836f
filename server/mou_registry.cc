#include "server/mou_registry.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "policy/compiled_mou.h"
#include "policy/digest.h"
#include "policy/mou_document.h"
#include "server/identity/mou_signature.h"
#include "server/mou_inbox.h"
#include "server/mou_ledger.h"

namespace sluice::server {
namespace {

// So that the entry with all their signatures has its place in the log.
constexpr int kMaxParties = 64;

// A document of the inbox that is taken in once it is signed.
struct Candidate {
  policy::MouDocument document;
  InboxReport::Document* line;
};

// What is verified of a document's parties.
struct Signatures {
  std::vector<StoredSignature> stored;
  std::vector<VerifiedSignature> verified;  // those of them that are new
  std::vector<std::string> missing;         // parties
  std::vector<std::string> problems;        // one for each of those
};

policy::Finding Refusal(const policy::MouDocument& document, absl::string_view id,
                        std::string message, std::string hint) {
  policy::Finding finding;
  finding.id = std::string(id);
  finding.file = document.file_name();
  finding.place = document.PlaceOf("version");
  finding.path = "version";
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  return finding;
}

policy::Finding OtherBytes(const policy::MouDocument& document, int last) {
  return Refusal(
      document, "P020",
      absl::StrCat("version ", document.mou().version(), " was published with other bytes"),
      absl::StrCat("make it version ", last + 1, "; what was signed stays in force"));
}

// The signatures that count: what the store has of a version taken in, the others from the inbox.
Signatures Verify(const MouInbox& inbox, const policy::MouDocument& document,
                  const TakenVersion* taken, const Trust& trust, absl::Time now) {
  Signatures signatures;
  if (taken != nullptr) {
    for (const StoredSignature& signature : taken->stored.signatures) {
      if (taken->IsSignedBy(signature.organization)) signatures.stored.push_back(signature);
    }
  }
  for (const v1::Party& party : document.mou().parties()) {
    const std::string& organization = party.organization();
    if (taken != nullptr && taken->IsSignedBy(organization)) continue;
    std::string problem;
    absl::StatusOr<std::string> cms = inbox.ReadSignature(document.file_name(), organization);
    if (cms.ok()) {
      absl::StatusOr<VerifiedSignature> verified = VerifyMouSignature(
          document.bytes(), *cms, organization, party.signatory_ca(), trust, now);
      if (verified.ok()) {
        signatures.stored.push_back({organization, *std::move(cms), now});
        signatures.verified.push_back(*std::move(verified));
        continue;
      }
      problem = std::string(verified.status().message());
    } else if (absl::IsNotFound(cms.status())) {
      problem = absl::StrCat("has not signed: lay its signature down as ", document.file_name(),
                             ".", organization, ".p7s");
    } else {
      problem = absl::StrCat("its signature: ", cms.status().message());
    }
    signatures.missing.push_back(organization);
    signatures.problems.push_back(absl::StrCat(organization, ": ", problem));
  }
  return signatures;
}

class InboxRegistry : public MouRegistry {
 public:
  explicit InboxRegistry(Parts parts)
      : parts_(std::move(parts)), ledger_(parts_.store, parts_.log, parts_.keys, parts_.catalog) {}

  absl::Status Load(const Trust& trust, absl::Time now) ABSL_LOCKS_EXCLUDED(refresh_mutex_) {
    absl::MutexLock lock(&refresh_mutex_);
    absl::Status loaded = ledger_.CatchUp();
    if (loaded.ok()) loaded = ledger_.Void(trust);
    if (loaded.ok()) loaded = ledger_.MoveOn(now);
    Show({});
    return loaded;
  }

  absl::StatusOr<InboxReport> Refresh(const Trust& trust, absl::Time now) override
      ABSL_LOCKS_EXCLUDED(refresh_mutex_) {
    absl::MutexLock lock(&refresh_mutex_);
    // Whatever is wrong with one step, what the others took back is taken back now.
    const absl::Status voided = ledger_.Void(trust);
    Show(std::nullopt);  // the inbox may keep one waiting
    std::vector<policy::MouVersion> proposed;
    absl::StatusOr<InboxReport> report = LookAtInbox(trust, now, proposed);
    const absl::Status moved = ledger_.MoveOn(now);
    Show(std::move(proposed));
    if (!voided.ok()) return voided;
    if (!moved.ok()) return moved;
    return report;
  }

  absl::Status CatchUp() override {
    const absl::Status caught_up = ledger_.CatchUp();
    Show(std::nullopt);
    return caught_up;
  }

  absl::Status Act(const MouAct& act, absl::Time now) override {
    const absl::Status acted = ledger_.Act(act, now);
    // What was done is in force, whatever else could not be read back.
    Show(std::nullopt);
    return acted;
  }

  std::map<std::string, absl::Time> Ends() const override { return ledger_.Ends(); }
  TakenVersions VersionsOf(const std::string& mou) const override {
    return ledger_.VersionsOf(mou);
  }

  std::shared_ptr<const policy::MouSet> Current() const override ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::ReaderMutexLock lock(&mutex_);
    return current_;
  }

 private:
  absl::StatusOr<InboxReport> LookAtInbox(const Trust& trust, absl::Time now,
                                          std::vector<policy::MouVersion>& proposed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_) {
    absl::StatusOr<MouInbox> inbox = MouInbox::Open(parts_.inbox);
    if (!inbox.ok()) return inbox.status();
    InboxReport report;
    report.documents.resize(inbox->documents().size());
    // In order of number, so that one look takes in a version and the next.
    std::map<std::pair<std::string, int>, Candidate> candidates;
    for (size_t i = 0; i < inbox->documents().size(); ++i) {
      InboxReport::Document& line = report.documents[i];
      line.file = inbox->documents()[i];
      line.state = "REFUSED";
      std::optional<Candidate> candidate = Examine(*inbox, now, line);
      if (!candidate.has_value()) continue;
      const auto [place, added] =
          candidates.try_emplace({line.mou, line.version}, *std::move(candidate));
      if (added) continue;
      line.findings.push_back(Refusal(candidate->document, "P020",
                                      absl::StrCat("version ", line.version, " stands in ",
                                                   place->second.document.file_name(), ", too"),
                                      "keep one file of a version"));
    }
    absl::Status failed;
    for (auto& [key, candidate] : candidates) {
      absl::Status taken = TakeIn(*inbox, candidate, trust, now, proposed);
      if (!taken.ok()) failed = taken;
    }
    if (!failed.ok()) return failed;
    return report;
  }

  // A file's document, if it may be taken in; else `line` says what it is.
  std::optional<Candidate> Examine(const MouInbox& inbox, absl::Time now,
                                   InboxReport::Document& line)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_) {
    absl::StatusOr<std::string> bytes = inbox.ReadDocument(line.file);
    if (!bytes.ok()) {
      policy::Finding finding;
      finding.id = "FILE";
      finding.file = line.file;
      finding.message = std::string(bytes.status().message());
      line.findings.push_back(std::move(finding));
      return std::nullopt;
    }
    // Most files are of versions in force: known by their bytes, without another look.
    const MouLedger::Held taken = ledger_.FindByDigest(policy::Sha256Digest(*bytes));
    if (taken != nullptr && (taken->IsOver() || taken->UnsignedParties().empty())) {
      line.mou = taken->stored.mou;
      line.version = taken->stored.version;
      line.state = "IN_FORCE";
      return std::nullopt;
    }
    policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(line.file, *bytes);
    line.mou = parsed.document.mou().mou();
    line.version = parsed.document.mou().version();
    line.findings = std::move(parsed.findings);
    if (taken == nullptr && !policy::HasError(line.findings)) {
      Check(parsed.document, now, line.findings);
    }
    if (policy::HasError(line.findings)) return std::nullopt;
    return Candidate{std::move(parsed.document), &line};
  }

  void Check(const policy::MouDocument& document, absl::Time now,
             std::vector<policy::Finding>& findings) ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_) {
    policy::CheckOptions options = parts_.check;
    options.today = absl::ToCivilDay(now, absl::UTCTimeZone());
    for (policy::Finding& finding : policy::Check(document, *parts_.catalog, options)) {
      findings.push_back(std::move(finding));
    }
    const int version = document.mou().version();
    const int last = ledger_.LastVersion(document.mou().mou());
    if (version < 1 || version < last) {
      findings.push_back(
          Refusal(document, "ROLLBACK",
                  absl::StrCat("version ", version, " is lower than the last, ", last),
                  absl::StrCat("make it version ", last + 1)));
    } else if (version == last) {
      findings.push_back(OtherBytes(document, last));
    }
    // None would be signed by all.
    const int parties = document.mou().parties_size();
    if (parties < 1 || parties > kMaxParties) {
      findings.push_back(Refusal(document, "PARTIES",
                                 absl::StrCat("an MOU has 1 to ", kMaxParties, " parties"),
                                 "make several of it"));
    }
  }

  absl::Status TakeIn(const MouInbox& inbox, Candidate& candidate, const Trust& trust,
                      absl::Time now, std::vector<policy::MouVersion>& proposed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_) {
    const policy::MouDocument& document = candidate.document;
    InboxReport::Document& line = *candidate.line;
    const int last = ledger_.LastVersion(line.mou);
    const MouLedger::Held taken = ledger_.Find(line.mou, line.version);
    if (taken == nullptr && line.version != last + 1) {
      line.findings.push_back(Refusal(
          document, "NEXT", absl::StrCat("version ", line.version, " is not the next, ", last + 1),
          "have each version signed before the one that follows it"));
      return absl::OkStatus();
    }
    absl::StatusOr<std::shared_ptr<const policy::CompiledMou>> mou =
        policy::CompiledMou::Compile(document, parts_.catalog);
    if (!mou.ok()) return mou.status();
    Signatures signatures = Verify(inbox, document, taken.get(), trust, now);
    if (!signatures.missing.empty()) {
      line.state = "NOT_SIGNED";
      line.signature_problems = std::move(signatures.problems);
      if (taken != nullptr) return absl::OkStatus();
      policy::MouVersion version;
      version.mou = *std::move(mou);
      version.unsigned_parties = std::move(signatures.missing);
      proposed.push_back(std::move(version));
      return absl::OkStatus();
    }
    // Before the version is there, so that none is without its MOU's root.
    const absl::StatusOr<policy::Secret> root = last == 0
                                                    ? parts_.keys->CreatePseudonymRoot(line.mou)
                                                    : parts_.keys->PseudonymRoot(line.mou);
    if (!root.ok()) return root.status();
    absl::Status written = ledger_.TakeIn(**mou, document.bytes(), taken,
                                          std::move(signatures.stored), signatures.verified);
    if (written.ok()) line.state = "SIGNED";
    if (absl::IsAborted(written)) {
      // Another gateway took the same bytes in, and this one knows of it by now.
      line.state = "IN_FORCE";
      return absl::OkStatus();
    }
    if (absl::IsAlreadyExists(written)) {
      line.findings.push_back(OtherBytes(document, ledger_.LastVersion(line.mou)));
      return absl::OkStatus();
    }
    return written;
  }

  // What decides from now on: the versions taken in, and those that wait for signatures; nullopt:
  // as before.
  void Show(std::optional<std::vector<policy::MouVersion>> proposed)
      ABSL_LOCKS_EXCLUDED(show_mutex_, mutex_) {
    absl::MutexLock showing(&show_mutex_);
    if (proposed.has_value()) proposed_ = *std::move(proposed);
    std::vector<policy::MouVersion> all = ledger_.ForDecisions();
    for (const policy::MouVersion& version : proposed_) {
      if (ledger_.Find(version.mou->name(), version.mou->version()) == nullptr) {
        all.push_back(version);
      }
    }
    std::shared_ptr<const policy::MouSet> next = policy::MouSet::Create(std::move(all));
    absl::MutexLock lock(&mutex_);
    current_ = std::move(next);
  }

  const Parts parts_;

  MouLedger ledger_;

  // One look at a time; held while it writes.
  absl::Mutex refresh_mutex_;

  absl::Mutex show_mutex_ ABSL_ACQUIRED_AFTER(refresh_mutex_);
  std::vector<policy::MouVersion> proposed_ ABSL_GUARDED_BY(show_mutex_);

  mutable absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(show_mutex_);
  std::shared_ptr<const policy::MouSet> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<MouRegistry>> MouRegistry::Open(Parts parts, const Trust& trust,
                                                               absl::Time now) {
  auto registry = std::make_unique<InboxRegistry>(std::move(parts));
  if (absl::Status loaded = registry->Load(trust, now); !loaded.ok()) return loaded;
  return registry;
}

}  // namespace sluice::server
