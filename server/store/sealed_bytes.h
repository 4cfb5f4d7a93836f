// Bytes as the database keeps them: AES-256-GCM under a subkey, with what they belong to as
// associated data, in an envelope that names the subkey and the nonce.
//
//   format (1) | subkey (4, big-endian) | counter (8, big-endian) | ciphertext | tag (16)
//
// The nonce is the counter, which never comes twice under a subkey; each start of a writer makes
// subkeys of its own (see DataKeys), so none is ever continued.
//
// One thread at a time.
#ifndef SLUICE_SERVER_STORE_SEALED_BYTES_H_
#define SLUICE_SERVER_STORE_SEALED_BYTES_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"

namespace sluice::server {

inline constexpr size_t kSealHeaderBytes = 1 + 4 + 8;
inline constexpr size_t kSealTagBytes = 16;
inline constexpr size_t kSealBytes = kSealHeaderBytes + kSealTagBytes;
// Of one piece: what is sealed is a record, or an opening, and stays far below.
inline constexpr size_t kMaxSealedContent = 64 << 20;

// How many bytes were sealed.
inline size_t SealedContentSize(size_t sealed_size) {
  return sealed_size > kSealBytes ? sealed_size - kSealBytes : 0;
}

struct SealedParts {
  uint32_t subkey = 0;
  uint64_t counter = 0;
  absl::string_view ciphertext;
  absl::string_view tag;
};
// nullopt where it is no envelope of this format.
std::optional<SealedParts> ParseSealed(absl::string_view sealed);
// The subkey alone, of which the header is enough.
std::optional<uint32_t> SubkeyOfSealed(absl::string_view header);

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

class SealingKey {
 public:
  // INVALID_ARGUMENT unless the subkey has 32 bytes. It must be new: the counter begins at 0.
  static absl::StatusOr<SealingKey> Create(uint32_t id, const policy::Secret& subkey);

  // Into `buffer`, and lent from there.
  absl::StatusOr<absl::string_view> Seal(absl::string_view associated, absl::string_view content,
                                         std::string& buffer);
  uint32_t id() const { return id_; }

 private:
  SealingKey(uint32_t id, CipherContext context) : id_(id), context_(std::move(context)) {}

  uint32_t id_;
  CipherContext context_;
  uint64_t counter_ = 0;
};

class OpeningKey {
 public:
  // INVALID_ARGUMENT unless the subkey has 32 bytes.
  static absl::StatusOr<OpeningKey> Create(const policy::Secret& subkey);

  // To `out`, where there is room for as many bytes as the ciphertext has. DATA_LOSS where anything
  // differs from what was sealed; nothing of a content that is not sound is left there.
  absl::Status OpenTo(absl::string_view associated, const SealedParts& parts, char* out) const;
  // Into `buffer`, and lent from there.
  absl::StatusOr<absl::string_view> Open(absl::string_view associated, const SealedParts& parts,
                                         std::string& buffer) const;

 private:
  explicit OpeningKey(CipherContext context) : context_(std::move(context)) {}

  CipherContext context_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SEALED_BYTES_H_
