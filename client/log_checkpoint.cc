#include "client/log_checkpoint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "policy/canonical_form.h"

namespace sluice::client {
namespace {

constexpr size_t kMaxNoteBytes = 1 << 20;
constexpr size_t kMaxSignatures = 100;
constexpr size_t kIdBytes = 4;
constexpr size_t kPublicKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;
constexpr char kSignaturePrefix[] = "\xE2\x80\x94 ";  // an em dash and a space

absl::Status Refused(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("the checkpoint ", why));
}

bool HasControlCharacter(absl::string_view note) {
  return std::any_of(note.begin(), note.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

}  // namespace

std::optional<std::string> StrictBase64(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text) {
    return std::nullopt;
  }
  return bytes;
}

std::string NoteKeyId(absl::string_view name, absl::string_view typed_key) {
  const std::string input = absl::StrCat(name, "\n", typed_key);
  unsigned char hash[EVP_MAX_MD_SIZE] = {};
  if (EVP_Digest(input.data(), input.size(), hash, nullptr, EVP_sha256(), nullptr) != 1) return "";
  return std::string(reinterpret_cast<const char*>(hash), kIdBytes);
}

absl::StatusOr<NoteKey> ParseNoteKey(absl::string_view vkey, char type) {
  vkey = absl::StripTrailingAsciiWhitespace(vkey);
  const auto wrong = [](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("the verifier key ", why));
  };
  // The base64 may hold a "+", so only the first two part.
  const std::vector<std::string> parts = absl::StrSplit(vkey, absl::MaxSplits('+', 2));
  if (parts.size() != 3) return wrong("must be NAME+ID+KEY");
  NoteKey key;
  key.text = std::string(vkey);
  key.name = parts[0];
  const bool named = !key.name.empty() && std::all_of(key.name.begin(), key.name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20;
  });
  if (!named) return wrong("has no name");
  if (parts[1].size() != 2 * kIdBytes ||
      parts[1].find_first_not_of("0123456789abcdef") != std::string::npos) {
    return wrong("has an id that is not 8 lower-case hexadecimal digits");
  }
  const std::string id = absl::HexStringToBytes(parts[1]);
  const std::optional<std::string> bytes = StrictBase64(parts[2]);
  if (!bytes.has_value() || bytes->size() != 1 + kPublicKeyBytes) {
    return wrong("is no Ed25519 key in base64");
  }
  if (bytes->front() != type) {
    return wrong(type == kEd25519Type ? "is not one of a log" : "is not one of a witness");
  }
  if (NoteKeyId(key.name, *bytes) != id) return wrong("has an id that is not its own");
  key.id = id;
  key.public_key = bytes->substr(1);
  return key;
}

absl::StatusOr<LogVerifierKey> LogVerifierKey::Parse(absl::string_view vkey) {
  absl::StatusOr<NoteKey> key = ParseNoteKey(vkey, kEd25519Type);
  if (!key.ok()) return key.status();
  return LogVerifierKey(*std::move(key));
}

bool VerifyEd25519(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature) {
  struct Free {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };
  const std::unique_ptr<EVP_PKEY, Free> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(public_key.data()),
      public_key.size()));
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                          message.size()) == 1;
}

absl::StatusOr<SignedNote> ParseSignedNote(absl::string_view note) {
  if (note.size() > kMaxNoteBytes) return Refused("is larger than 1 MiB");
  if (HasControlCharacter(note)) return Refused("has a control character");
  if (!policy::IsValidUtf8(note)) return Refused("is not UTF-8");
  const size_t gap = note.rfind("\n\n");
  if (gap == absl::string_view::npos || !absl::EndsWith(note, "\n")) {
    return Refused("is no signed note");
  }
  SignedNote parsed;
  parsed.text = std::string(note.substr(0, gap + 1));
  absl::string_view signatures = note.substr(gap + 2);
  if (signatures.empty()) return Refused("is not signed");
  signatures.remove_suffix(1);
  for (absl::string_view line : absl::StrSplit(signatures, '\n')) {
    if (parsed.signatures.size() == kMaxSignatures) return Refused("has more than 100 signatures");
    if (!absl::ConsumePrefix(&line, kSignaturePrefix)) {
      return Refused("has a signature line of another form");
    }
    const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
    if (parts.size() != 2 || parts[0].empty() || absl::StrContains(parts[0], '+')) {
      return Refused("has a signature line of another form");
    }
    const std::optional<std::string> bytes = StrictBase64(parts[1]);
    if (!bytes.has_value() || bytes->size() <= kIdBytes) {
      return Refused("has a signature that is no base64");
    }
    parsed.signatures.push_back(
        {std::string(parts[0]), bytes->substr(0, kIdBytes), bytes->substr(kIdBytes)});
  }
  return parsed;
}

absl::StatusOr<TreeHead> ParseTreeHead(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() < 4 || !lines.back().empty()) return Refused("has no origin, size and root");
  TreeHead head;
  head.origin = std::string(lines[0]);
  if (head.origin.empty()) return Refused("has no origin");
  if (!absl::SimpleAtoi(lines[1], &head.size) || absl::StrCat(head.size) != lines[1]) {
    return Refused("has a size that is no number");
  }
  const std::optional<std::string> root = StrictBase64(lines[2]);
  if (!root.has_value() || root->size() != head.root.size()) {
    return Refused("has a root that is no hash");
  }
  std::copy(root->begin(), root->end(), head.root.begin());
  for (size_t i = 3; i + 1 < lines.size(); ++i) {
    if (lines[i].empty()) return Refused("has an empty extension line");
    head.extended = true;
  }
  return head;
}

absl::StatusOr<LogCheckpoint> OpenCheckpoint(absl::string_view note, const LogVerifierKey& key) {
  const absl::StatusOr<SignedNote> parsed = ParseSignedNote(note);
  if (!parsed.ok()) return parsed.status();
  bool verified = false;
  for (const NoteSignature& signature : parsed->signatures) {
    // Others may sign, too: witnesses, and keys to come.
    if (!key.IsOf(signature)) continue;
    if (verified) return Refused("is signed twice by the log's key");
    if (signature.bytes.size() != kSignatureBytes || !key.Verify(parsed->text, signature.bytes)) {
      return Refused("has a signature of the log's key that does not verify");
    }
    verified = true;
  }
  if (!verified) return Refused(absl::StrCat("is not signed by the key ", key.name()));

  const absl::StatusOr<TreeHead> head = ParseTreeHead(parsed->text);
  if (!head.ok()) return head.status();
  if (head->origin != key.name()) return Refused("is of another log than its key");
  // A log of ours has none, and what they say is not known here.
  if (head->extended) return Refused("has not exactly an origin, a size and a root");
  LogCheckpoint checkpoint;
  checkpoint.note = std::string(note);
  checkpoint.origin = head->origin;
  checkpoint.size = head->size;
  checkpoint.root = head->root;
  return checkpoint;
}

}  // namespace sluice::client
