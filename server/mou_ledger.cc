#include "server/mou_ledger.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "policy/mou_document.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/merkle.h"
#include "server/error.h"
#include "server/mou_duty.h"
#include "server/store/hkdf.h"

namespace sluice::server {
namespace {

// Whether an entry's bytes say this of a version.
bool Says(absl::string_view body, const policy::CompiledMou& mou, const StoredMouVersion& stored) {
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  return entry.ok() && entry->type == "mou" && entry->json.FindString("mou") == mou.name() &&
         entry->json.FindInteger("version", 0) == mou.version() &&
         entry->json.FindString("document") == mou.document_digest() &&
         entry->json.FindString("state") == stored.state &&
         entry->json.FindString("standing") == StandingDigest(stored);
}

}  // namespace

absl::Status MouLedger::CatchUp() {
  absl::MutexLock lock(&catching_up_);
  absl::StatusOr<std::vector<StoredMouVersion>> stored = store_.MouVersions(since_);
  if (!stored.ok()) return stored.status();
  uint64_t since = since_;
  for (StoredMouVersion& version : *stored) {
    since = std::max(since, version.log_index + 1);
    const Held before = Find(version.mou, version.version);
    // What this gateway wrote itself it holds.
    if (before != nullptr && before->stored.log_index == version.log_index) continue;
    absl::StatusOr<Held> read = Read(std::move(version), before.get());
    if (!read.ok()) return read.status();
    Hold(*std::move(read));
  }
  since_ = since;
  return absl::OkStatus();
}

absl::StatusOr<MouLedger::Held> MouLedger::Read(StoredMouVersion stored,
                                                const TakenVersion* before) const {
  const std::string name = absl::StrCat("mous/", stored.mou, "/versions/", stored.version);
  std::shared_ptr<const policy::CompiledMou> mou;
  if (before != nullptr && before->stored.document == stored.document) {
    mou = before->mou;
  } else {
    const policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(name, stored.document);
    for (const policy::Finding& finding : parsed.findings) {
      if (finding.severity != policy::Severity::kError) continue;
      return absl::DataLossError(absl::StrCat(name, " no longer parses: ", finding.ToString()));
    }
    absl::StatusOr<std::shared_ptr<const policy::CompiledMou>> compiled =
        policy::CompiledMou::Compile(parsed.document, catalog_);
    if (!compiled.ok()) {
      return absl::DataLossError(
          absl::StrCat(name, " no longer compiles: ", compiled.status().message()));
    }
    mou = *std::move(compiled);
  }
  bool confirmed = false;
  absl::Status read =
      store_.ReadLogRows(stored.log_index, stored.log_index + 1, [&](const LogRow& row) {
        confirmed = row.index == stored.log_index && LeafHash(row.body) == row.leaf_hash &&
                    Says(row.body, *mou, stored);
        return false;
      });
  if (!read.ok()) return read;
  if (!confirmed || mou->name() != stored.mou || mou->version() != stored.version) {
    return absl::DataLossError(
        absl::StrCat(name, " is not what the log says was taken in: restore the store"));
  }
  absl::StatusOr<Held> taken = After(std::move(stored), std::move(mou), before);
  if (!taken.ok()) return absl::DataLossError(absl::StrCat(name, ": ", taken.status().message()));
  if (absl::Status root = CheckRoot(**taken); !root.ok()) return root;
  return taken;
}

absl::StatusOr<std::string> MouLedger::RootCheck(absl::string_view mou) const {
  const absl::StatusOr<policy::Secret> root = keys_.PseudonymRoot(mou);
  if (!root.ok()) return root.status();
  const absl::StatusOr<policy::Secret> check = HkdfSha256(*root, "", "sluice/root-check");
  if (!check.ok()) return check.status();
  return std::string(check->bytes().begin(), check->bytes().end());
}

absl::Status MouLedger::CheckRoot(const TakenVersion& version) const {
  if (version.IsOver() || !version.WasSigned()) return absl::OkStatus();
  const absl::StatusOr<std::string> check = RootCheck(version.stored.mou);
  // Without its root an MOU releases nothing, and the others go on.
  if (!check.ok() || *check == version.stored.root_check) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the key directory has another pseudonym root than the one that MOU ", version.stored.mou,
      " was taken in with: give all gateways of a database one key directory, or restore it"));
}

absl::StatusOr<MouLedger::Held> MouLedger::After(StoredMouVersion stored,
                                                 std::shared_ptr<const policy::CompiledMou> mou,
                                                 const TakenVersion* before) {
  auto taken = std::make_shared<TakenVersion>();
  absl::StatusOr<MouStanding> standing = MouStanding::Parse(stored.standing);
  if (!standing.ok()) return standing.status();
  taken->standing = *std::move(standing);
  // A signature that was found void is void, whatever else became of the version meanwhile.
  for (const StoredSignature& signature : stored.signatures) {
    if (before == nullptr || !before->voided.contains(signature.organization)) continue;
    for (const StoredSignature& was : before->stored.signatures) {
      if (was.organization == signature.organization && was.cms_der == signature.cms_der) {
        taken->voided.insert(signature.organization);
      }
    }
  }
  taken->stored = std::move(stored);
  taken->mou = std::move(mou);
  return taken;
}

void MouLedger::Hold(Held version) {
  absl::MutexLock lock(&mutex_);
  Held& place = versions_[version->stored.mou][version->stored.version];
  if (place != nullptr && place->stored.log_index > version->stored.log_index) return;
  by_digest_[version->mou->document_digest()] = {version->stored.mou, version->stored.version};
  place = std::move(version);
}

absl::Status MouLedger::Write(Step step, std::optional<int64_t> revision) {
  std::vector<Move>& moves = step.moves;
  Work work;
  for (Move& move : moves) {
    work.bytes += move.next.document.size();
    if (move.from != nullptr) move.entry.previous_index = move.from->stored.log_index;
  }
  work.apply = [&](Transaction& transaction) -> absl::Status {
    if (revision.has_value()) {
      const absl::StatusOr<int64_t> at = transaction.Revision();
      if (!at.ok()) return at.status();
      if (*at != *revision) return absl::AbortedError("other gateways changed MOUs meanwhile");
    }
    uint64_t index = log_.NextIndexIn(transaction);
    for (Move& move : moves) {
      move.next.log_index = index++;
      std::optional<uint64_t> replaces;
      if (move.from != nullptr) replaces = move.from->stored.log_index;
      if (absl::Status put = transaction.PutMouVersion(move.next, replaces); !put.ok()) return put;
    }
    for (const Move& move : moves) {
      absl::StatusOr<uint64_t> appended = log_.AppendIn(transaction, move.entry);
      if (!appended.ok()) return appended.status();
    }
    for (const Entry& entry : step.more) {
      absl::StatusOr<uint64_t> appended = log_.AppendIn(transaction, entry);
      if (!appended.ok()) return appended.status();
    }
    return absl::OkStatus();
  };
  if (absl::Status committed = store_.Commit(std::move(work)); !committed.ok()) return committed;
  for (Move& move : moves) {
    if (move.from != nullptr) {
      // As it is held by now: a signature may have been found void while this was written.
      const Held held = move.signed_anew ? move.from : Find(move.next.mou, move.next.version);
      absl::StatusOr<Held> after = After(std::move(move.next), move.from->mou, held.get());
      if (!after.ok()) return after.status();
      Hold(*std::move(after));
      continue;
    }
    // As it would be loaded: what is stored is what is enforced.
    absl::StatusOr<Held> read = Read(std::move(move.next), nullptr);
    if (!read.ok()) return read.status();
    Hold(*std::move(read));
  }
  return absl::OkStatus();
}

MouLedger::Versions MouLedger::All() const {
  absl::MutexLock lock(&mutex_);
  return versions_;
}

std::map<std::string, absl::Time> MouLedger::Ends() const {
  std::map<std::string, absl::Time> ends;
  for (const auto& [name, versions] : All()) {
    if (const std::optional<absl::Time> end = EndOf(versions); end.has_value()) ends[name] = *end;
  }
  return ends;
}

std::map<std::pair<std::string, std::string>, absl::Time> MouLedger::DutyEnds() const {
  std::map<std::pair<std::string, std::string>, absl::Time> ends;
  for (const auto& [name, versions] : All()) {
    for (const MouDuty& duty : DutiesOf(versions)) {
      if (duty.attestation() != nullptr) continue;
      ends[{name, duty.organization}] =
          absl::FromCivil(duty.due + 1, duty.version->mou->time_zone());
    }
  }
  return ends;
}

TakenVersions MouLedger::VersionsOf(const std::string& mou) const {
  absl::MutexLock lock(&mutex_);
  const auto versions = versions_.find(mou);
  return versions == versions_.end() ? TakenVersions() : versions->second;
}

MouLedger::Held MouLedger::Find(const std::string& mou, int version) const {
  absl::MutexLock lock(&mutex_);
  const auto versions = versions_.find(mou);
  if (versions == versions_.end()) return nullptr;
  const auto found = versions->second.find(version);
  return found == versions->second.end() ? nullptr : found->second;
}

MouLedger::Held MouLedger::FindByDigest(const std::string& document_digest) const {
  std::pair<std::string, int> place;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = by_digest_.find(document_digest);
    if (found == by_digest_.end()) return nullptr;
    place = found->second;
  }
  return Find(place.first, place.second);
}

int MouLedger::LastVersion(const std::string& mou) const {
  absl::MutexLock lock(&mutex_);
  const auto versions = versions_.find(mou);
  return versions == versions_.end() ? 0 : versions->second.rbegin()->first;
}

std::vector<policy::MouVersion> MouLedger::ForDecisions() const {
  absl::MutexLock lock(&mutex_);
  std::vector<policy::MouVersion> all;
  for (const auto& [name, versions] : versions_) {
    for (const auto& [number, taken] : versions) {
      policy::MouVersion version;
      version.mou = taken->mou;
      version.ever_signed = taken->WasSigned();
      version.unsigned_parties = taken->UnsignedParties();
      version.suspended = !SuspendedBy(*taken, versions).empty();
      version.over = taken->IsOver();
      if (const auto& end = taken->standing.termination; end.has_value()) {
        version.terminated_on = end->on;
      }
      version.withdrawn_grants.insert(taken->standing.withdrawn_grants.begin(),
                                      taken->standing.withdrawn_grants.end());
      all.push_back(std::move(version));
    }
  }
  return all;
}

}  // namespace sluice::server
