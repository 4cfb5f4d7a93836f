// Keyed hashes of the names that outsiders choose: record keys, subjects' ids, request ids, and of
// principals. The store's indexes hold these and never the names. HMAC-SHA-256, cut to 16 bytes,
// under a key of its own for each use, each part preceded by its length.
//
// One thread at a time.
#ifndef SLUICE_SERVER_STORE_NAME_HASH_H_
#define SLUICE_SERVER_STORE_NAME_HASH_H_

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"

namespace sluice::server {

using Hash16 = std::array<uint8_t, 16>;

class NameHasher {
 public:
  // INVALID_ARGUMENT if the key has less than 32 bytes.
  static absl::StatusOr<std::unique_ptr<NameHasher>> Create(const policy::Secret& key);

  absl::StatusOr<Hash16> RecordKey(absl::string_view owner, absl::string_view record_type,
                                   absl::string_view key) const;
  absl::StatusOr<Hash16> SubjectName(absl::string_view owner, absl::string_view id_space,
                                     absl::string_view id) const;
  // That the record of this key has this id: who can write the database, and no more, can't give
  // one key another's record.
  absl::StatusOr<Hash16> KeyTie(const Hash16& key, const Hash16& record_id) const;
  // Whom a name names, as a row of `subject` says: who can write the database, and no more, can't
  // give it another subject.
  struct SubjectRow {
    Hash16 name_hash{};
    int64_t owner = 0, name = 0, ordinal = 0;
    Hash16 subject_id{};
  };
  absl::StatusOr<Hash16> SubjectTie(const SubjectRow& row) const;
  // What a change replaced, as a row of `record_history` says: who can write the database, and no
  // more, can't put an older content of the record in its place, which opens as well.
  struct HistoryRow {
    int64_t position = 0;
    Hash16 record_id{};
    int64_t collection = 0, content_position = 0, sealed_position = 0;
  };
  absl::StatusOr<Hash16> HistoryTie(const HistoryRow& row) const;
  // Whom identity records say that a subject's names are of.
  absl::StatusOr<Hash16> Person(absl::string_view owner, absl::string_view person) const;
  absl::StatusOr<Hash16> Request(absl::string_view principal, absl::string_view request_id) const;
  // What a request asked for: `kind` tells a publish from a deletion. Keyed, because a bare hash of
  // records could be guessed at.
  absl::StatusOr<Hash16> Content(absl::string_view kind, absl::string_view owner,
                                 absl::string_view record_type, absl::string_view digest) const;
  // Whose a decision is: another hash for each of theirs, so that they don't show as one's.
  absl::StatusOr<Hash16> Decided(absl::string_view principal, const Hash16& decision_id) const;
  // Tells one key from another, and nothing else of it.
  absl::StatusOr<Hash16> KeyCheck() const;

 private:
  struct FreeContext {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_MAC_CTX, FreeContext>;

  NameHasher() = default;
  static absl::StatusOr<Context> Derive(const policy::Secret& key, absl::string_view use);
  static absl::StatusOr<Hash16> Hash(const Context& context,
                                     std::initializer_list<absl::string_view> parts);

  Context record_key_, key_tie_, subject_name_, subject_tie_, history_tie_, person_, request_,
      content_, decided_, key_check_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_NAME_HASH_H_
