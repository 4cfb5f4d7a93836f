// Whom a disclosure is about: ordinals of an owner's dictionary as a Roaring bitmap in its portable
// form (https://github.com/RoaringBitmap/RoaringFormatSpec). That form is not canonical: the very
// bytes that were made are what is committed to and stored. They are written by the library, and
// read here, where they stand: the library trusts what it reads.
//
// Immutable.
#ifndef SLUICE_POLICY_SUBJECT_BITMAP_H_
#define SLUICE_POLICY_SUBJECT_BITMAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::policy {

// The container that an ordinal stands in: 65,536 of them each, from 0.
inline uint32_t ContainerOf(uint32_t ordinal) { return ordinal >> 16; }

class SubjectBitmap {
 public:
  // Of these ordinals, each once, sorted.
  static std::string Write(const std::vector<uint32_t>& ordinals);
  // Of bytes that must outlive it. DATA_LOSS unless all of them are one bitmap's, well formed in
  // every part.
  static absl::StatusOr<SubjectBitmap> Read(absl::string_view bytes);

  bool Contains(uint32_t ordinal) const;
  // How many there are.
  uint64_t size() const { return size_; }
  // Those in which there is an ordinal, sorted.
  std::vector<uint32_t> Containers() const;

 private:
  enum class Kind { kArray, kBits, kRuns };
  struct Container {
    uint32_t key;  // its number
    Kind kind;
    absl::string_view content;  // values, bits, or runs without their count
  };
  class Reader;

  std::vector<Container> containers_;
  uint64_t size_ = 0;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_SUBJECT_BITMAP_H_
