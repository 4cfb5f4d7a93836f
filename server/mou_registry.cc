#include "server/mou_registry.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "policy/attestation.h"
#include "policy/compiled_mou.h"
#include "policy/digest.h"
#include "policy/mou_document.h"
#include "server/error.h"
#include "server/identity/mou_signature.h"
#include "server/mou_duty.h"
#include "server/mou_inbox.h"
#include "server/mou_ledger.h"
#include "server/mou_proposal.h"

namespace sluice::server {
namespace {

// When an organization may try again whose act is under way.
constexpr absl::Duration kTurn = absl::Milliseconds(100);

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

// The signatures that count: what the store has of a version taken in, the others from the inbox.
Signatures Verify(const MouInbox& inbox, const policy::MouDocument& document,
                  const TakenVersion* taken, const Trust& trust, absl::Time now) {
  Signatures signatures;
  if (taken != nullptr) signatures.stored = taken->Counting();
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

// Null if it is none.
const v1::Party* PartyOf(const TakenVersion& version, absl::string_view organization) {
  for (const v1::Party& party : version.mou->mou().parties()) {
    if (party.organization() == organization) return &party;
  }
  return nullptr;
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

  absl::StatusOr<std::string> Propose(const MouAct& act, absl::string_view document,
                                      absl::Time now) override {
    if (document.size() > kMaxDocumentBytes) return Invalid("document", "is larger than 1 MiB");
    const Turn turn(*this, act.organization());
    if (!turn.taken()) return Exhausted("acts_at_once", kTurn);
    policy::MouDocument::Parsed parsed = policy::MouDocument::Parse("document", document);
    if (!policy::HasError(parsed.findings)) {
      policy::CheckOptions options = parts_.check;
      options.today = absl::ToCivilDay(now, absl::UTCTimeZone());
      parsed.findings = policy::Check(parsed.document, *parts_.catalog, options);
    }
    if (policy::HasError(parsed.findings)) return MouNotAccepted(parsed.findings);
    const absl::StatusOr<std::shared_ptr<const policy::CompiledMou>> mou =
        policy::CompiledMou::Compile(parsed.document, parts_.catalog);
    if (!mou.ok()) return mou.status();
    if (!(*mou)->IsParty(act.organization())) {
      return Invalid("document", "names your organization as no party");
    }
    if (const absl::Status s = FreeOfInbox(act.organization(), **mou); !s.ok()) return s;
    const absl::Status proposed = ledger_.Propose(act, parsed.document, **mou);
    Show(std::nullopt);
    if (!proposed.ok()) return proposed;
    return (*mou)->name();
  }

  absl::Status Sign(const MouAct& act, const std::string& organization, absl::string_view cms,
                    const Trust& trust, absl::Time now) override {
    if (cms.size() > kMaxSignatureBytes) return Invalid("signature", "is larger than 64 KiB");
    const Turn turn(*this, act.organization());
    if (!turn.taken()) return Exhausted("acts_at_once", kTurn);
    // What another gateway has just proposed is signed here.
    if (const absl::Status s = ledger_.CatchUp(); !s.ok()) return s;
    const MouLedger::Held version = ledger_.Find(act.mou, act.version);
    if (version == nullptr || !version->IsParty(act.organization())) return NotFound("MOU version");
    const v1::Party* const party = PartyOf(*version, organization);
    if (party == nullptr) return Invalid("organization", "is no party of this version");
    absl::StatusOr<VerifiedSignature> verified = VerifyMouSignature(
        version->stored.document, cms, organization, party->signatory_ca(), trust, now);
    if (!verified.ok()) return Invalid("signature", verified.status().message());
    absl::Status done =
        ledger_.Sign(act, {organization, std::string(cms), now}, *std::move(verified));
    // With the last signature it is in force, if its term has begun.
    if (done.ok()) done = ledger_.MoveOnMou(act.mou, now);
    Show(std::nullopt);
    return done;
  }

  absl::Status Attest(const MouAct& act, const std::string& organization, absl::CivilDay as_of,
                      absl::string_view cms, const Trust& trust, absl::Time now) override {
    if (cms.size() > kMaxAttestationBytes) return Invalid("signature", "is larger than 16 KiB");
    const Turn turn(*this, act.organization());
    if (!turn.taken()) return Exhausted("acts_at_once", kTurn);
    absl::Status done = ledger_.CatchUp();
    // What ends today is over before anybody attests to it.
    if (done.ok()) done = ledger_.MoveOnMou(act.mou, now);
    if (!done.ok()) return done;
    const MouLedger::Held version = ledger_.Find(act.mou, act.version);
    if (version == nullptr || !version->IsParty(act.organization())) return NotFound("MOU version");
    const std::vector<MouDuty> duties = DutiesOf(ledger_.VersionsOf(act.mou));
    const auto duty = std::find_if(duties.begin(), duties.end(), [&](const MouDuty& each) {
      return each.organization == organization && each.version->stored.version == act.version;
    });
    if (duty == duties.end()) return NoObligation();
    if (as_of < duty->opened) return Invalid("as_of", "is before the day after the version's last");
    if (as_of > absl::ToCivilDay(now, version->mou->time_zone())) {
      return Invalid("as_of", "is after today");
    }
    const std::string text = policy::AttestationText(
        act.mou, act.version, version->mou->document_digest(), organization, as_of);
    const absl::StatusOr<VerifiedSignature> verified = VerifyMouSignature(
        text, cms, organization, PartyOf(*version, organization)->signatory_ca(), trust, now);
    if (!verified.ok()) return Invalid("signature", verified.status().message());
    const MouAttestation attestation{as_of, absl::FromUnixMillis(absl::ToUnixMillis(now)),
                                     std::string(cms)};
    done = ledger_.Attest(act, organization, attestation, *verified);
    // With the last one the MOU is closed.
    if (done.ok()) done = ledger_.MoveOnMou(act.mou, now);
    Show(std::nullopt);
    return done;
  }

  absl::Status Act(const MouAct& act, absl::Time now) override {
    const Turn turn(*this, act.organization());
    if (!turn.taken()) return Exhausted("acts_at_once", kTurn);
    MouAct made = act;
    made.waiting = WaitingFor(act);
    const absl::Status acted = ledger_.Act(made, now);
    // What was done is in force, whatever else could not be read back.
    Show(std::nullopt);
    return acted;
  }

  std::map<std::string, absl::Time> Ends() const override { return ledger_.Ends(); }
  std::map<std::pair<std::string, std::string>, absl::Time> DutyEnds() const override {
    return ledger_.DutyEnds();
  }
  TakenVersions VersionsOf(const std::string& mou) const override {
    return ledger_.VersionsOf(mou);
  }

  std::shared_ptr<const policy::MouSet> Current() const override ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::ReaderMutexLock lock(&mutex_);
    return current_;
  }

 private:
  // An organization's acts come one after the other: what they cost all others, a check of a large
  // document or a place in the queue for the store, it has once at most.
  class Turn {
   public:
    Turn(InboxRegistry& registry, const std::string& organization)
        : registry_(registry), organization_(organization) {
      absl::MutexLock lock(&registry_.turns_mutex_);
      taken_ = registry_.turns_.insert(organization_).second;
    }
    ~Turn() {
      if (!taken_) return;
      absl::MutexLock lock(&registry_.turns_mutex_);
      registry_.turns_.erase(organization_);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    bool taken() const { return taken_; }

   private:
    InboxRegistry& registry_;
    const std::string& organization_;
    bool taken_ = false;
  };

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
  }

  absl::Status TakeIn(const MouInbox& inbox, Candidate& candidate, const Trust& trust,
                      absl::Time now, std::vector<policy::MouVersion>& proposed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_) {
    const policy::MouDocument& document = candidate.document;
    InboxReport::Document& line = *candidate.line;
    MouLedger::Held taken = ledger_.Find(line.mou, line.version);
    if (taken != nullptr && taken->stored.document != document.bytes()) taken = nullptr;
    if (taken == nullptr) {
      std::vector<policy::Finding> findings = FollowsOn(document, ledger_.VersionsOf(line.mou));
      if (!findings.empty()) {
        line.findings.insert(line.findings.end(), findings.begin(), findings.end());
        return absl::OkStatus();
      }
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

  // Whether no other document of this MOU waits in the inbox.
  absl::Status FreeOfInbox(absl::string_view organization, const policy::CompiledMou& mou)
      ABSL_LOCKS_EXCLUDED(show_mutex_) {
    absl::MutexLock lock(&show_mutex_);
    for (const policy::MouVersion& other : proposed_) {
      if (other.mou->name() != mou.name() ||
          other.mou->document_digest() == mou.document_digest()) {
        continue;
      }
      if (!other.mou->IsParty(organization)) return MouNameTaken();
      policy::Finding finding;
      finding.id = "OPEN";
      finding.message =
          absl::StrCat("version ", other.mou->version(),
                       " waits for signatures in the gateway's directory of documents");
      finding.hint = "have every party sign it, or the operator take it out";
      return MouOutOfTurn({finding});
    }
    return absl::OkStatus();
  }

  // The number of the version in the inbox that an act lies over: an end over any, a grant taken
  // back over one that its owner has signed.
  int WaitingFor(const MouAct& act) ABSL_LOCKS_EXCLUDED(show_mutex_) {
    absl::MutexLock lock(&show_mutex_);
    int number = 0;
    for (const policy::MouVersion& version : proposed_) {
      if (version.mou->name() != act.mou || !version.mou->IsParty(act.organization())) continue;
      const auto& missing = version.unsigned_parties;
      const bool has_signed =
          std::find(missing.begin(), missing.end(), act.organization()) == missing.end();
      const bool whole = act.action == v1::MOU_ACTION_TERMINATE && act.version == 0;
      if (whole || (act.action == v1::MOU_ACTION_WITHDRAW_GRANT && has_signed)) {
        number = std::max(number, version.mou->version());
      }
    }
    return number;
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

  absl::Mutex turns_mutex_;
  absl::flat_hash_set<std::string> turns_ ABSL_GUARDED_BY(turns_mutex_);

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
