#include "server/page_token.h"

#include <openssl/evp.h>

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "server/error.h"

namespace sluice::server {
namespace {

constexpr size_t kTagSize = 16;
constexpr size_t kPlaceSize = 4 + 16;
constexpr size_t kRowIdSize = 26;
constexpr size_t kPlainSize = 1 + 2 * kPlaceSize + kRowIdSize;

struct CipherContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
struct CipherFree {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};

void PutPlace(const ScanPlace& place, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(place.ordinal >> shift));
  out.append(reinterpret_cast<const char*>(place.record_id.bytes.data()),
             place.record_id.bytes.size());
}

ScanPlace GetPlace(absl::string_view bytes) {
  ScanPlace place;
  for (int i = 0; i < 4; ++i) place.ordinal = place.ordinal << 8 | static_cast<uint8_t>(bytes[i]);
  std::memcpy(place.record_id.bytes.data(), bytes.data() + 4, place.record_id.bytes.size());
  return place;
}

absl::Status NotAToken() {
  return Invalid("page_token",
                 "it was not made for this caller, request and version of the MOU; start again "
                 "without one");
}

const unsigned char* Bytes(absl::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

// The cipher is set up anew, key included, for each message: OpenSSL 3.0's SIV demands it.
std::unique_ptr<EVP_CIPHER_CTX, CipherContextFree> Start(const policy::Secret& key, bool seal) {
  const std::unique_ptr<EVP_CIPHER, CipherFree> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-SIV", nullptr));
  std::unique_ptr<EVP_CIPHER_CTX, CipherContextFree> context(EVP_CIPHER_CTX_new());
  if (!cipher || !context || key.size() != 64 ||
      EVP_CipherInit_ex2(context.get(), cipher.get(), key.bytes().data(), nullptr, seal ? 1 : 0,
                         nullptr) != 1) {
    return nullptr;
  }
  return context;
}

}  // namespace

absl::StatusOr<std::string> PageTokens::Seal(const ResumePoint& point,
                                             absl::string_view binding) const {
  std::string plain;
  plain.reserve(kPlainSize);
  plain.push_back(point.until ? 1 : 0);
  PutPlace(point.from, plain);
  PutPlace(point.until.value_or(ScanPlace{}), plain);
  plain += point.after_row_id;
  if (plain.size() != kPlainSize || binding.empty()) {
    return absl::InternalError("page token of a wrong size");
  }
  const auto context = Start(key_, /*seal=*/true);
  std::string sealed(kTagSize + plain.size(), '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  int size = 0;
  if (!context ||
      EVP_CipherUpdate(context.get(), nullptr, &size, Bytes(binding),
                       static_cast<int>(binding.size())) != 1 ||
      EVP_CipherUpdate(context.get(), out + kTagSize, &size, Bytes(plain),
                       static_cast<int>(plain.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), out + kTagSize + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out) != 1) {
    return absl::InternalError("AES-256-SIV failed to seal");
  }
  return absl::WebSafeBase64Escape(sealed);
}

absl::StatusOr<ResumePoint> PageTokens::Open(absl::string_view token,
                                             absl::string_view binding) const {
  std::string sealed;
  if (!absl::WebSafeBase64Unescape(token, &sealed) || sealed.size() != kTagSize + kPlainSize ||
      absl::WebSafeBase64Escape(sealed) != token) {
    return NotAToken();
  }
  const auto context = Start(key_, /*seal=*/false);
  if (!context) return absl::InternalError("AES-256-SIV is not to be had");
  std::string plain(kPlainSize, '\0');
  int size = 0;
  if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, sealed.data()) != 1 ||
      EVP_CipherUpdate(context.get(), nullptr, &size, Bytes(binding),
                       static_cast<int>(binding.size())) != 1 ||
      EVP_CipherUpdate(context.get(), reinterpret_cast<unsigned char*>(plain.data()), &size,
                       Bytes(sealed) + kTagSize, kPlainSize) != 1) {
    return NotAToken();
  }
  ResumePoint point;
  const absl::string_view view(plain);
  point.from = GetPlace(view.substr(1, kPlaceSize));
  if (plain[0] == 1) point.until = GetPlace(view.substr(1 + kPlaceSize, kPlaceSize));
  point.after_row_id = std::string(view.substr(1 + 2 * kPlaceSize, kRowIdSize));
  return point;
}

}  // namespace sluice::server
