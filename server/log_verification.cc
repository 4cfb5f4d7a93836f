#include "server/log_verification.h"

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "policy/subject_bitmap.h"
#include "server/audit/entry.h"
#include "server/key_name.h"
#include "server/store/opening_bytes.h"

namespace sluice::server {
namespace {

constexpr uint64_t kPage = 512;

// What entries commit to, by the labels of their commitments (EncodeEntry).
constexpr std::array<absl::string_view, 7> kLabels = {"bm1", "er1", "fl1", "nm1",
                                                      "rc1", "rw1", "sn1"};

std::string VersionName(absl::string_view mou, int64_t version) {
  return absl::StrCat("mous/", mou, "/versions/", version);
}
std::string OrganizationName(absl::string_view name) {
  return absl::StrCat("organizations/", name);
}

std::string DigestOf(const std::string& text) {
  return text.empty() ? "" : policy::Sha256Digest(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogVerification>> LogVerification::Create(Parts parts) {
  std::unique_ptr<LogVerification> verification(new LogVerification(std::move(parts)));
  const Parts& its = verification->parts_;
  absl::StatusOr<std::unique_ptr<OpeningKeys>> opening =
      OpeningKeys::Create(its.connection, its.keks);
  if (!opening.ok()) return opening.status();
  verification->opening_ = *std::move(opening);
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create(its.vkey);
  if (!verifier.ok()) return verifier.status();
  verification->verifier_ = std::make_unique<NoteVerifier>(*std::move(verifier));
  const std::string openings = absl::StrCat(
      "SELECT o.idx, o.owner, o.field, o.opening, e.body FROM log_opening o "
      "LEFT JOIN log_entry e ON e.idx = o.idx "
      "WHERE (o.idx, o.owner, o.field) > ($1, $2, $3) ORDER BY o.idx, o.owner, o.field LIMIT ",
      kPage);
  absl::Status status = PrepareAll(
      its.connection,
      {{&verification->openings_, openings},
       {&verification->opening_at_,
        "SELECT 1 FROM log_opening WHERE idx = $1 AND owner = $2 AND field = 'subjects'"},
       {&verification->surplus_,
        "SELECT c.idx FROM disclosed_container c LEFT JOIN log_opening o ON o.idx = c.idx "
        "AND o.owner = c.owner AND o.field = 'subjects' WHERE o.idx IS NULL LIMIT 1"},
       {&verification->container_,
        "SELECT 1 FROM disclosed_container WHERE owner = $1 AND container = $2 AND idx = $3"}});
  if (!status.ok()) return status;
  return verification;
}

absl::Status LogVerification::Run() {
  if (!parts_.published.empty()) {
    absl::StatusOr<Checkpoint> published = OpenCheckpoint(parts_.published, *verifier_);
    if (published.ok()) {
      published_ = *std::move(published);
    } else {
      Add("log_head", "the published checkpoint is not signed by this log's key");
    }
  }
  absl::Status status = ReadEntries();
  if (status.ok()) status = ReadOpenings();
  if (status.ok()) status = FindSurplus();
  if (status.ok()) status = CompareKeys();
  return status.ok() ? CompareState() : status;
}

absl::Status LogVerification::ReadEntries() {
  const absl::StatusOr<LogHead> head = parts_.reader->ReadLogHead();
  if (!head.ok()) return head.status();
  CompactRange range;
  for (uint64_t read = kPage; read == kPage;) {
    read = 0;
    const uint64_t begin = range.size();
    uint64_t expected = begin;
    absl::Status status = parts_.reader->ReadLogRows(begin, begin + kPage, [&](const LogRow& row) {
      if (row.index != expected) return false;
      ++expected;
      ++read;
      if (LeafHash(row.body) != row.leaf_hash) {
        Add("log_entry", "it is not what was hashed", row.index);
      }
      range.Append(row.leaf_hash);
      if (published_ && published_->size == range.size() && published_->root != range.Root()) {
        Add("log_entry", "they are not those of the published checkpoint", range.size());
      }
      Fold(row);
      return true;
    });
    if (status.ok()) status = CompareDisclosures();
    if (!status.ok()) return status;
    parts_.findings->Looked("log_entry", static_cast<int64_t>(read));
  }
  if (range.size() != head->size) {
    Add("log_entry", "there are others than the head says", std::min(range.size(), head->size));
  } else if (range.Root() != head->root || range.roots() != head->compact_range) {
    Add("log_head", "it is not the entries' root");
  }
  if (published_ && published_->size > range.size()) {
    Add("log_entry", "the published checkpoint is of more", range.size());
  }
  if (head->size == 0) return absl::OkStatus();
  const absl::StatusOr<Checkpoint> checkpoint = OpenCheckpoint(head->checkpoint, *verifier_);
  if (!checkpoint.ok() || checkpoint->origin != parts_.origin || checkpoint->size != head->size ||
      checkpoint->root != head->root) {
    Add("log_head", "it is not what its checkpoint says");
  }
  return absl::OkStatus();
}

void LogVerification::Fold(const LogRow& row) {
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(row.body);
  if (!entry.ok()) return Add("log_entry", "it is no entry", row.index);
  const JsonValue& json = entry->json;
  if (entry->writer != row.writer || entry->boot != row.boot ||
      static_cast<uint64_t>(entry->wseq) != row.wseq) {
    Add("log_entry", "its writer is not the one that it names", row.index);
  }
  if (entry->type == "mou") {
    said_[VersionName(json.FindString("mou"), json.FindInteger("version", 0))] = {
        row.index, std::string(json.FindString("state")),
        absl::StrCat(json.FindString("document"), json.FindString("standing"))};
  } else if (entry->type == "admin" && json.FindString("action") == "ORGANIZATION") {
    Said& said = said_[OrganizationName(json.FindString("organization"))];
    said.index = row.index;
    const JsonValue* const after = json.Find("after", JsonValue::Kind::kObject);
    said.documents.clear();
    for (const char* const digest : {"ca_bundle", "crl", "signatory_bundle", "signatory_crl"}) {
      absl::StrAppend(&said.documents, after == nullptr ? "" : after->FindString(digest), ",");
    }
  } else if (entry->type == "key" && json.FindInteger("version", 0) > 0) {
    SaidKey& said = said_keys_[absl::StrCat(KeyParent(json.FindString("owner")), "/keys/",
                                            json.FindString("key"), "/versions/",
                                            json.FindInteger("version", 0))];
    (json.FindString("action") == kDestroyedAction ? said.destroyed : said.made) = row.index;
  } else if (entry->type == "disclosure") {
    disclosures_.emplace_back(row.index, json.FindString("owner"));
  } else if (entry->type == "erasure") {
    const JsonValue* const openings = json.Find("openings", JsonValue::Kind::kArray);
    if (openings == nullptr) return;
    for (const JsonValue& it : openings->items) {
      uint64_t& end =
          erased_[{std::string(it.FindString("field")), std::string(json.FindString("owner"))}]
                 [static_cast<uint64_t>(it.FindInteger("begin", 0))];
      end = std::max(end, static_cast<uint64_t>(it.FindInteger("end", 0)));
    }
  } else if (entry->type == "ordinals") {
    dictionaries_[std::string(json.FindString("owner"))] = {
        static_cast<uint64_t>(json.FindInteger("end", 1)) - 1,
        std::string(json.FindString("root"))};
  }
}

absl::Status LogVerification::ReadOpenings() {
  int64_t index = -1;
  std::string owner, field;
  for (uint64_t read = kPage; read == kPage;) {
    read = 0;
    // What is bound stays as it is while the rows come.
    const std::string from_owner = owner, from_field = field;
    SqlRun run = openings_.Bind(index, from_owner, from_field);
    for (;; ++read) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      index = run.Int(0);
      owner = std::string(run.Bytes(1));
      field = std::string(run.Bytes(2));
      const auto wrong = [&](const std::string& what) {
        parts_.findings->Add({"log_opening", what, owner}, static_cast<uint64_t>(index));
      };
      if (IsErased(owner, field, static_cast<uint64_t>(index))) {
        wrong("it is there, and the log says that it was destroyed");
      }
      const absl::StatusOr<absl::string_view> content = opening_->Open(
          OfLogOpening{.owner = owner, .field = field, .index = static_cast<uint64_t>(index)},
          run.Bytes(3));
      if (absl::IsFailedPrecondition(content.status())) continue;  // its key was destroyed
      if (absl::IsDataLoss(content.status())) {
        wrong("it is not what was sealed");
        continue;
      }
      if (!content.ok()) return content.status();
      const auto opening = SplitOpening(*content);
      const std::string body(run.Bytes(4));
      const bool committed =
          opening.ok() && std::any_of(kLabels.begin(), kLabels.end(), [&](absl::string_view label) {
            const Hash hash = Commitment(label, opening->first, opening->second);
            return body.find(absl::Base64Escape(HashBytes(hash))) != std::string::npos;
          });
      if (!committed) {
        wrong("its entry commits to something else");
      } else if (field == "subjects") {
        if (absl::Status status = CompareContainers(owner, index, opening->second); !status.ok()) {
          return status;
        }
      }
    }
    parts_.findings->Looked("log_opening", static_cast<int64_t>(read));
  }
  return absl::OkStatus();
}

bool LogVerification::IsErased(const std::string& owner, const std::string& field,
                               uint64_t index) const {
  for (const std::string& whose : {owner, std::string()}) {
    const auto erased = erased_.find({field, whose});
    if (erased == erased_.end()) continue;
    const auto after = erased->second.upper_bound(index);
    if (after != erased->second.begin() && index < std::prev(after)->second) return true;
  }
  return false;
}

absl::Status LogVerification::CompareDisclosures() {
  for (const auto& [index, owner] : disclosures_) {
    SqlRun run = opening_at_.Bind(index, owner);
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) Add("log_opening", "whom a disclosure was about is not there", index);
  }
  disclosures_.clear();
  return absl::OkStatus();
}

absl::Status LogVerification::FindSurplus() {
  SqlRun run = surplus_.Bind();
  const absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (*row) {
    Add("disclosed_container", "it leads to no disclosure", static_cast<uint64_t>(run.Int(0)));
  }
  return absl::OkStatus();
}

absl::Status LogVerification::CompareContainers(const std::string& owner, int64_t index,
                                                absl::string_view bitmap) {
  const absl::StatusOr<policy::SubjectBitmap> subjects = policy::SubjectBitmap::Read(bitmap);
  if (!subjects.ok()) {
    Add("log_opening", "it is no bitmap", static_cast<uint64_t>(index));
    return absl::OkStatus();
  }
  for (const uint32_t container : subjects->Containers()) {
    SqlRun run = container_.Bind(owner, container, index);
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) {
      Add("disclosed_container", "a report on a subject would miss it",
          static_cast<uint64_t>(index));
    }
    parts_.findings->Looked("disclosed_container", 1);
  }
  return absl::OkStatus();
}

absl::Status LogVerification::CompareKeys() {
  const absl::StatusOr<std::vector<StoredKeyVersion>> versions = parts_.reader->KeyVersions();
  if (!versions.ok()) return versions.status();
  for (const StoredKeyVersion& version : *versions) {
    const std::string name = KeyVersionNameOf(version.name);
    const SaidKey said = said_keys_[name];
    said_keys_.erase(name);
    // One that has no entry yet is owed it by the next group.
    if (said.made == version.log_index && said.destroyed == version.destroyed_index) continue;
    Add("data_key", absl::StrCat(name, " is not what the log says of it"));
  }
  for (const auto& [name, said] : said_keys_) {
    Add("data_key", absl::StrCat(name, " is in the log and not in the store"), said.made);
  }
  return absl::OkStatus();
}

absl::Status LogVerification::CompareState() {
  const absl::Status sealed = parts_.reader->CheckState().status();
  if (absl::IsDataLoss(sealed)) {
    Add("state_seal", std::string(sealed.message()));
  } else if (!sealed.ok()) {
    return sealed;
  }
  const auto versions = parts_.reader->MouVersions(0);
  const auto organizations = parts_.reader->Organizations(0);
  // What does not open was found above.
  if (!versions.ok())
    return absl::IsDataLoss(versions.status()) ? absl::OkStatus() : versions.status();
  if (!organizations.ok()) {
    return absl::IsDataLoss(organizations.status()) ? absl::OkStatus() : organizations.status();
  }
  for (const StoredMouVersion& version : *versions) {
    Compare("mou_version", VersionName(version.mou, version.version),
            {version.log_index, version.state,
             absl::StrCat(DigestOf(version.document),
                          version.standing.empty() ? "" : DigestOf(version.standing))});
  }
  for (const StoredOrganization& it : *organizations) {
    std::string documents;
    for (const std::string* text :
         {&it.ca_bundle, &it.crl, &it.signatory_bundle, &it.signatory_crl}) {
      absl::StrAppend(&documents, DigestOf(*text), ",");
    }
    Compare("organization", OrganizationName(it.name), {it.log_index, "", documents});
  }
  for (const auto& [name, said] : said_) {
    Add("mou_version, organization", absl::StrCat(name, " is in the log and not in the store"),
        said.index);
  }
  return absl::OkStatus();
}

void LogVerification::Compare(const std::string& table, const std::string& name,
                              const Said& stored) {
  const auto said = said_.find(name);
  if (said == said_.end() || said->second.index != stored.index ||
      said->second.state != stored.state || said->second.documents != stored.documents) {
    Add(table, absl::StrCat(name, " is not what the log says last"), stored.index);
  }
  if (said != said_.end()) said_.erase(said);
}

}  // namespace sluice::server
