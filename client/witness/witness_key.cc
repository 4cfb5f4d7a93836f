#include "client/witness/witness_key.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::witness {
namespace {

constexpr char kType = '\x04';
constexpr char kSecretPrefix[] = "PRIVATE+KEY+";
constexpr size_t kKeyBytes = 32;
constexpr size_t kTimeBytes = 8;
constexpr size_t kSignatureBytes = 64;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string Message(absl::string_view text, uint64_t seconds) {
  return absl::StrCat("cosignature/v1\ntime ", seconds, "\n", text);
}

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '+';
  });
}

}  // namespace

absl::StatusOr<WitnessKey> WitnessKey::Create(absl::string_view name, KeyPtr key) {
  if (!IsName(name)) {
    return absl::InvalidArgumentError(
        "a witness's name must be 1 to 255 visible ASCII characters, none of them a plus");
  }
  std::string typed_key(1 + kKeyBytes, kType);
  size_t size = kKeyBytes;
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(&typed_key[1]),
                                  &size) != 1 ||
      size != kKeyBytes) {
    return absl::InternalError("the witness's key can't be used");
  }
  WitnessKey made;
  made.key_ = std::move(key);
  made.name_ = std::string(name);
  made.id_ = client::NoteKeyId(name, typed_key);
  if (made.id_.empty()) return absl::InternalError("SHA-256 can't be had");
  made.vkey_ =
      absl::StrCat(name, "+", absl::BytesToHexString(made.id_), "+", absl::Base64Escape(typed_key));
  return made;
}

absl::StatusOr<WitnessKey> WitnessKey::Generate(absl::string_view name) {
  return Create(name, KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")));
}

absl::StatusOr<WitnessKey> WitnessKey::Parse(const policy::Secret& secret) {
  const auto wrong = [] { return absl::InvalidArgumentError("the witness's key is no such key"); };
  absl::string_view text(reinterpret_cast<const char*>(secret.bytes().data()), secret.size());
  text = absl::StripTrailingAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&text, kSecretPrefix)) return wrong();
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('+', 2));
  if (parts.size() != 3) return wrong();
  std::string typed_seed;
  const bool decoded = absl::Base64Unescape(parts[2], &typed_seed);
  KeyPtr key;
  if (decoded && typed_seed.size() == 1 + kKeyBytes && typed_seed[0] == kType) {
    key.reset(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(typed_seed) + 1, kKeyBytes));
  }
  OPENSSL_cleanse(typed_seed.data(), typed_seed.size());
  if (key == nullptr) return wrong();
  absl::StatusOr<WitnessKey> made = Create(parts[0], std::move(key));
  if (made.ok() && absl::BytesToHexString(made->id_) != parts[1]) return wrong();
  return made;
}

absl::StatusOr<policy::Secret> WitnessKey::SecretText() const {
  std::array<uint8_t, 1 + kKeyBytes> typed_seed = {kType};
  size_t size = kKeyBytes;
  if (EVP_PKEY_get_raw_private_key(key_.get(), typed_seed.data() + 1, &size) != 1 ||
      size != kKeyBytes) {
    return absl::InternalError("the witness's key can't be read");
  }
  std::string base64 = absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(typed_seed.data()), typed_seed.size()));
  std::string text =
      absl::StrCat(kSecretPrefix, name_, "+", absl::BytesToHexString(id_), "+", base64, "\n");
  policy::Secret secret = policy::Secret::Copy(text);
  OPENSSL_cleanse(typed_seed.data(), typed_seed.size());
  OPENSSL_cleanse(base64.data(), base64.size());
  OPENSSL_cleanse(text.data(), text.size());
  return secret;
}

absl::StatusOr<std::string> WitnessKey::Cosign(absl::string_view text, absl::Time time) const {
  const int64_t seconds = absl::ToUnixSeconds(time);
  if (seconds < 0) return absl::FailedPreconditionError("the clock is before 1970");
  std::string signature = id_;
  for (int shift = 56; shift >= 0; shift -= 8) {
    signature.push_back(static_cast<char>(static_cast<uint64_t>(seconds) >> shift));
  }
  const std::string message = Message(text, static_cast<uint64_t>(seconds));
  const ContextPtr context(EVP_MD_CTX_new());
  std::array<unsigned char, kSignatureBytes> raw;
  size_t size = raw.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), raw.data(), &size, Bytes(message), message.size()) != 1 ||
      size != raw.size()) {
    return absl::InternalError("the witness's key can't sign");
  }
  signature.append(reinterpret_cast<const char*>(raw.data()), raw.size());
  return absl::StrCat("\xE2\x80\x94 ", name_, " ", absl::Base64Escape(signature), "\n");
}

absl::StatusOr<absl::Time> WitnessKey::Verify(absl::string_view text,
                                              const client::NoteSignature& signature) const {
  if (signature.name != name_ || signature.id != id_) {
    return absl::NotFoundError("a signature of another key");
  }
  const auto wrong = [] { return absl::DataLossError("the cosignature does not verify"); };
  const absl::string_view bytes = signature.bytes;
  if (bytes.size() != kTimeBytes + kSignatureBytes) return wrong();
  uint64_t seconds = 0;
  for (size_t i = 0; i < kTimeBytes; ++i) {
    seconds = seconds << 8 | static_cast<uint8_t>(bytes[i]);
  }
  if (seconds > static_cast<uint64_t>(INT64_MAX)) return wrong();
  const std::string message = Message(text, seconds);
  const ContextPtr context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestVerify(context.get(), Bytes(bytes) + kTimeBytes, kSignatureBytes, Bytes(message),
                       message.size()) != 1) {
    return wrong();
  }
  return absl::FromUnixSeconds(static_cast<int64_t>(seconds));
}

}  // namespace sluice::witness
