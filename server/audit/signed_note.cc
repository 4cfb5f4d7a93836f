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

// Base64 with padding, of exactly the form that an encoder gives: nothing is skipped or implied.
bool DecodeBase64(absl::string_view text, std::string* bytes) {
  return absl::Base64Unescape(text, bytes) && absl::Base64Escape(*bytes) == text;
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a signed note: ", what));
}

}  // namespace

std::array<uint8_t, 4> NoteKeyId(absl::string_view name, absl::string_view public_key, char type) {
  const Hash hash = Sha256(absl::StrCat(name, "\n", absl::string_view(&type, 1), public_key));
  std::array<uint8_t, 4> id;
  std::memcpy(id.data(), hash.data(), id.size());
  return id;
}

bool IsNoteName(absl::string_view name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '+';
  });
}

absl::StatusOr<NoteKey> ParseVkey(absl::string_view vkey, char type) {
  const absl::Status malformed = absl::InvalidArgumentError("not a verifier key");
  // The base64 part may hold plus signs of its own.
  const std::pair<absl::string_view, absl::string_view> name =
      absl::StrSplit(vkey, absl::MaxSplits('+', 1));
  const std::pair<absl::string_view, absl::string_view> id =
      absl::StrSplit(name.second, absl::MaxSplits('+', 1));
  std::string key;
  if (!IsNoteName(name.first) || !DecodeBase64(id.second, &key) || key.size() != 33 ||
      key[0] != type) {
    return malformed;
  }
  NoteKey parsed;
  parsed.name = std::string(name.first);
  parsed.public_key = key.substr(1);
  const std::array<uint8_t, 4> own = NoteKeyId(parsed.name, parsed.public_key, type);
  parsed.id.assign(reinterpret_cast<const char*>(own.data()), own.size());
  if (id.first != absl::BytesToHexString(parsed.id)) return malformed;
  return parsed;
}

bool VerifiesEd25519(absl::string_view public_key, absl::string_view message,
                     absl::string_view signature) {
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_PKEY, Free> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const uint8_t*>(public_key.data()),
      public_key.size()));
  std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const uint8_t*>(signature.data()),
                          signature.size(), reinterpret_cast<const uint8_t*>(message.data()),
                          message.size()) == 1;
}

absl::StatusOr<std::vector<NoteLine>> ParseNoteLines(absl::string_view lines) {
  if (lines.empty() || lines.back() != '\n') return Malformed("no signatures");
  lines.remove_suffix(1);
  std::vector<NoteLine> parsed;
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    if (parsed.size() == kMaxSignatures) return Malformed("too many signatures");
    NoteLine& one = parsed.emplace_back();
    one.text = absl::StrCat(line, "\n");
    if (!absl::StartsWith(line, kSignaturePrefix)) return Malformed("a line that is no signature");
    line.remove_prefix(kSignaturePrefix.size());
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    if (!IsNoteName(parts.first) || !DecodeBase64(parts.second, &one.signature) ||
        one.signature.size() < 5) {
      return Malformed("a line that is no signature");
    }
    one.name = std::string(parts.first);
    one.id = one.signature.substr(0, 4);
    one.signature.erase(0, 4);
  }
  return parsed;
}

absl::StatusOr<NoteVerifier> NoteVerifier::Create(absl::string_view vkey) {
  absl::StatusOr<NoteKey> key = ParseVkey(vkey, kNoteSignature);
  if (!key.ok()) return key.status();
  return NoteVerifier(*std::move(key));
}

absl::StatusOr<std::string> NoteVerifier::Open(absl::string_view note) const {
  if (note.size() > kMaxNoteBytes) return Malformed("too long");
  for (char c : note) {
    if (static_cast<uint8_t>(c) < 0x20 && c != '\n') return Malformed("a control character");
  }
  // The signatures follow the last empty line.
  const size_t split = note.rfind("\n\n");
  if (split == absl::string_view::npos) return Malformed("no signatures");
  const absl::string_view text = note.substr(0, split + 1);
  const absl::StatusOr<std::vector<NoteLine>> lines = ParseNoteLines(note.substr(split + 2));
  if (!lines.ok()) return lines.status();
  int ours = 0;
  for (const NoteLine& line : *lines) {
    if (line.name != key_.name || line.id != key_.id) continue;
    if (++ours > 1) return absl::UnauthenticatedError("the note is signed twice by one key");
    if (!VerifiesEd25519(key_.public_key, text, line.signature)) {
      return absl::UnauthenticatedError("the note's signature does not verify");
    }
  }
  if (ours == 0) return absl::UnauthenticatedError("the note is not signed by this key");
  return std::string(text);
}

}  // namespace sluice::server
