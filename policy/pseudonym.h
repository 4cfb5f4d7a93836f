// Pseudonyms and row ids: one AES-256 block of a random 128-bit id, a keyed permutation, in base32.
// The derivation of the key is DEID's section 1, "Pseudonyms".
#ifndef SLUICE_POLICY_PSEUDONYM_H_
#define SLUICE_POLICY_PSEUDONYM_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/secret.h"

namespace sluice::policy {

// 128 random bits that name a subject inside the gateway. Not printable.
struct SubjectId {
  std::array<uint8_t, 16> bytes;
  friend bool operator==(const SubjectId&, const SubjectId&) = default;
};

// 128 random bits that name a record inside the gateway. Not printable.
struct RecordId {
  std::array<uint8_t, 16> bytes;
  friend bool operator==(const RecordId&, const RecordId&) = default;
  friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

// What a derived key is for; part of its derivation.
enum class KeyUse { kPseudonym, kRow };

// The length of a pseudonym or a row id: lower-case RFC 4648 base32 of 16 bytes, without padding.
inline constexpr size_t kPseudonymLength = 26;

// HKDF-SHA-256(root, salt empty, info) where info is each of "sluice/v1", mou, recipient, epoch,
// use, space, preceded by its length in 4 bytes big-endian. 32 bytes.
absl::StatusOr<Secret> DeriveKey(const Secret& root, absl::string_view mou,
                                 absl::string_view recipient, uint64_t epoch, KeyUse use,
                                 absl::string_view space);

// What an id becomes before it leaves; a Pseudonymizer alone makes one of an id.
class Pseudonym {
 public:
  // Writes 26 characters.
  void Write(char* out) const;

 private:
  friend class Pseudonymizer;
  std::array<uint8_t, 16> bytes_{};
};

// One keyed permutation of 16-byte ids. Move-only; not thread-safe.
class Pseudonymizer {
 public:
  // `key` is 32 bytes.
  static absl::StatusOr<Pseudonymizer> Create(const Secret& key);
  Pseudonymizer(Pseudonymizer&&) noexcept;
  Pseudonymizer& operator=(Pseudonymizer&&) noexcept;
  ~Pseudonymizer();

  // The ids' pseudonyms in the place of what is in `out`: of many at once, each costs an eighth of
  // what it costs alone.
  void Permute(absl::Span<const SubjectId> ids, std::vector<Pseudonym>& out) const;
  void Permute(absl::Span<const RecordId> ids, std::vector<Pseudonym>& out) const;
  std::string Of(const SubjectId& id) const;
  std::string Of(const RecordId& id) const;
  // The id behind a row id; nullopt if it is not 26 characters of canonical base32.
  std::optional<RecordId> RecordIdOf(absl::string_view row_id) const;

 private:
  struct Rep;
  explicit Pseudonymizer(std::unique_ptr<Rep> rep);
  template <typename Id>
  void PermuteAll(absl::Span<const Id> ids, std::vector<Pseudonym>& out) const;
  template <typename Id>
  std::string TextOf(const Id& id) const;

  std::unique_ptr<Rep> rep_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PSEUDONYM_H_
