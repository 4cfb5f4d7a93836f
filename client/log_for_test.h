// A log as a test wants it: a key of its own, checkpoints of any root, a directory of tiles.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_LOG_FOR_TEST_H_
#define SLUICE_CLIENT_LOG_FOR_TEST_H_

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/file.h"
#include "client/log_directory.h"
#include "client/slow_tree_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {

class LogForTest {
 public:
  // Of the same `seed` the same key.
  explicit LogForTest(std::string origin = "gateway.example/log/1", char seed = 's')
      : origin_(std::move(origin)) {
    const std::string bytes(32, seed);
    key_.reset(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(bytes.data()), 32));
    std::string raw(32, '\0');
    size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    public_key_ = "\x01" + raw;
    unsigned char hash[32];
    const std::string named = origin_ + "\n" + public_key_;
    EVP_Digest(named.data(), named.size(), hash, nullptr, EVP_sha256(), nullptr);
    id_.assign(reinterpret_cast<char*>(hash), 4);
  }

  std::string vkey() const {
    return absl::StrCat(origin_, "+", absl::BytesToHexString(id_), "+",
                        absl::Base64Escape(public_key_));
  }
  LogVerifierKey key() const { return *LogVerifierKey::Parse(vkey()); }

  std::string Sign(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string signature(64, '\0');
    size_t size = signature.size();
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return absl::StrCat(text, "\n", SignatureLine(signature));
  }
  std::string SignatureLine(const std::string& signature) const {
    return absl::StrCat("\xE2\x80\x94 ", origin_, " ", absl::Base64Escape(id_ + signature), "\n");
  }
  std::string Checkpoint(size_t size, const TreeHash& root) const {
    return Sign(absl::StrCat(origin_, "\n", size, "\n",
                             absl::Base64Escape(std::string(root.begin(), root.end())), "\n"));
  }
  LogCheckpoint Open(size_t size, const TreeHash& root) const {
    return *OpenCheckpoint(Checkpoint(size, root), key());
  }

  // The directory of a log with these entries.
  void Write(const std::string& directory, const std::vector<std::string>& entries) const {
    const SlowTree tree(entries);
    ASSERT_TRUE(ReplaceFile(directory + "/checkpoint",
                            Checkpoint(entries.size(), tree.Root(entries.size())))
                    .ok());
    ASSERT_TRUE(ReplaceFile(directory + "/vkey", vkey() + "\n").ok());
    std::vector<TreeHash> hashes;
    for (size_t i = 0; i < entries.size(); ++i) hashes.push_back(tree.leaf(i));
    for (size_t begin = 0; begin < entries.size(); begin += 256) {
      const size_t end = std::min(entries.size(), begin + 256);
      std::string bundle;
      for (size_t i = begin; i < end; ++i) {
        bundle.push_back(static_cast<char>(entries[i].size() >> 8));
        bundle.push_back(static_cast<char>(entries[i].size() & 0xFF));
        bundle += entries[i];
      }
      ASSERT_TRUE(
          ReplaceFile(absl::StrCat(directory, "/", TilePath("entries", begin / 256, end - begin)),
                      bundle)
              .ok());
    }
    for (int level = 0; !hashes.empty(); ++level) {
      std::vector<TreeHash> above;
      for (size_t begin = 0; begin < hashes.size(); begin += 256) {
        const size_t end = std::min(hashes.size(), begin + 256);
        std::string tile;
        TreeHasher root;
        for (size_t i = begin; i < end; ++i) {
          tile.append(hashes[i].begin(), hashes[i].end());
          root.Add(hashes[i]);
        }
        if (end - begin == 256) above.push_back(root.Root());
        ASSERT_TRUE(
            ReplaceFile(absl::StrCat(directory, "/",
                                     TilePath(absl::StrCat(level), begin / 256, end - begin)),
                        tile)
                .ok());
      }
      hashes = std::move(above);
    }
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };

  const std::string origin_;
  std::unique_ptr<EVP_PKEY, Free> key_;
  std::string public_key_;
  std::string id_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_FOR_TEST_H_
