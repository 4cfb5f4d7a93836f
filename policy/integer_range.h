// The integers that a field's type on the wire holds.
//
// A value.
#ifndef SLUICE_POLICY_INTEGER_RANGE_H_
#define SLUICE_POLICY_INTEGER_RANGE_H_

#include <cstdint>
#include <limits>

#include "absl/numeric/int128.h"
#include "google/protobuf/descriptor.h"

namespace sluice::policy {

struct IntegerRange {
  absl::int128 min = 0;
  absl::int128 max = -1;

  bool empty() const { return max < min; }
};

// The years of a date.
inline constexpr int kMinYear = 1;
inline constexpr int kMaxYear = 9999;

// Empty for a type that holds no integer.
inline IntegerRange RangeOf(google::protobuf::FieldDescriptor::Type type) {
  using Wire = google::protobuf::FieldDescriptor;
  switch (type) {
    case Wire::TYPE_INT32:
    case Wire::TYPE_SINT32:
    case Wire::TYPE_SFIXED32:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    case Wire::TYPE_INT64:
    case Wire::TYPE_SINT64:
    case Wire::TYPE_SFIXED64:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
    case Wire::TYPE_UINT32:
    case Wire::TYPE_FIXED32:
      return {0, std::numeric_limits<uint32_t>::max()};
    case Wire::TYPE_UINT64:
    case Wire::TYPE_FIXED64:
      return {0, std::numeric_limits<uint64_t>::max()};
    case Wire::TYPE_DOUBLE:
    case Wire::TYPE_FLOAT:
    case Wire::TYPE_BOOL:
    case Wire::TYPE_STRING:
    case Wire::TYPE_GROUP:
    case Wire::TYPE_MESSAGE:
    case Wire::TYPE_BYTES:
    case Wire::TYPE_ENUM:
      break;
  }
  return {};
}

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_INTEGER_RANGE_H_
