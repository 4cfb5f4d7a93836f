#include "policy/pseudonym.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::policy {

namespace {

constexpr size_t kKeyBytes = 32;
constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

struct CipherContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

struct KdfContextDeleter {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

struct KdfDeleter {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
};

void AppendPart(absl::string_view part, std::string& info) {
  for (const int shift : {24, 16, 8, 0}) {
    info.push_back(static_cast<char>(part.size() >> shift & 0xff));
  }
  absl::StrAppend(&info, part);
}

absl::string_view NameOf(KeyUse use) {
  switch (use) {
    case KeyUse::kPseudonym:
      return "pseudonym";
    case KeyUse::kRow:
      return "row";
  }
  std::abort();
}

CipherContext NewContext(const Secret& key, int encrypt) {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr ||
      EVP_CipherInit_ex2(context.get(), EVP_aes_256_ecb(), key.bytes().data(), nullptr, encrypt,
                         nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) {
    return nullptr;
  }
  return context;
}

using Block = std::array<uint8_t, 16>;

// Whole blocks in an initialized context: it fails only if memory is corrupt, and then an id must
// not leave as it is.
void Permute(EVP_CIPHER_CTX* context, const uint8_t* in, size_t bytes, uint8_t* out) {
  int size = 0;
  if (EVP_CipherUpdate(context, out, &size, in, static_cast<int>(bytes)) != 1 ||
      size != static_cast<int>(bytes)) {
    std::abort();
  }
}

// Eight characters of five bytes, all at once: the bits are spread to five in each byte, and what
// is below 26 becomes a letter, the rest a digit.
uint64_t Encode40(uint64_t bits) {
  uint64_t five = (bits & 0xfffff00000) << 12 | (bits & 0xfffff);
  five = (five & 0x000ffc00000ffc00) << 6 | (five & 0x000003ff000003ff);
  five = (five & 0x03e003e003e003e0) << 3 | (five & 0x001f001f001f001f);
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t is_digit = (five + (128 - 26) * kOnes) >> 7 & kOnes;
  return five + 'a' * kOnes - is_digit * ('a' + 26 - '2');
}

// The last byte is two characters, its bits on the left.
void Encode(const Block& block, char* out) {
  for (size_t at = 0; at + 5 <= block.size(); at += 5, out += 8) {
    uint64_t bits = 0;
    for (size_t i = 0; i < 5; ++i) bits = bits << 8 | block[at + i];
    const uint64_t text = htobe64(Encode40(bits));
    std::memcpy(out, &text, sizeof text);
  }
  *out++ = kAlphabet[block.back() >> 3];
  *out = kAlphabet[block.back() << 2 & 31];
}

std::optional<Block> Decode(absl::string_view text) {
  if (text.size() != kPseudonymLength) return std::nullopt;
  Block block;
  size_t at = 0;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    uint32_t digit;
    if (c >= 'a' && c <= 'z') {
      digit = c - 'a';
    } else if (c >= '2' && c <= '7') {
      digit = c - '2' + 26;
    } else {
      return std::nullopt;
    }
    bits = bits << 5 | digit;
    count += 5;
    if (count >= 8) {
      count -= 8;
      block[at++] = static_cast<uint8_t>(bits >> count & 0xff);
    }
  }
  // The bits beyond the last byte: another spelling of the same id unless they are zero.
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return block;
}

}  // namespace

absl::StatusOr<Secret> DeriveKey(const Secret& root, absl::string_view mou,
                                 absl::string_view recipient, uint64_t epoch, KeyUse use,
                                 absl::string_view space) {
  if (root.size() != kKeyBytes) return absl::InvalidArgumentError("a root is 32 bytes");
  std::string info;
  // Named, because a temporary in a loop's range ends before the loop begins.
  const std::string epoch_text = absl::StrCat(epoch);
  for (const absl::string_view part : {absl::string_view("sluice/v1"), mou, recipient,
                                       absl::string_view(epoch_text), NameOf(use), space}) {
    AppendPart(part, info);
  }
  const std::unique_ptr<EVP_KDF, KdfDeleter> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, KdfContextDeleter> context(EVP_KDF_CTX_new(kdf.get()));
  if (context == nullptr) return absl::InternalError("OpenSSL has no HKDF");
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                        const_cast<uint8_t*>(root.bytes().data()), root.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  Secret key(kKeyBytes);
  if (EVP_KDF_derive(context.get(), key.mutable_bytes().data(), key.size(), params) != 1) {
    return absl::InternalError("HKDF failed");
  }
  return key;
}

struct Pseudonymizer::Rep {
  CipherContext encrypt;
  CipherContext decrypt;
};

Pseudonymizer::Pseudonymizer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Pseudonymizer::Pseudonymizer(Pseudonymizer&&) noexcept = default;
Pseudonymizer& Pseudonymizer::operator=(Pseudonymizer&&) noexcept = default;
Pseudonymizer::~Pseudonymizer() = default;

absl::StatusOr<Pseudonymizer> Pseudonymizer::Create(const Secret& key) {
  if (key.size() != kKeyBytes) return absl::InvalidArgumentError("a key is 32 bytes");
  auto rep = std::make_unique<Rep>();
  rep->encrypt = NewContext(key, 1);
  rep->decrypt = NewContext(key, 0);
  if (rep->encrypt == nullptr || rep->decrypt == nullptr) {
    return absl::InternalError("OpenSSL has no AES-256");
  }
  return Pseudonymizer(std::move(rep));
}

void Pseudonym::Write(char* out) const { Encode(bytes_, out); }

template <typename Id>
void Pseudonymizer::PermuteAll(absl::Span<const Id> ids, std::vector<Pseudonym>& out) const {
  static_assert(sizeof(Id) == sizeof(Block) && sizeof(Pseudonym) == sizeof(Block));
  if (ids.size() > std::numeric_limits<int>::max() / sizeof(Block)) std::abort();
  out.resize(ids.size());
  if (ids.empty()) return;
  policy::Permute(rep_->encrypt.get(), ids.data()->bytes.data(), ids.size() * sizeof(Block),
                  out.data()->bytes_.data());
}

void Pseudonymizer::Permute(absl::Span<const SubjectId> ids, std::vector<Pseudonym>& out) const {
  PermuteAll(ids, out);
}

void Pseudonymizer::Permute(absl::Span<const RecordId> ids, std::vector<Pseudonym>& out) const {
  PermuteAll(ids, out);
}

template <typename Id>
std::string Pseudonymizer::TextOf(const Id& id) const {
  std::vector<Pseudonym> pseudonym;
  Permute(absl::MakeConstSpan(&id, 1), pseudonym);
  std::string out(kPseudonymLength, '\0');
  pseudonym[0].Write(out.data());
  return out;
}

std::string Pseudonymizer::Of(const SubjectId& id) const { return TextOf(id); }
std::string Pseudonymizer::Of(const RecordId& id) const { return TextOf(id); }

std::optional<RecordId> Pseudonymizer::RecordIdOf(absl::string_view row_id) const {
  const std::optional<Block> block = Decode(row_id);
  if (!block) return std::nullopt;
  RecordId id;
  policy::Permute(rep_->decrypt.get(), block->data(), block->size(), id.bytes.data());
  return id;
}

}  // namespace sluice::policy
