#include "server/key_manifest.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "policy/digest.h"

namespace sluice::server {
namespace {

constexpr char kFirstLine[] = "sluice keys 1\n";
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%SZ";
constexpr char kCreated[] = "created=";
constexpr char kDestroyed[] = "destroyed=";
constexpr char kEnd[] = "end ";
constexpr char kOnToken[] = "pkcs11:";
constexpr char kInFile[] = "sha256:";
constexpr size_t kReferenceBytes = 32;

absl::string_view BytesOf(const policy::Secret& secret) {
  return absl::string_view(reinterpret_cast<const char*>(secret.bytes().data()), secret.size());
}

std::string LastLine(absl::string_view before) {
  return absl::StrCat(kEnd, policy::Sha256Digest(before), "\n");
}

std::optional<absl::Time> ParseTimeOf(absl::string_view label, absl::string_view word) {
  absl::Time time;
  std::string error;
  if (!absl::ConsumePrefix(&word, label) ||
      !absl::ParseTime(kTimeFormat, word, absl::UTCTimeZone(), &time, &error)) {
    return std::nullopt;
  }
  return time;
}

bool IsDigest(absl::string_view word) {
  return (absl::ConsumePrefix(&word, kInFile) || absl::ConsumePrefix(&word, kOnToken)) &&
         word.size() == 64 && std::all_of(word.begin(), word.end(), [](unsigned char c) {
           return absl::ascii_isxdigit(c) && !absl::ascii_isupper(c);
         });
}

std::optional<MadeKey> ParseLine(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() < 3 || words.size() > 4 || !IsDigest(words[1])) return std::nullopt;
  MadeKey made{.name = std::string(words[0]), .digest = std::string(words[1])};
  const std::optional<absl::Time> created = ParseTimeOf(kCreated, words[2]);
  if (!created) return std::nullopt;
  made.created = *created;
  if (words.size() == 4 && !(made.destroyed = ParseTimeOf(kDestroyed, words[3]))) {
    return std::nullopt;
  }
  return made;
}

}  // namespace

std::string KeyTimeText(absl::Time time) {
  return absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone());
}

std::string KeyDigest(absl::string_view name, const policy::Secret& content) {
  policy::Secret labelled(name.size() + 1 + content.size());
  const absl::Span<uint8_t> out = labelled.mutable_bytes();
  std::copy(name.begin(), name.end(), out.begin());
  std::copy(content.bytes().begin(), content.bytes().end(), out.begin() + name.size() + 1);
  const std::string digest = policy::Sha256Digest(BytesOf(labelled));
  if (!IsTokenReference(content)) return digest;
  return absl::StrCat(kOnToken, absl::StripPrefix(digest, kInFile));
}

absl::StatusOr<policy::Secret> MakeTokenReference() {
  std::array<uint8_t, kReferenceBytes> random;
  if (RAND_bytes(random.data(), random.size()) != 1) {
    return absl::InternalError("the system has no randomness to name a key by");
  }
  return policy::Secret::Copy(absl::StrCat(
      kOnToken, absl::string_view(reinterpret_cast<const char*>(random.data()), random.size())));
}

bool IsTokenReference(const policy::Secret& content) {
  return content.size() == sizeof kOnToken - 1 + kReferenceBytes &&
         absl::StartsWith(BytesOf(content), kOnToken);
}

std::optional<std::string> TokenIdOf(const std::string& digest) {
  if (!absl::StartsWith(digest, kOnToken)) return std::nullopt;
  return absl::HexStringToBytes(absl::StripPrefix(digest, kOnToken));
}

std::string ManifestText(const KeyManifest& manifest) {
  std::string text = kFirstLine;
  for (const auto& [name, made] : manifest) {
    absl::StrAppend(&text, name, " ", made.digest, " ", kCreated, KeyTimeText(made.created));
    if (made.destroyed) absl::StrAppend(&text, " ", kDestroyed, KeyTimeText(*made.destroyed));
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppend(&text, LastLine(text));
  return text;
}

std::optional<KeyManifest> ParseManifest(absl::string_view text) {
  const size_t end = text.rfind(kEnd);
  if (end == absl::string_view::npos) return std::nullopt;
  absl::string_view lines = text.substr(0, end);
  if (!absl::ConsumePrefix(&lines, kFirstLine)) return std::nullopt;
  KeyManifest manifest;
  for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    std::optional<MadeKey> made = ParseLine(line);
    if (!made) return std::nullopt;
    std::string name = made->name;
    manifest.emplace(std::move(name), *std::move(made));
  }
  // One form, its last line included: what would be written otherwise was not written by us.
  if (ManifestText(manifest) != text) return std::nullopt;
  return manifest;
}

}  // namespace sluice::server
