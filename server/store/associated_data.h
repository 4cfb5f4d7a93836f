// What a sealed piece is of, as associated data: no row opens in another's place, nor with
// another's subjects.
#ifndef SLUICE_SERVER_STORE_ASSOCIATED_DATA_H_
#define SLUICE_SERVER_STORE_ASSOCIATED_DATA_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/key_encryption_keys.h"
#include "server/store/name_hash.h"

namespace sluice::server {

// The content of a record.
struct OfRecord {
  static constexpr KekScope kScope = KekScope::kOwnerData;
  absl::string_view owner;
  absl::string_view record_type;
  Hash16 record_id{};
  int64_t position = 0;        // at which it was sealed
  absl::string_view subjects;  // as `record` keeps them
  absl::string_view identity;
};

// What opens a commitment of a log entry.
struct OfLogOpening {
  static constexpr KekScope kScope = KekScope::kOwnerDictionary;
  absl::string_view owner;
  absl::string_view field;
  uint64_t index = 0;
};

// What opens an entry of an owner's dictionary.
struct OfDictionaryOpening {
  static constexpr KekScope kScope = KekScope::kOwnerDictionary;
  absl::string_view owner;
  uint32_t ordinal = 0;
};

// Each written into `buffer`, and lent from there.
absl::string_view AssociatedData(const OfRecord& of, std::string& buffer);
absl::string_view AssociatedData(const OfLogOpening& of, std::string& buffer);
absl::string_view AssociatedData(const OfDictionaryOpening& of, std::string& buffer);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_ASSOCIATED_DATA_H_
