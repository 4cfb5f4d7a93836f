#include "server/store/name_hash.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/hkdf.h"

namespace sluice::server {
namespace {

constexpr size_t kKeyBytes = 32;

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};

char kSha256[] = "SHA256";

absl::string_view View(const Hash16& hash) {
  return absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
}

// Eight bytes each, big-endian.
std::string Joined(std::initializer_list<int64_t> numbers) {
  std::string bytes;
  for (const int64_t number : numbers) {
    const uint64_t wire = htobe64(static_cast<uint64_t>(number));
    bytes.append(reinterpret_cast<const char*>(&wire), sizeof wire);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<NameHasher::Context> NameHasher::Derive(const policy::Secret& key,
                                                       absl::string_view use) {
  absl::StatusOr<policy::Secret> subkey =
      HkdfSha256(key, "", absl::StrCat("sluice/v1/store/", use));
  if (!subkey.ok()) return subkey.status();
  std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (mac == nullptr) return absl::InternalError("no HMAC");
  Context context(EVP_MAC_CTX_new(mac.get()));
  if (context == nullptr) return absl::InternalError("no HMAC context");
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, kSha256, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_init(context.get(), subkey->bytes().data(), subkey->size(), parameters) != 1) {
    return absl::InternalError("HMAC failed");
  }
  return context;
}

absl::StatusOr<std::unique_ptr<NameHasher>> NameHasher::Create(const policy::Secret& key) {
  if (key.size() < kKeyBytes) {
    return absl::InvalidArgumentError("the store's hash key has less than 32 bytes");
  }
  std::unique_ptr<NameHasher> hasher(new NameHasher);
  const std::pair<absl::string_view, Context*> uses[] = {
      {"record-key", &hasher->record_key_},     {"key-tie", &hasher->key_tie_},
      {"subject-name", &hasher->subject_name_}, {"subject-tie", &hasher->subject_tie_},
      {"history-tie", &hasher->history_tie_},   {"person", &hasher->person_},
      {"request", &hasher->request_},           {"content", &hasher->content_},
      {"decided", &hasher->decided_},           {"key-check", &hasher->key_check_}};
  for (const auto& [use, context] : uses) {
    absl::StatusOr<Context> derived = Derive(key, use);
    if (!derived.ok()) return derived.status();
    *context = *std::move(derived);
  }
  return hasher;
}

absl::StatusOr<Hash16> NameHasher::Hash(const Context& context,
                                        std::initializer_list<absl::string_view> parts) {
  // Without a key: the same key again, from the beginning.
  bool ok = EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1;
  for (const absl::string_view part : parts) {
    const auto size = static_cast<uint32_t>(part.size());
    const uint8_t prefix[] = {static_cast<uint8_t>(size >> 24), static_cast<uint8_t>(size >> 16),
                              static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
    ok = ok && part.size() <= UINT32_MAX &&
         EVP_MAC_update(context.get(), prefix, sizeof prefix) == 1 &&
         EVP_MAC_update(context.get(), reinterpret_cast<const uint8_t*>(part.data()),
                        part.size()) == 1;
  }
  std::array<uint8_t, 32> whole;
  size_t size = 0;
  ok = ok && EVP_MAC_final(context.get(), whole.data(), &size, whole.size()) == 1;
  if (!ok || size != whole.size()) return absl::InternalError("HMAC failed");
  Hash16 hash;
  std::copy_n(whole.begin(), hash.size(), hash.begin());
  return hash;
}

absl::StatusOr<Hash16> NameHasher::RecordKey(absl::string_view owner, absl::string_view record_type,
                                             absl::string_view key) const {
  return Hash(record_key_, {owner, record_type, key});
}

absl::StatusOr<Hash16> NameHasher::KeyTie(const Hash16& key, const Hash16& record_id) const {
  return Hash(key_tie_, {View(key), View(record_id)});
}

absl::StatusOr<Hash16> NameHasher::SubjectName(absl::string_view owner, absl::string_view id_space,
                                               absl::string_view id) const {
  return Hash(subject_name_, {owner, id_space, id});
}

absl::StatusOr<Hash16> NameHasher::SubjectTie(const SubjectRow& row) const {
  const std::string numbers = Joined({row.owner, row.name, row.ordinal});
  return Hash(subject_tie_, {View(row.name_hash), numbers, View(row.subject_id)});
}

absl::StatusOr<Hash16> NameHasher::HistoryTie(const HistoryRow& row) const {
  const std::string numbers =
      Joined({row.position, row.collection, row.content_position, row.sealed_position});
  return Hash(history_tie_, {View(row.record_id), numbers});
}

absl::StatusOr<Hash16> NameHasher::Person(absl::string_view owner, absl::string_view person) const {
  return Hash(person_, {owner, person});
}

absl::StatusOr<Hash16> NameHasher::Request(absl::string_view principal,
                                           absl::string_view request_id) const {
  return Hash(request_, {principal, request_id});
}

absl::StatusOr<Hash16> NameHasher::Content(absl::string_view kind, absl::string_view owner,
                                           absl::string_view record_type,
                                           absl::string_view digest) const {
  return Hash(content_, {kind, owner, record_type, digest});
}

absl::StatusOr<Hash16> NameHasher::Decided(absl::string_view principal,
                                           const Hash16& decision_id) const {
  return Hash(decided_, {principal, View(decision_id)});
}

absl::StatusOr<Hash16> NameHasher::KeyCheck() const { return Hash(key_check_, {}); }

}  // namespace sluice::server
