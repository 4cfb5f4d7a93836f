// A keyed digest of a set whose members come and go: the XOR of a pseudorandom function of each
// (MSet-XOR-Hash of Clarke, Devadas, van Dijk, Gassend and Suh, "Incremental Multiset Hash
// Functions and Their Application to Memory Integrity Checking", ASIACRYPT 2003). A member is two
// blocks, the function CBC-MAC with AES-256 over them: for members of one length it is pseudorandom
// (Bellare, Kilian, Rogaway 1994).
//
// Two things it does not do by itself: what is in it twice cancels, so the number of members stands
// beside it; and whoever saw digests of sets that he knows could solve for others, so none is
// stored in the clear (SealKeys seals them).
//
// One thread at a time.
#ifndef SLUICE_SERVER_STORE_SET_DIGEST_H_
#define SLUICE_SERVER_STORE_SET_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/store/name_hash.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {

class SetDigest {
 public:
  // Of the empty set. INVALID_ARGUMENT unless the key has 32 bytes.
  static absl::StatusOr<SetDigest> Create(const policy::Secret& key);

  // Puts a member in, or takes it out again. `tag` has 16 bytes, else Value fails.
  void Toggle(const Hash16& id, absl::string_view tag);
  // The same of all members of another set under this key, by its digest.
  void ToggleAll(const Hash16& digest);
  absl::StatusOr<Hash16> Value();

 private:
  // So many at once: the cipher works on eight blocks side by side.
  static constexpr size_t kBatch = 64;

  explicit SetDigest(CipherContext context) : context_(std::move(context)) {}
  void Flush();

  CipherContext context_;
  bool sound_ = true;
  size_t waiting_ = 0;
  std::array<Hash16, kBatch> ids_{};
  std::array<Hash16, kBatch> tags_{};
  Hash16 sum_{};
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SET_DIGEST_H_
