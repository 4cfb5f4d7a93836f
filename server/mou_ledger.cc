#include "server/mou_ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "policy/mou_document.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/merkle.h"

namespace sluice::server {
namespace {

// A version's states, as the log says them.
constexpr char kSigned[] = "SIGNED";
constexpr char kActive[] = "ACTIVE";
constexpr char kSuperseded[] = "SUPERSEDED";
constexpr char kExpired[] = "EXPIRED";
constexpr char kNotSigned[] = "NOT_SIGNED";  // a signature is void

MouEntry EntryOf(const policy::CompiledMou& mou, absl::string_view state) {
  MouEntry entry;
  entry.mou = mou.name();
  entry.version = mou.version();
  entry.document_digest = mou.document_digest();
  entry.state = std::string(state);
  for (const v1::Party& party : mou.mou().parties()) entry.parties.push_back(party.organization());
  return entry;
}

// Whether an entry's bytes say this of a version.
bool Says(absl::string_view body, const policy::CompiledMou& mou, absl::string_view state) {
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  return entry.ok() && entry->type == "mou" && entry->json.FindString("mou") == mou.name() &&
         entry->json.FindInteger("version", 0) == mou.version() &&
         entry->json.FindString("document") == mou.document_digest() &&
         entry->json.FindString("state") == state;
}

}  // namespace

bool TakenVersion::IsSignedBy(absl::string_view organization) const {
  return !voided.contains(organization) &&
         std::any_of(stored.signatures.begin(), stored.signatures.end(),
                     [&](const StoredSignature& s) { return s.organization == organization; });
}

std::vector<std::string> TakenVersion::UnsignedParties() const {
  std::vector<std::string> parties;
  for (const v1::Party& party : mou->mou().parties()) {
    if (!IsSignedBy(party.organization())) parties.push_back(party.organization());
  }
  return parties;
}

bool TakenVersion::IsOver() const {
  return stored.state == kSuperseded || stored.state == kExpired;
}

absl::Status MouLedger::Load() {
  absl::StatusOr<std::vector<StoredMouVersion>> stored = store_.MouVersions();
  if (!stored.ok()) return stored.status();
  for (StoredMouVersion& version : *stored) {
    if (absl::Status held = Hold(std::move(version)); !held.ok()) return held;
  }
  return absl::OkStatus();
}

absl::Status MouLedger::Hold(StoredMouVersion stored) {
  const std::string name = absl::StrCat("mous/", stored.mou, "/versions/", stored.version);
  const policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(name, stored.document);
  for (const policy::Finding& finding : parsed.findings) {
    if (finding.severity != policy::Severity::kError) continue;
    return absl::DataLossError(absl::StrCat(name, " no longer parses: ", finding.ToString()));
  }
  absl::StatusOr<std::shared_ptr<const policy::CompiledMou>> mou =
      policy::CompiledMou::Compile(parsed.document, catalog_);
  if (!mou.ok()) {
    return absl::DataLossError(absl::StrCat(name, " no longer compiles: ", mou.status().message()));
  }
  bool confirmed = false;
  absl::Status read =
      store_.ReadLogRows(stored.log_index, stored.log_index + 1, [&](const LogRow& row) {
        confirmed = row.index == stored.log_index && LeafHash(row.body) == row.leaf_hash &&
                    Says(row.body, **mou, stored.state);
        return false;
      });
  if (!read.ok()) return read;
  if (!confirmed || (*mou)->name() != stored.mou || (*mou)->version() != stored.version) {
    return absl::DataLossError(
        absl::StrCat(name, " is not what the log says was taken in: restore the store"));
  }
  const int version = stored.version;
  by_digest_[(*mou)->document_digest()] = {stored.mou, version};
  versions_[stored.mou].insert_or_assign(version,
                                         TakenVersion{std::move(stored), *std::move(mou), {}});
  return absl::OkStatus();
}

absl::Status MouLedger::Void(const Trust& trust) {
  if (trust.digest() == seen_trust_) return absl::OkStatus();
  absl::Status status;
  for (auto& [name, versions] : versions_) {
    for (auto& [number, version] : versions) {
      if (version.IsOver()) continue;
      StoredMouVersion next = version.stored;
      next.signatures.clear();
      for (const StoredSignature& signature : version.stored.signatures) {
        const absl::StatusOr<bool> is_void =
            IsVoid(signature.cms_der, signature.organization, trust, signature.received);
        // What can't be looked at stays as it was, and is looked at again. What was void once is
        // void, though the store could not be told of it.
        if (!is_void.ok()) status = is_void.status();
        if (is_void.ok() && *is_void) version.voided.insert(signature.organization);
        if (!version.voided.contains(signature.organization)) {
          next.signatures.push_back(signature);
        }
      }
      if (next.signatures.size() == version.stored.signatures.size()) continue;
      next.state = kNotSigned;
      std::vector<Move> moves;
      moves.push_back({&version, std::move(next), EntryOf(*version.mou, kNotSigned)});
      if (absl::Status written = Write(std::move(moves)); !written.ok()) status = written;
    }
  }
  if (status.ok()) seen_trust_ = trust.digest();
  return status;
}

absl::Status MouLedger::MoveOn(absl::Time now) {
  for (auto& [name, versions] : versions_) {
    std::vector<Move> moves;
    bool superseded = false;
    for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
      TakenVersion& version = it->second;
      const policy::CivilPeriod& term = version.mou->term();
      const absl::CivilDay day = absl::ToCivilDay(now, version.mou->time_zone());
      const char* state = kSigned;
      if (day >= term.effective) state = kActive;
      if (day >= term.expires) state = kExpired;
      if (superseded) state = kSuperseded;
      superseded = superseded || day >= term.effective;
      if (version.IsOver() || version.stored.state == state) continue;
      // A void signature lies over all but the end, whether or not the store could be told of it;
      // and time that stepped back undoes nothing.
      const bool ends = state == kExpired || state == kSuperseded;
      if (!ends &&
          (!version.voided.empty() || version.stored.state != kSigned || state != kActive)) {
        continue;
      }
      StoredMouVersion next = version.stored;
      next.state = state;
      moves.push_back({&version, std::move(next), EntryOf(*version.mou, state)});
    }
    if (moves.empty()) continue;
    // The oldest first, as it came to pass.
    std::reverse(moves.begin(), moves.end());
    if (absl::Status written = Write(std::move(moves)); !written.ok()) return written;
  }
  return absl::OkStatus();
}

absl::Status MouLedger::TakeIn(const policy::CompiledMou& mou, absl::string_view document,
                               std::vector<StoredSignature> signatures,
                               const std::vector<VerifiedSignature>& verified) {
  StoredMouVersion next{mou.name(), mou.version(), std::string(document), std::move(signatures),
                        kSigned};
  MouEntry entry = EntryOf(mou, kSigned);
  for (const VerifiedSignature& s : verified) {
    entry.signatures.push_back({s.organization, s.signer_spki, s.chain, s.crl_number, s.received});
  }
  std::vector<Entry> more;
  if (LastVersion(mou.name()) == 0) {
    KeyEntry key;
    key.action = "CREATED";
    key.key = absl::StrCat("mou-", mou.name(), ".root");
    more.push_back(std::move(key));
  }
  std::map<int, TakenVersion>& versions = versions_[mou.name()];
  const auto known = versions.find(mou.version());
  TakenVersion fresh;
  std::vector<Move> moves;
  moves.push_back(
      {known == versions.end() ? &fresh : &known->second, std::move(next), std::move(entry)});
  if (absl::Status written = Write(std::move(moves), more); !written.ok()) return written;
  // As it would be loaded: what is stored is what is enforced.
  if (known == versions.end()) return Hold(std::move(fresh.stored));
  for (const VerifiedSignature& anew : verified) known->second.voided.erase(anew.organization);
  return absl::OkStatus();
}

absl::Status MouLedger::Write(std::vector<Move> moves, const std::vector<Entry>& more) {
  Work work;
  for (const Move& move : moves) work.bytes += move.next.document.size();
  work.apply = [&](Transaction& transaction) -> absl::Status {
    uint64_t index = log_.NextIndexIn(transaction);
    for (Move& move : moves) {
      move.next.log_index = index++;
      if (absl::Status put = transaction.PutMouVersion(move.next); !put.ok()) return put;
    }
    for (const Move& move : moves) {
      absl::StatusOr<uint64_t> appended = log_.AppendIn(transaction, move.entry);
      if (!appended.ok()) return appended.status();
    }
    for (const Entry& entry : more) {
      absl::StatusOr<uint64_t> appended = log_.AppendIn(transaction, entry);
      if (!appended.ok()) return appended.status();
    }
    return absl::OkStatus();
  };
  if (absl::Status committed = store_.Commit(std::move(work)); !committed.ok()) return committed;
  for (Move& move : moves) {
    TakenVersion& version = *move.version;
    version.stored = std::move(move.next);
    // The store knows of those whose signature is gone from it, and of no others.
    absl::erase_if(version.voided, [&version](const std::string& organization) {
      return std::none_of(version.stored.signatures.begin(), version.stored.signatures.end(),
                          [&](const StoredSignature& s) { return s.organization == organization; });
    });
  }
  return absl::OkStatus();
}

const TakenVersion* MouLedger::Find(const std::string& mou, int version) const {
  const auto versions = versions_.find(mou);
  if (versions == versions_.end()) return nullptr;
  const auto found = versions->second.find(version);
  return found == versions->second.end() ? nullptr : &found->second;
}

const TakenVersion* MouLedger::FindByDigest(const std::string& document_digest) const {
  const auto found = by_digest_.find(document_digest);
  return found == by_digest_.end() ? nullptr : Find(found->second.first, found->second.second);
}

int MouLedger::LastVersion(const std::string& mou) const {
  const auto versions = versions_.find(mou);
  return versions == versions_.end() || versions->second.empty() ? 0
                                                                 : versions->second.rbegin()->first;
}

std::vector<policy::MouVersion> MouLedger::ForDecisions() const {
  std::vector<policy::MouVersion> all;
  for (const auto& [name, versions] : versions_) {
    for (const auto& [number, taken] : versions) {
      policy::MouVersion version;
      version.mou = taken.mou;
      version.ever_signed = true;
      version.unsigned_parties = taken.UnsignedParties();
      all.push_back(std::move(version));
    }
  }
  return all;
}

}  // namespace sluice::server
