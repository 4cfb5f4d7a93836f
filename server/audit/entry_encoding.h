// An entry's bytes: made in two steps, so that the costly part (commitments, bitmap) is done on the
// caller's thread and only the stamp (time, boot, counter) on the writer's; and read back,
// strictly.
//
// Values.
#ifndef SLUICE_SERVER_AUDIT_ENTRY_ENCODING_H_
#define SLUICE_SERVER_AUDIT_ENTRY_ENCODING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/audit/entry.h"
#include "server/audit/entry_json.h"
#include "server/audit/merkle.h"
#include "server/store/store.h"

namespace sluice::server {

// Bundles carry an entry's length in 16 bits.
inline constexpr size_t kMaxEntryBytes = 65535;
inline constexpr size_t kSaltBytes = 32;

// Fills a buffer with randomness, or fails rather than be weak.
using RandomSource = std::function<absl::Status(absl::Span<uint8_t>)>;
absl::Status SystemRandom(absl::Span<uint8_t> out);
// `bytes` random bytes as hexadecimal digits.
absl::StatusOr<std::string> RandomHex(const RandomSource& random, size_t bytes);

// SHA-256(label || salt || value).
Hash Commitment(absl::string_view label, absl::string_view salt, absl::string_view value);

// An entry but for its stamp.
struct EncodedEntry {
  std::string type;
  std::string request;
  std::string members;  // those after the stamp's, each after a comma
  std::vector<LogRow::Opening> openings;
  std::string subjects_of;  // as in LogRow, with the next
  std::vector<uint32_t> containers;
};

// INVALID_ARGUMENT if a part that an entry can't do without is not a closed name, a digest or a
// number in range. What a request may make up (an unknown MOU, purpose, record type) is left out
// where it is none.
absl::StatusOr<EncodedEntry> EncodeEntry(const Entry& entry, const RandomSource& random);

struct EntryStamp {
  int64_t time_ms = 0;
  absl::string_view writer;
  absl::string_view boot;
  uint64_t wseq = 0;
};

// The bytes. INVALID_ARGUMENT above kMaxEntryBytes.
absl::StatusOr<std::string> StampEntry(const EncodedEntry& entry, const EntryStamp& stamp);

// An entry as it was read: views into its bytes.
struct ParsedEntry {
  absl::string_view type;
  int64_t time_ms = 0;
  absl::string_view request;
  absl::string_view writer;
  absl::string_view boot;
  int64_t wseq = 0;
  JsonValue json;
};

// INVALID_ARGUMENT unless StampEntry could have made the bytes' frame.
absl::StatusOr<ParsedEntry> ParseEntry(absl::string_view body);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_ENTRY_ENCODING_H_
