#include "server/dictionary_verification.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/audit/entry_encoding.h"
#include "server/store/hash_bytes.h"
#include "server/store/opening_keys.h"

namespace sluice::server {
namespace {

constexpr int kPage = 512;

struct Owner {
  int64_t id = 0;
  uint64_t subjects = 0;  // so many were ever given
};

class Dictionaries {
 public:
  Dictionaries(std::unique_ptr<OpeningKeys> opening, StoreFindings* findings)
      : opening_(std::move(opening)), findings_(*findings) {}

  absl::Status Prepare(SqlConnection* connection) {
    const std::string limit = absl::StrCat(" LIMIT ", kPage);
    const std::string subjects = absl::StrCat(
        "SELECT name, ordinal, subject_id FROM subject WHERE owner = $1 AND name > $2 "
        "ORDER BY name",
        limit);
    const std::string former = absl::StrCat(
        "SELECT name, ordinal, subject_id FROM former_subject WHERE owner = $1 AND "
        "(name, ordinal) > ($2, $3) ORDER BY name, ordinal",
        limit);
    const std::string openings = absl::StrCat(
        "SELECT ordinal, salt FROM dictionary_opening WHERE owner = $1 AND ordinal > $2 "
        "ORDER BY ordinal",
        limit);
    return PrepareAll(
        connection, {{&owners_, "SELECT id, name, subjects FROM owner ORDER BY id"},
                     {&heads_, "SELECT size, compact_range FROM dictionary_head WHERE owner = $1"},
                     {&subjects_, subjects},
                     {&former_, former},
                     {&openings_, openings}});
  }

  absl::StatusOr<std::map<std::string, Owner>> Owners() {
    std::map<std::string, Owner> owners;
    SqlRun run = owners_.Bind();
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) return owners;
      owners[std::string(run.Bytes(1))] = {run.Int(0), static_cast<uint64_t>(run.Int(2)) - 1};
    }
  }

  // `said`: null if the log never spoke of it.
  absl::Status Verify(const std::string& name, const Owner& owner,
                      const LogVerification::Dictionary* said) {
    absl::StatusOr<std::optional<CompactRange>> head = Head(name);
    if (!head.ok()) return head.status();
    const uint64_t size = head->has_value() ? (*head)->size() : 0;
    const std::string root =
        head->has_value() ? absl::Base64Escape(HashBytes((*head)->Root())) : "";
    if ((said == nullptr) != (size == 0) ||
        (said != nullptr && (said->size != size || said->root != root))) {
      Add("dictionary_head", "it is not what the log says last", name);
    }
    if (owner.subjects != size) {
      Add("owner", "it has another number of subjects than its dictionary", name);
    }
    ids_.assign(owner.subjects, std::nullopt);
    absl::Status status = ReadIds(name, owner);
    if (!status.ok()) return status;
    if (std::any_of(ids_.begin(), ids_.end(), [](const auto& id) { return !id.has_value(); })) {
      Add("subject", "somebody who was named is not there", name);
    }
    absl::StatusOr<std::optional<CompactRange>> folded = Fold(name);
    if (!folded.ok()) return folded.status();
    // Nullopt: the key is destroyed, and the ordinals name nobody.
    if (folded->has_value() && size > 0 && (*folded)->Root() != (*head)->Root()) {
      Add("subject, dictionary_opening", "they are not those of the dictionary", name);
    }
    return absl::OkStatus();
  }

 private:
  void Add(const std::string& table, const std::string& what, const std::string& owner) {
    findings_.Add({table, what, owner});
  }

  absl::StatusOr<std::optional<CompactRange>> Head(const std::string& owner) {
    SqlRun run = heads_.Bind(owner);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return std::optional<CompactRange>();
    absl::StatusOr<std::vector<Hash>> hashes = SplitHashes(run.Bytes(1));
    absl::StatusOr<CompactRange> range = absl::DataLossError("no hashes");
    if (hashes.ok()) {
      range = CompactRange::Create(static_cast<uint64_t>(run.Int(0)), *std::move(hashes));
    }
    if (range.ok()) return std::optional<CompactRange>(*std::move(range));
    Add("dictionary_head", "it does not fit its size", owner);
    return std::optional<CompactRange>();
  }

  absl::Status ReadIds(const std::string& name, const Owner& owner) {
    int64_t last_name = 0, last_ordinal = 0;
    for (SqlStatement* const statement : {&subjects_, &former_}) {
      last_name = last_ordinal = 0;
      for (int count = kPage; count == kPage;) {
        count = 0;
        SqlRun run = statement == &former_ ? statement->Bind(owner.id, last_name, last_ordinal)
                                           : statement->Bind(owner.id, last_name);
        for (;; ++count) {
          absl::StatusOr<bool> row = run.Next();
          if (!row.ok()) return row.status();
          if (!*row) break;
          last_name = run.Int(0);
          last_ordinal = run.Int(1);
          const absl::StatusOr<Hash16> id = run.Array<16>(2);
          const auto at = static_cast<uint64_t>(last_ordinal) - 1;
          if (!id.ok() || at >= ids_.size() || (ids_[at] && *ids_[at] != *id)) {
            Add("subject", "its ordinal is another's", name);
          } else {
            ids_[at] = *id;
          }
        }
        findings_.Looked("subject", count);
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<CompactRange>> Fold(const std::string& owner) {
    CompactRange range;
    int64_t last = 0;
    for (int count = kPage; count == kPage;) {
      count = 0;
      SqlRun run = openings_.Bind(owner, last);
      for (;; ++count) {
        absl::StatusOr<bool> row = run.Next();
        if (!row.ok()) return row.status();
        if (!*row) break;
        const uint64_t at = range.size();
        last = run.Int(0);
        if (static_cast<uint64_t>(last) != at + 1 || at >= ids_.size() || !ids_[at]) return range;
        const absl::StatusOr<absl::string_view> salt = opening_->Open(
            OfDictionaryOpening{.owner = owner, .ordinal = static_cast<uint32_t>(last)},
            run.Bytes(1));
        if (absl::IsFailedPrecondition(salt.status())) return std::optional<CompactRange>();
        if (absl::IsDataLoss(salt.status())) {
          Add("dictionary_opening", "it is not what was sealed", owner);
          return std::optional<CompactRange>();
        }
        if (!salt.ok()) return salt.status();
        const absl::string_view id(reinterpret_cast<const char*>(ids_[at]->data()),
                                   ids_[at]->size());
        range.Append(LeafHash(HashBytes(Commitment("dict1", *salt, id))));
      }
      findings_.Looked("dictionary_opening", count);
    }
    return std::optional<CompactRange>(std::move(range));
  }

  const std::unique_ptr<OpeningKeys> opening_;
  StoreFindings& findings_;
  SqlStatement owners_, heads_, subjects_, former_, openings_;
  std::vector<std::optional<Hash16>> ids_;  // of one owner's subjects, by ordinal from 1
};

}  // namespace

absl::Status VerifyDictionaries(
    SqlConnection* connection, const KeyEncryptionKeys* keks,
    const std::map<std::string, LogVerification::Dictionary>& said_by_log,
    StoreFindings* findings) {
  absl::StatusOr<std::unique_ptr<OpeningKeys>> opening = OpeningKeys::Create(connection, keks);
  if (!opening.ok()) return opening.status();
  Dictionaries dictionaries(*std::move(opening), findings);
  if (absl::Status status = dictionaries.Prepare(connection); !status.ok()) return status;
  const absl::StatusOr<std::map<std::string, Owner>> owners = dictionaries.Owners();
  if (!owners.ok()) return owners.status();
  for (const auto& [name, owner] : *owners) {
    const auto said = said_by_log.find(name);
    absl::Status status =
        dictionaries.Verify(name, owner, said == said_by_log.end() ? nullptr : &said->second);
    if (!status.ok()) return status;
  }
  for (const auto& [name, said] : said_by_log) {
    if (owners->count(name) == 0) {
      findings->Add({"owner", "it is in the log and not in the store", name});
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
