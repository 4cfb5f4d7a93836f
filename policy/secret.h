// Secret bytes: wiped when they go, compared in constant time, printable by nothing.
//
// A move-only value.
#ifndef SLUICE_POLICY_SECRET_H_
#define SLUICE_POLICY_SECRET_H_

#include <openssl/crypto.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::policy {

class Secret {
 public:
  explicit Secret(size_t size) : bytes_(size) {}
  static Secret Copy(absl::string_view bytes) {
    Secret secret(bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) secret.bytes_[i] = static_cast<uint8_t>(bytes[i]);
    return secret;
  }
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe();
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Wipe(); }

  absl::Span<const uint8_t> bytes() const { return bytes_; }
  absl::Span<uint8_t> mutable_bytes() { return absl::MakeSpan(bytes_); }
  size_t size() const { return bytes_.size(); }

  friend bool operator==(const Secret& a, const Secret& b) {
    return a.size() == b.size() &&
           CRYPTO_memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) == 0;
  }

 private:
  void Wipe() {
    if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
  }

  std::vector<uint8_t> bytes_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_SECRET_H_
