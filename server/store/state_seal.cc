#include "server/store/state_seal.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace sluice::server {
namespace {

constexpr size_t kHalf = sizeof(Hash16);

absl::StatusOr<SetDigest> Empty(const SealKeys& keys) { return keys.DigestOf("state", ""); }

// A MAC as a member: its halves.
absl::Status Toggle(absl::string_view mac, SetDigest& digest) {
  if (mac.size() != sizeof(Hash)) return absl::DataLossError("a stored seal has another length");
  Hash16 id;
  std::copy_n(mac.begin(), kHalf, id.begin());
  digest.Toggle(id, mac.substr(kHalf));
  return absl::OkStatus();
}

absl::string_view View(const Hash& hash) {
  return absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
}

std::string Words(const StateRow& row) {
  std::string words = "state";
  AppendSealed(row.through, words);
  AppendSealed(static_cast<uint64_t>(row.members), words);
  return words;
}

absl::Status NotSealed() {
  return absl::DataLossError(
      "MOU versions and organizations are not those that were sealed: restore the store");
}

absl::StatusOr<Hash16> OpenState(const SealKeys& keys, const StateRow& row) {
  if (row.seal.empty() && row.through == 0 && row.members == 0) return Hash16{};
  absl::StatusOr<Hash16> digest = keys.Open(Words(row), row.seal);
  if (absl::IsDataLoss(digest.status())) return NotSealed();
  return digest;
}

}  // namespace

absl::StatusOr<Hash> MacOf(const SealKeys& keys, const StoredMouVersion& version) {
  // Without a standing, as before there were any.
  std::string words = version.standing.empty() ? "mou_version" : "mou_version under a standing";
  if (!version.standing.empty()) AppendSealed(version.standing, words);
  AppendSealed(version.mou, words);
  AppendSealed(static_cast<uint64_t>(version.version), words);
  AppendSealed(version.document, words);
  AppendSealed(version.state, words);
  AppendSealed(version.log_index, words);
  AppendSealed(version.root_check, words);
  std::vector<const StoredSignature*> signatures;
  for (const StoredSignature& signature : version.signatures) signatures.push_back(&signature);
  std::sort(signatures.begin(), signatures.end(),
            [](const auto* a, const auto* b) { return a->organization < b->organization; });
  for (const StoredSignature* signature : signatures) {
    AppendSealed(signature->organization, words);
    AppendSealed(signature->cms_der, words);
    AppendSealed(static_cast<uint64_t>(absl::ToUnixMicros(signature->received)), words);
  }
  return keys.Mac(words);
}

absl::StatusOr<Hash> MacOf(const SealKeys& keys, const StoredOrganization& organization) {
  std::string words = "organization";
  for (const std::string* text :
       {&organization.name, &organization.display_name, &organization.ca_bundle, &organization.crl,
        &organization.signatory_bundle, &organization.signatory_crl}) {
    AppendSealed(*text, words);
  }
  AppendSealed(organization.log_index, words);
  return keys.Mac(words);
}

absl::Status CheckMac(const absl::StatusOr<Hash>& mac, absl::string_view stored) {
  if (!mac.ok()) return mac.status();
  const bool sound =
      stored.size() == mac->size() && CRYPTO_memcmp(stored.data(), mac->data(), mac->size()) == 0;
  return sound ? absl::OkStatus() : absl::DataLossError("not what was sealed: restore the store");
}

absl::StatusOr<StateRow> ReadStateRow(SqlStatement& find) {
  SqlRun run = find.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return NotSealed();
  return StateRow{.through = static_cast<uint64_t>(run.Int(0)),
                  .members = run.Int(1),
                  .seal = std::string(run.Bytes(2))};
}

absl::Status CheckState(const SealKeys& keys, const StateRow& row,
                        const std::vector<StoredMouVersion>& versions,
                        const std::vector<StoredOrganization>& organizations) {
  absl::StatusOr<SetDigest> found = Empty(keys);
  if (!found.ok()) return found.status();
  const auto add = [&](const auto& members) -> absl::Status {
    for (const auto& member : members) {
      const absl::StatusOr<Hash> mac = MacOf(keys, member);
      if (!mac.ok()) return mac.status();
      if (absl::Status status = Toggle(View(*mac), *found); !status.ok()) return status;
      // No member is of an entry that the seal does not know.
      if (member.log_index >= row.through) return NotSealed();
    }
    return absl::OkStatus();
  };
  absl::Status status = add(versions);
  if (status.ok()) status = add(organizations);
  if (!status.ok()) return status;
  const absl::StatusOr<Hash16> sealed = OpenState(keys, row), digest = found->Value();
  if (!sealed.ok()) return sealed.status();
  if (!digest.ok()) return digest.status();
  const auto members = static_cast<int64_t>(versions.size() + organizations.size());
  return *sealed == *digest && members == row.members ? absl::OkStatus() : NotSealed();
}

absl::StatusOr<std::unique_ptr<StateSeal>> StateSeal::Create(SqlConnection* connection,
                                                             const SealKeys* keys,
                                                             HighWaterMarks* marks) {
  std::unique_ptr<StateSeal> seal(new StateSeal(keys, marks));
  absl::Status status = PrepareAll(
      connection, {{&seal->find_, kFindStateRow},
                   {&seal->write_,
                    "UPDATE state_seal SET through = $1, members = $2, seal = $3 WHERE id = 1"}});
  if (!status.ok()) return status;
  return seal;
}

absl::StatusOr<SetDigest> StateSeal::Open(const StateRow& row) {
  if (row.through < std::max(marks_.group().state, marks_.state())) return NotSealed();
  const absl::StatusOr<Hash16> before = OpenState(*keys_, row);
  if (!before.ok()) return before.status();
  absl::StatusOr<SetDigest> digest = Empty(*keys_);
  if (digest.ok()) digest->ToggleAll(*before);
  return digest;
}

absl::Status StateSeal::Replace(absl::string_view before, const Hash& now, uint64_t log_index) {
  absl::StatusOr<StateRow> row = ReadStateRow(find_);
  if (!row.ok()) return row.status();
  absl::StatusOr<SetDigest> digest = Open(*row);
  if (!digest.ok()) return digest.status();
  absl::Status status = before.empty() ? absl::OkStatus() : Toggle(before, *digest);
  if (status.ok()) status = Toggle(View(now), *digest);
  if (!status.ok()) return status;
  if (before.empty()) ++row->members;
  row->through = std::max(row->through, log_index + 1);
  return Write(*std::move(row), *std::move(digest));
}

absl::Status StateSeal::Advance(uint64_t through) {
  absl::StatusOr<StateRow> row = ReadStateRow(find_);
  if (!row.ok()) return row.status();
  absl::StatusOr<SetDigest> digest = Open(*row);
  if (!digest.ok()) return digest.status();
  if (through <= row->through) return absl::OkStatus();
  row->through = through;
  return Write(*std::move(row), *std::move(digest));
}

absl::Status StateSeal::Write(StateRow row, SetDigest digest) {
  const absl::StatusOr<Hash16> value = digest.Value();
  if (!value.ok()) return value.status();
  const absl::StatusOr<std::string> seal = keys_->Seal(Words(row), *value);
  if (!seal.ok()) return seal.status();
  marks_.group().state = row.through;
  return write_.Bind(row.through, row.members, SqlBlob(*seal)).Finish();
}

}  // namespace sluice::server
