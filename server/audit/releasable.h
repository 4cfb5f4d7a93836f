// A chunk of rows that are as they may leave: after field rules and release rules, before their
// disclosure is in the log. Only the projection step makes one, and Send takes it together with its
// receipt.
//
// Move-only; the address of its rows is what a receipt is for.
#ifndef SLUICE_SERVER_AUDIT_RELEASABLE_H_
#define SLUICE_SERVER_AUDIT_RELEASABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/store/scan_place.h"

namespace sluice::server {

struct ReleasedRow {
  char row_id[26];
  uint32_t begin = 0;  // of its bytes in `bytes`
  uint32_t size = 0;
};

// The rows of one chunk, in order of `row_id`.
struct ReleasedRows {
  std::string bytes;
  std::vector<ReleasedRow> rows;
  std::vector<uint32_t> subjects;  // ordinals, sorted, each once
  ScanPlace from;                  // the places that the chunk covers: [from, until)
  ScanPlace until;
  bool last = false;        // nothing follows
  int64_t retractions = 0;  // the owner's, before the first of them was read: OptedOut
};

class Releasable {
 public:
  Releasable(Releasable&&) = default;
  Releasable& operator=(Releasable&&) = default;

  const ReleasedRows& rows() const { return *rows_; }
  const void* id() const { return rows_.get(); }

 private:
  friend class Release;
  friend class ReleasableForTest;  // defined in tests/support alone
  explicit Releasable(std::unique_ptr<const ReleasedRows> rows) : rows_(std::move(rows)) {}

  std::unique_ptr<const ReleasedRows> rows_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_RELEASABLE_H_
