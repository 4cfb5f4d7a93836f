// A witness's key as a test wants it, and the lines that it signs.
//
// Immutable.
#ifndef SLUICE_CLIENT_WITNESS_FOR_TEST_H_
#define SLUICE_CLIENT_WITNESS_FOR_TEST_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/log_witness.h"

namespace sluice::client {

class WitnessForTest {
 public:
  // Of the same `seed` the same key.
  explicit WitnessForTest(std::string name, char seed = 'w') : name_(std::move(name)) {
    const std::string bytes(32, seed);
    key_.reset(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(bytes.data()), 32));
    std::string raw(32, '\0');
    size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    public_key_ = "\x04" + raw;
    unsigned char hash[32];
    const std::string named = name_ + "\n" + public_key_;
    EVP_Digest(named.data(), named.size(), hash, nullptr, EVP_sha256(), nullptr);
    id_.assign(reinterpret_cast<char*>(hash), 4);
  }

  std::string vkey() const {
    return absl::StrCat(name_, "+", absl::BytesToHexString(id_), "+",
                        absl::Base64Escape(public_key_));
  }
  WitnessVerifierKey key() const { return *WitnessVerifierKey::Parse(vkey()); }

  // The note with this witness's line, as of a time.
  std::string Cosign(absl::string_view note, uint64_t seconds) const {
    const absl::string_view text = note.substr(0, note.rfind("\n\n") + 1);
    const std::string message = absl::StrCat("cosignature/v1\ntime ", seconds, "\n", text);
    std::string time;
    for (int shift = 56; shift >= 0; shift -= 8)
      time.push_back(static_cast<char>(seconds >> shift));
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string signature(64, '\0');
    size_t size = signature.size();
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(message.data()), message.size());
    return absl::StrCat(note, Line(time + signature));
  }
  std::string Line(absl::string_view bytes) const {
    return absl::StrCat("\xE2\x80\x94 ", name_, " ", absl::Base64Escape(absl::StrCat(id_, bytes)),
                        "\n");
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };

  std::string name_;
  std::unique_ptr<EVP_PKEY, Free> key_;
  std::string public_key_;
  std::string id_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_WITNESS_FOR_TEST_H_
