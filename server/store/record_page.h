// A page of a scan: records that were opened side by side, in memory that is used again, so that
// what follows can do its work on many of them at once.
//
// One a reader, one thread at a time.
#ifndef SLUICE_SERVER_STORE_RECORD_PAGE_H_
#define SLUICE_SERVER_STORE_RECORD_PAGE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/store/associated_data.h"
#include "server/store/opening_keys.h"
#include "server/store/sealed_bytes.h"
#include "server/store/store.h"

namespace sluice::server {

class RecordPage {
 public:
  // It is full with the record that reaches one of these.
  static constexpr size_t kMostRecords = 64;
  static constexpr size_t kMostBytes = 64 << 10;

  // Opens a row of `record` and takes it in. DATA_LOSS if it is not as it was sealed, or stands at
  // another place; else as OpeningKeys says.
  absl::Status Add(OpeningKeys& keys, const OfRecord& of, int64_t ordinal,
                   absl::string_view sealed);
  bool full() const { return records_.size() >= kMostRecords || used_ >= kMostBytes; }
  bool empty() const { return records_.empty(); }
  // Lent until the page is changed.
  absl::Span<const StoredRecord> records();
  void Clear();

 private:
  // Where a record's parts begin, while what they stand in still grows.
  struct Begin {
    size_t bytes;
    size_t subjects;
  };

  std::string bytes_;
  size_t used_ = 0;  // of them
  std::vector<policy::SubjectId> ids_;
  std::vector<uint32_t> ordinals_;
  std::vector<Begin> begins_;
  std::vector<std::array<char, kSealTagBytes>> tags_;
  std::vector<StoredRecord> records_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RECORD_PAGE_H_
