#include "server/audit/signed_note.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/audit/merkle.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kSignaturePrefix = "\xE2\x80\x94 ";  // an em dash and a space
constexpr size_t kMaxNoteBytes = 1 << 16;
constexpr size_t kMaxSignatures = 100;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

bool Verifies(absl::string_view public_key, absl::string_view text, absl::string_view signature) {
  std::unique_ptr<EVP_PKEY, Free> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const uint8_t*>(public_key.data()),
      public_key.size()));
  std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const uint8_t*>(signature.data()),
                          signature.size(), reinterpret_cast<const uint8_t*>(text.data()),
                          text.size()) == 1;
}

// Base64 with padding, of exactly the form that an encoder gives: nothing is skipped or implied.
bool DecodeBase64(absl::string_view text, std::string* bytes) {
  return absl::Base64Unescape(text, bytes) && absl::Base64Escape(*bytes) == text;
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a signed note: ", what));
}

}  // namespace

std::array<uint8_t, 4> NoteKeyId(absl::string_view name, absl::string_view public_key) {
  const Hash hash = Sha256(absl::StrCat(name, "\n\x01", public_key));
  std::array<uint8_t, 4> id;
  std::memcpy(id.data(), hash.data(), id.size());
  return id;
}

bool IsNoteName(absl::string_view name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '+';
  });
}

absl::StatusOr<NoteVerifier> NoteVerifier::Create(absl::string_view vkey) {
  const absl::Status malformed = absl::InvalidArgumentError("not a verifier key");
  // The base64 part may hold plus signs of its own.
  const std::pair<absl::string_view, absl::string_view> name =
      absl::StrSplit(vkey, absl::MaxSplits('+', 1));
  const std::pair<absl::string_view, absl::string_view> id =
      absl::StrSplit(name.second, absl::MaxSplits('+', 1));
  std::string key;
  if (!IsNoteName(name.first) || !DecodeBase64(id.second, &key) || key.size() != 33 ||
      key[0] != 0x01) {
    return malformed;
  }
  NoteVerifier verifier;
  verifier.name_ = std::string(name.first);
  verifier.public_key_ = key.substr(1);
  verifier.id_ = NoteKeyId(verifier.name_, verifier.public_key_);
  const absl::string_view id_bytes(reinterpret_cast<const char*>(verifier.id_.data()), 4);
  if (id.first != absl::BytesToHexString(id_bytes)) return malformed;
  return verifier;
}

absl::StatusOr<std::string> NoteVerifier::Open(absl::string_view note) const {
  if (note.size() > kMaxNoteBytes) return Malformed("too long");
  for (char c : note) {
    if (static_cast<uint8_t>(c) < 0x20 && c != '\n') return Malformed("a control character");
  }
  // The signatures follow the last empty line.
  const size_t split = note.rfind("\n\n");
  if (split == absl::string_view::npos || note.back() != '\n') return Malformed("no signatures");
  const absl::string_view text = note.substr(0, split + 1);
  absl::string_view lines = note.substr(split + 2);
  if (lines.empty()) return Malformed("no signatures");
  lines.remove_suffix(1);

  int ours = 0;
  size_t count = 0;
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    if (++count > kMaxSignatures) return Malformed("too many signatures");
    if (!absl::StartsWith(line, kSignaturePrefix)) return Malformed("a line that is no signature");
    line.remove_prefix(kSignaturePrefix.size());
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    std::string signature;
    if (!IsNoteName(parts.first) || !DecodeBase64(parts.second, &signature) ||
        signature.size() < 5) {
      return Malformed("a line that is no signature");
    }
    if (parts.first != name_ || std::memcmp(signature.data(), id_.data(), id_.size()) != 0) {
      continue;
    }
    if (++ours > 1) return absl::UnauthenticatedError("the note is signed twice by one key");
    if (!Verifies(public_key_, text, absl::string_view(signature).substr(4))) {
      return absl::UnauthenticatedError("the note's signature does not verify");
    }
  }
  if (ours == 0) return absl::UnauthenticatedError("the note is not signed by this key");
  return std::string(text);
}

}  // namespace sluice::server
