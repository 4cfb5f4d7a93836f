#include "server/store/sealed_bytes.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <cstring>
#include <utility>

namespace sluice::server {
namespace {

constexpr char kFormat = 1;
constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;

const unsigned char* Bytes(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Bytes(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

struct Nonce {
  explicit Nonce(uint64_t counter) {
    const uint64_t big_endian = htobe64(counter);
    std::memcpy(bytes + kNonceBytes - sizeof big_endian, &big_endian, sizeof big_endian);
  }
  unsigned char bytes[kNonceBytes] = {};
};

absl::StatusOr<CipherContext> Start(const policy::Secret& subkey, bool seal) {
  if (subkey.size() != kKeyBytes) return absl::InvalidArgumentError("a subkey has another length");
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr || EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr,
                                              subkey.bytes().data(), nullptr, seal ? 1 : 0) != 1) {
    return absl::InternalError("AES-GCM failed");
  }
  return context;
}

// A string of this size whose bytes are about to be written over: it grows and does not shrink, so
// that the next one costs nothing.
void Fit(std::string& buffer, size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

}  // namespace

std::optional<uint32_t> SubkeyOfSealed(absl::string_view header) {
  if (header.size() < kSealHeaderBytes || header[0] != kFormat) return std::nullopt;
  uint32_t subkey = 0;
  std::memcpy(&subkey, header.data() + 1, sizeof subkey);
  return be32toh(subkey);
}

std::optional<SealedParts> ParseSealed(absl::string_view sealed) {
  if (sealed.size() < kSealBytes || sealed.size() > kSealBytes + kMaxSealedContent ||
      sealed[0] != kFormat) {
    return std::nullopt;
  }
  SealedParts parts;
  std::memcpy(&parts.subkey, sealed.data() + 1, sizeof parts.subkey);
  std::memcpy(&parts.counter, sealed.data() + 1 + sizeof parts.subkey, sizeof parts.counter);
  parts.subkey = be32toh(parts.subkey);
  parts.counter = be64toh(parts.counter);
  parts.ciphertext = sealed.substr(kSealHeaderBytes, sealed.size() - kSealBytes);
  parts.tag = sealed.substr(sealed.size() - kSealTagBytes);
  return parts;
}

absl::StatusOr<SealingKey> SealingKey::Create(uint32_t id, const policy::Secret& subkey) {
  absl::StatusOr<CipherContext> context = Start(subkey, true);
  if (!context.ok()) return context.status();
  return SealingKey(id, *std::move(context));
}

absl::StatusOr<absl::string_view> SealingKey::Seal(absl::string_view associated,
                                                   absl::string_view content, std::string& buffer) {
  if (content.size() > kMaxSealedContent || associated.size() > kMaxSealedContent) {
    return absl::InvalidArgumentError("too much to seal in one piece");
  }
  const size_t size = kSealBytes + content.size();
  Fit(buffer, size);
  // Counted before it is used: whatever fails, it is not used again.
  const uint64_t counter = counter_++;
  buffer[0] = kFormat;
  const uint32_t id = htobe32(id_);
  const uint64_t big_endian = htobe64(counter);
  std::memcpy(buffer.data() + 1, &id, sizeof id);
  std::memcpy(buffer.data() + 1 + sizeof id, &big_endian, sizeof big_endian);
  const Nonce nonce(counter);
  unsigned char* const out = Bytes(buffer) + kSealHeaderBytes;
  int written = 0;
  OSSL_PARAM tag[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                        out + content.size(), kSealTagBytes),
                      OSSL_PARAM_construct_end()};
  const bool ok =
      EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, nonce.bytes, nullptr) == 1 &&
      EVP_EncryptUpdate(context_.get(), nullptr, &written, Bytes(associated),
                        static_cast<int>(associated.size())) == 1 &&
      (content.empty() || EVP_EncryptUpdate(context_.get(), out, &written, Bytes(content),
                                            static_cast<int>(content.size())) == 1) &&
      EVP_EncryptFinal_ex(context_.get(), out + content.size(), &written) == 1 &&
      EVP_CIPHER_CTX_get_params(context_.get(), tag) == 1;
  if (!ok) return absl::InternalError("AES-GCM failed");
  return absl::string_view(buffer).substr(0, size);
}

absl::StatusOr<OpeningKey> OpeningKey::Create(const policy::Secret& subkey) {
  absl::StatusOr<CipherContext> context = Start(subkey, false);
  if (!context.ok()) return context.status();
  return OpeningKey(*std::move(context));
}

absl::Status OpeningKey::OpenTo(absl::string_view associated, const SealedParts& parts,
                                char* out) const {
  const size_t size = parts.ciphertext.size();
  auto* const content = reinterpret_cast<unsigned char*>(out);
  const Nonce nonce(parts.counter);
  OSSL_PARAM tag[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                        const_cast<char*>(parts.tag.data()), kSealTagBytes),
      OSSL_PARAM_construct_end()};
  int written = 0;
  unsigned char rest[EVP_MAX_BLOCK_LENGTH];
  const bool sound =
      EVP_DecryptInit_ex2(context_.get(), nullptr, nullptr, nonce.bytes, tag) == 1 &&
      EVP_DecryptUpdate(context_.get(), nullptr, &written, Bytes(associated),
                        static_cast<int>(associated.size())) == 1 &&
      (size == 0 || EVP_DecryptUpdate(context_.get(), content, &written, Bytes(parts.ciphertext),
                                      static_cast<int>(size)) == 1) &&
      EVP_DecryptFinal_ex(context_.get(), rest, &written) == 1;
  if (sound) return absl::OkStatus();
  OPENSSL_cleanse(out, size);
  return absl::DataLossError("what is stored is not what was sealed");
}

absl::StatusOr<absl::string_view> OpeningKey::Open(absl::string_view associated,
                                                   const SealedParts& parts,
                                                   std::string& buffer) const {
  const size_t size = parts.ciphertext.size();
  Fit(buffer, size);
  if (absl::Status status = OpenTo(associated, parts, buffer.data()); !status.ok()) return status;
  return absl::string_view(buffer).substr(0, size);
}

}  // namespace sluice::server
