#include "server/organizations.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/digest.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/merkle.h"
#include "server/error.h"
#include "server/identity/spiffe_id.h"
#include "server/json_log.h"
#include "server/organization_check.h"
#include "server/trust_files.h"

namespace sluice::server {
namespace {

// How often a change is looked at anew because another gateway was faster.
constexpr int kTries = 3;

std::string DigestOf(const std::string& text) {
  return text.empty() ? "" : policy::Sha256Digest(text);
}

TrustDigests DigestsOf(const StoredOrganization& organization) {
  return {DigestOf(organization.ca_bundle), DigestOf(organization.crl),
          DigestOf(organization.signatory_bundle), DigestOf(organization.signatory_crl)};
}

TrustAnchors AnchorsOf(const StoredOrganization& stored) {
  return {stored.name, stored.ca_bundle, stored.crl, stored.signatory_bundle, stored.signatory_crl};
}

bool SameContent(const StoredOrganization& a, const StoredOrganization& b) {
  return std::tie(a.display_name, a.ca_bundle, a.crl, a.signatory_bundle, a.signatory_crl) ==
         std::tie(b.display_name, b.ca_bundle, b.crl, b.signatory_bundle, b.signatory_crl);
}

// Whether an entry's bytes say this of an organization.
bool Says(absl::string_view body, const StoredOrganization& organization) {
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  if (!entry.ok() || entry->type != "admin" || entry->json.FindString("action") != "ORGANIZATION" ||
      entry->json.FindString("organization") != organization.name) {
    return false;
  }
  const JsonValue* const after = entry->json.Find("after", JsonValue::Kind::kObject);
  const TrustDigests digests = DigestsOf(organization);
  return after != nullptr && after->FindString("ca_bundle") == digests.ca_bundle &&
         after->FindString("crl") == digests.crl &&
         after->FindString("signatory_bundle") == digests.signatory_bundle &&
         after->FindString("signatory_crl") == digests.signatory_crl;
}

// The entries of the bundles that come into force.
std::vector<AdminEntry> NewBundles(const Trust& trust, const Trust* before) {
  std::vector<std::pair<std::string, std::string>> known;
  if (before != nullptr) known = before->BundleDigests();
  std::vector<AdminEntry> entries;
  for (std::pair<std::string, std::string>& bundle : trust.BundleDigests()) {
    if (std::find(known.begin(), known.end(), bundle) != known.end()) continue;
    AdminEntry entry;
    entry.action = "CA_BUNDLE";
    entry.organization = std::move(bundle.first);
    entry.digest = std::move(bundle.second);
    entries.push_back(std::move(entry));
  }
  return entries;
}

const Trust* TrustOf(const Organizations::State* state) {
  return state == nullptr ? nullptr : state->identity->trust().get();
}

}  // namespace

std::vector<std::string> Organizations::State::WithoutRevocation() const {
  std::vector<std::string> names;
  for (const auto& [name, organization] : organizations) {
    if (organization.stored.crl.empty()) names.push_back(name);
  }
  const TrustAnchors& of_operator = identity->trust()->config().operator_anchors;
  if (!of_operator.ca_bundle.empty() && of_operator.crl.empty()) names.push_back("operator");
  return names;
}

std::shared_ptr<const Organizations::State> Organizations::Current() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

void Organizations::Set(std::shared_ptr<const State> state) {
  absl::MutexLock lock(&mutex_);
  state_ = std::move(state);
}

absl::StatusOr<Organizations::Added> Organizations::ReadStore(uint64_t since) const {
  absl::StatusOr<std::vector<StoredOrganization>> stored = parts_.store->Organizations(since);
  if (!stored.ok()) return stored.status();
  Added added;
  for (StoredOrganization& organization : *stored) {
    bool confirmed = false;
    const absl::Status read = parts_.store->ReadLogRows(
        organization.log_index, organization.log_index + 1, [&](const LogRow& row) {
          confirmed = row.index == organization.log_index && LeafHash(row.body) == row.leaf_hash &&
                      Says(row.body, organization);
          return false;
        });
    if (!read.ok()) return read;
    if (!confirmed) {
      return absl::DataLossError(
          absl::StrCat("organization ", organization.name,
                       " in the store is not what the log says was added: restore the store"));
    }
    const std::string name = organization.name;
    added.emplace(name, std::move(organization));
  }
  return added;
}

absl::StatusOr<std::shared_ptr<const Organizations::State>> Organizations::Make(
    const TrustConfig& configured, const Added& added) const {
  TrustConfig config = configured;
  auto state = std::make_shared<State>();
  for (const TrustAnchors& anchors : configured.organizations) {
    StoredOrganization stored{anchors.organization,     "",
                              anchors.ca_bundle,        anchors.crl,
                              anchors.signatory_bundle, anchors.signatory_crl};
    state->organizations.insert_or_assign(anchors.organization,
                                          State::Organization{std::move(stored), true});
  }
  std::vector<std::string> twice;
  for (const auto& [name, stored] : added) {
    if (!state->organizations.emplace(name, State::Organization{stored, false}).second) {
      twice.push_back(absl::StrCat(name,
                                   ": it was added by an operator, and stands in the configuration "
                                   "file as well; take it out of the file"));
    }
    config.organizations.push_back(AnchorsOf(stored));
  }
  if (!twice.empty()) return absl::InvalidArgumentError(absl::StrJoin(twice, "\n"));
  absl::StatusOr<std::shared_ptr<const Trust>> trust = Trust::Create(std::move(config));
  if (!trust.ok()) return trust.status();
  state->identity = Identity::Create(*std::move(trust));
  return state;
}

// TLS may let in more than identity does, but never less: its file is written before a change for
// both sides of it, and after the change for what is in force.
absl::Status Organizations::Show(const State& state,
                                 const std::vector<StoredOrganization>& before) const {
  std::string cas = state.identity->trust()->AllCaBundles();
  for (const StoredOrganization& was : before) {
    absl::StrAppend(&cas, was.ca_bundle, was.signatory_bundle);
  }
  return ReplaceFile(parts_.client_cas, cas);
}

void Organizations::ShowAfter(const State& state) const {
  if (const absl::Status s = Show(state, {}); !s.ok()) {
    LogLine(LogLine::Level::kWarning, "client CAs").With("cause", s.message());
  }
}

absl::Status Organizations::TakeConfiguration(const Config& config, absl::string_view action) {
  absl::StatusOr<TrustConfig> configured = ReadTrust(config);
  if (!configured.ok()) return configured.status();
  absl::MutexLock changing(&changing_);
  const std::shared_ptr<const State> before = Current();
  if (before == nullptr) {
    absl::StatusOr<Added> added = ReadStore(0);
    if (!added.ok()) return added.status();
    added_ = *std::move(added);
  }
  const absl::StatusOr<std::shared_ptr<const State>> state = Make(*configured, added_);
  if (!state.ok()) return state.status();

  AdminEntry taken;
  taken.action = std::string(action);
  if (const auto index = parts_.log->Append(std::move(taken)); !index.ok()) return index.status();
  for (AdminEntry& entry : NewBundles(*TrustOf(state->get()), TrustOf(before.get()))) {
    if (const auto index = parts_.log->Append(std::move(entry)); !index.ok()) return index.status();
  }
  if (const absl::Status s = Show(**state, {}); !s.ok()) return s;
  configured_ = *std::move(configured);
  Set(*state);
  return absl::OkStatus();
}

absl::Status Organizations::CatchUp() {
  absl::MutexLock changing(&changing_);
  return CatchUpWithOthers();
}

absl::Status Organizations::CatchUpWithOthers() {
  // What changes after this look is looked for again.
  const absl::StatusOr<int64_t> revision = parts_.store->Revision();
  if (!revision.ok()) return revision.status();
  if (*revision == revision_) return absl::OkStatus();
  absl::StatusOr<Added> read = ReadStore(since_);
  if (!read.ok()) return read.status();
  Added added = added_;
  std::vector<StoredOrganization> before;
  uint64_t since = since_;
  bool changed = false;
  for (auto& [name, stored] : *read) {
    since = std::max(since, stored.log_index + 1);
    const auto known = added.find(name);
    if (known != added.end()) {
      if (known->second.log_index == stored.log_index) continue;  // this gateway's own
      before.push_back(known->second);
    }
    added.insert_or_assign(name, std::move(stored));
    changed = true;
  }
  if (changed) {
    const absl::StatusOr<std::shared_ptr<const State>> state = Make(configured_, added);
    if (!state.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "an operator's change at another gateway does not go with this one's configuration: ",
          state.status().message()));
    }
    if (const absl::Status s = Show(**state, before); !s.ok()) return s;
    added_ = std::move(added);
    Set(*state);
    ShowAfter(**state);
  }
  since_ = since;
  revision_ = *revision;
  return absl::OkStatus();
}

absl::StatusOr<StoredOrganization> Organizations::Put(const Caller& caller,
                                                      const RequestId& request,
                                                      StoredOrganization organization,
                                                      std::optional<uint64_t> replaces,
                                                      absl::Time now) {
  absl::MutexLock changing(&changing_);
  for (int tries = 0; tries < kTries; ++tries) {
    if (parts_.store->IsShared() && !CatchUpWithOthers().ok()) return StateUnavailable();
    bool overtaken = false;
    absl::StatusOr<StoredOrganization> put =
        PutOnce(caller, request, organization, replaces, now, overtaken);
    if (!overtaken) return put;
  }
  return StateUnavailable();
}

absl::StatusOr<StoredOrganization> Organizations::PutOnce(const Caller& caller,
                                                          const RequestId& request,
                                                          StoredOrganization organization,
                                                          std::optional<uint64_t> replaces,
                                                          absl::Time now, bool& overtaken) {
  const std::shared_ptr<const State> before = Current();
  const auto known = before->organizations.find(organization.name);
  const StoredOrganization* was = nullptr;
  if (replaces) {
    if (known == before->organizations.end()) return NotFound("organization");
    if (known->second.configured) return StandsInConfiguration(organization.name);
    was = &known->second.stored;
    if (was->log_index != *replaces) return EtagMismatch();
  } else {
    if (known != before->organizations.end()) return AlreadyExists("organization");
    if (before->organizations.size() >= kMost) return TooManyOrganizations(kMost);
  }
  absl::StatusOr<StoredOrganization> checked =
      CheckOrganization(std::move(organization), was, configured_.crl_grace, now);
  if (!checked.ok()) return checked.status();
  if (was != nullptr && SameContent(*checked, *was)) return *was;
  Added added = added_;
  added.insert_or_assign(checked->name, *checked);
  absl::StatusOr<std::shared_ptr<const State>> state = Make(configured_, added);
  // What was in force was sound, so the problem is this organization's.
  if (!state.ok()) return Invalid("organization", state.status().message());
  if (!parts_.log->Health().ok()) return AuditUnavailable();
  std::vector<StoredOrganization> replaced;
  if (was != nullptr) replaced.push_back(*was);
  if (const absl::Status s = Show(**state, replaced); !s.ok()) return s;

  OrganizationEntry entry;
  entry.request = request;
  entry.caller = {caller.principal(), caller.spki()};
  entry.organization = checked->name;
  if (was != nullptr) entry.before = DigestsOf(*was);
  entry.after = DigestsOf(*checked);
  const std::vector<AdminEntry> bundles = NewBundles(*TrustOf(state->get()), TrustOf(before.get()));
  Work work;
  work.bytes = checked->ca_bundle.size() + checked->crl.size() + checked->signatory_bundle.size() +
               checked->signatory_crl.size();
  int64_t revision = revision_;
  const bool shared = parts_.store->IsShared();
  work.apply = [&, known = revision_](Transaction& transaction) -> absl::Status {
    // What was checked, was checked beside all others: none may have come since.
    if (shared) {
      const absl::StatusOr<int64_t> found = transaction.Revision();
      if (!found.ok()) return found.status();
      overtaken = *found != known;
      if (overtaken) return absl::AbortedError("another gateway changed something");
    }
    checked->log_index = parts_.log->NextIndexIn(transaction);
    if (absl::Status put = transaction.PutOrganization(*checked, replaces); !put.ok()) return put;
    const absl::StatusOr<uint64_t> index = parts_.log->AppendIn(transaction, entry);
    if (!index.ok()) return index.status();
    for (const AdminEntry& bundle : bundles) {
      const absl::StatusOr<uint64_t> appended = parts_.log->AppendIn(transaction, bundle);
      if (!appended.ok()) return appended.status();
    }
    if (!shared) return absl::OkStatus();
    const absl::StatusOr<int64_t> raised = transaction.Revision();
    if (raised.ok()) revision = *raised;
    return raised.status();
  };
  const absl::Status committed = parts_.store->Commit(std::move(work));
  if (!committed.ok()) {
    ShowAfter(*before);
    if (absl::IsAborted(committed)) {
      return replaces ? EtagMismatch() : AlreadyExists("organization");
    }
    return absl::IsUnavailable(committed) ? AuditUnavailable() : committed;
  }
  added_.insert_or_assign(checked->name, *checked);
  auto in_force = std::make_shared<State>(**state);
  in_force->organizations[checked->name].stored = *checked;
  Set(std::move(in_force));
  revision_ = revision;
  ShowAfter(**state);
  return *std::move(checked);
}

}  // namespace sluice::server
