#include "server/audit/log_key.h"

#include <openssl/evp.h>

#include <array>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/audit/signed_note.h"

namespace sluice::server {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct LogKey::Rep {
  std::unique_ptr<EVP_PKEY, Free> key;
  std::string key_id;  // 4 bytes
};

LogKey::LogKey() : rep_(std::make_unique<Rep>()) {}
LogKey::~LogKey() = default;

absl::StatusOr<std::unique_ptr<const LogKey>> LogKey::Create(const policy::Secret& seed,
                                                             absl::string_view origin) {
  if (!IsNoteName(origin)) {
    return absl::InvalidArgumentError("the log's origin must be free of spaces and plus signs");
  }
  if (seed.size() != 32) return absl::InvalidArgumentError("the log's key must have 32 bytes");
  std::unique_ptr<LogKey> key = absl::WrapUnique(new LogKey());
  key->rep_->key.reset(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.bytes().data(), seed.size()));
  std::array<uint8_t, 32> public_bytes;
  size_t size = public_bytes.size();
  if (key->rep_->key == nullptr ||
      EVP_PKEY_get_raw_public_key(key->rep_->key.get(), public_bytes.data(), &size) != 1 ||
      size != public_bytes.size()) {
    return absl::InternalError("the log's key can't be used");
  }
  const absl::string_view public_key(reinterpret_cast<const char*>(public_bytes.data()), size);
  const std::array<uint8_t, 4> id = NoteKeyId(origin, public_key);
  key->rep_->key_id.assign(reinterpret_cast<const char*>(id.data()), id.size());
  key->origin_ = std::string(origin);
  key->vkey_ = absl::StrCat(origin, "+", absl::BytesToHexString(key->rep_->key_id), "+",
                            absl::Base64Escape(absl::StrCat("\x01", public_key)));
  return key;
}

absl::StatusOr<std::string> LogKey::SignNote(absl::string_view text) const {
  if (text.empty() || !absl::EndsWith(text, "\n")) {
    return absl::InvalidArgumentError("a note's text ends in a newline");
  }
  std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  std::array<uint8_t, 64> signature;
  size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, rep_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size,
                     reinterpret_cast<const uint8_t*>(text.data()), text.size()) != 1 ||
      size != signature.size()) {
    return absl::InternalError("the log's key can't sign");
  }
  const absl::string_view raw(reinterpret_cast<const char*>(signature.data()), size);
  return absl::StrCat(text, "\n\xE2\x80\x94 ", origin_, " ",
                      absl::Base64Escape(absl::StrCat(rep_->key_id, raw)), "\n");
}

}  // namespace sluice::server
