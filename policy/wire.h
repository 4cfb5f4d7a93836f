// The protobuf wire format: reading one element after the other, strictly, and writing. Strictly:
// a tag, a length or a number in more bytes than it needs is malformed, and so is a group. What
// was published was brought to the shortest form (record_validator.h); a longer one is no record
// of ours.
//
// Values.
#ifndef SLUICE_POLICY_WIRE_H_
#define SLUICE_POLICY_WIRE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace sluice::policy::wire {

enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Varint {
  uint64_t value;
  const char* next;  // nullptr: malformed
};

inline Varint ReadLongVarint(const char* p, const char* end) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && p < end; shift += 7) {
    const auto byte = static_cast<uint8_t>(*p++);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return {value, byte == 0 && shift > 0 ? nullptr : p};
  }
  return {0, nullptr};
}

inline Varint ReadVarint(const char* p, const char* end) {
  if (p < end && static_cast<uint8_t>(*p) < 0x80) return {static_cast<uint8_t>(*p), p + 1};
  return ReadLongVarint(p, end);
}

// One field's occurrence.
struct Element {
  uint32_t number;
  uint32_t type;
  uint64_t value;       // of a number; of kBytes: the length
  const char* payload;  // kBytes
  const char* next;     // nullptr: malformed

  absl::string_view bytes() const { return {payload, static_cast<size_t>(value)}; }
};

// Always inline: an element that is returned through memory is stored in words and loaded as a
// vector, which the processor can't forward, and that costs more than all the reading.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Element ReadElement(const char* p, const char* end) {
  constexpr Element kMalformed = {0, 0, 0, nullptr, nullptr};
  const Varint tag = ReadVarint(p, end);
  if (tag.next == nullptr || tag.value > std::numeric_limits<uint32_t>::max()) return kMalformed;
  const auto number = static_cast<uint32_t>(tag.value >> 3);
  const auto type = static_cast<uint32_t>(tag.value & 7);
  if (number == 0) return kMalformed;
  switch (type) {
    case kVarint: {
      const Varint v = ReadVarint(tag.next, end);
      return {number, type, v.value, nullptr, v.next};
    }
    case kBytes: {
      const Varint length = ReadVarint(tag.next, end);
      if (length.next == nullptr || length.value > static_cast<uint64_t>(end - length.next)) {
        return kMalformed;
      }
      return {number, type, length.value, length.next, length.next + length.value};
    }
    case kFixed64: {
      uint64_t value = 0;
      if (end - tag.next < 8) return kMalformed;
      std::memcpy(&value, tag.next, 8);
      return {number, type, value, nullptr, tag.next + 8};
    }
    case kFixed32: {
      uint32_t value = 0;
      if (end - tag.next < 4) return kMalformed;
      std::memcpy(&value, tag.next, 4);
      return {number, type, value, nullptr, tag.next + 4};
    }
    default:
      return kMalformed;
  }
}

using FieldType = google::protobuf::FieldDescriptor::Type;
using Field = google::protobuf::FieldDescriptor;

// How a singular field of the type stands on the wire.
inline Type TypeOf(FieldType type) {
  switch (type) {
    case Field::TYPE_DOUBLE:
    case Field::TYPE_FIXED64:
    case Field::TYPE_SFIXED64:
      return kFixed64;
    case Field::TYPE_FLOAT:
    case Field::TYPE_FIXED32:
    case Field::TYPE_SFIXED32:
      return kFixed32;
    case Field::TYPE_STRING:
    case Field::TYPE_BYTES:
    case Field::TYPE_MESSAGE:
    case Field::TYPE_GROUP:
      return kBytes;
    case Field::TYPE_INT32:
    case Field::TYPE_INT64:
    case Field::TYPE_UINT32:
    case Field::TYPE_UINT64:
    case Field::TYPE_SINT32:
    case Field::TYPE_SINT64:
    case Field::TYPE_BOOL:
    case Field::TYPE_ENUM:
      break;
  }
  return kVarint;
}

// Whether a number on the wire is one that the type holds, in the form that writers give it.
inline bool IsCanonical(FieldType type, uint64_t raw) {
  switch (type) {
    case Field::TYPE_INT32:
      return raw == static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(raw)));
    case Field::TYPE_UINT32:
    case Field::TYPE_SINT32:
      return raw <= std::numeric_limits<uint32_t>::max();
    case Field::TYPE_BOOL:
      return raw <= 1;
    default:
      return true;
  }
}

inline bool IsUnsigned64(FieldType type) {
  return type == Field::TYPE_UINT64 || type == Field::TYPE_FIXED64;
}

// The number behind `raw`, of any integer type but the unsigned ones of 64 bits.
inline int64_t SignedOf(FieldType type, uint64_t raw) {
  switch (type) {
    case Field::TYPE_SINT32:
    case Field::TYPE_SINT64:
      return static_cast<int64_t>(raw >> 1 ^ (~(raw & 1) + 1));
    case Field::TYPE_SFIXED32:
      return static_cast<int32_t>(static_cast<uint32_t>(raw));
    default:
      return static_cast<int64_t>(raw);
  }
}

inline uint64_t RawOf(FieldType type, int64_t value) {
  switch (type) {
    case Field::TYPE_SINT32:
    case Field::TYPE_SINT64:
      return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
    case Field::TYPE_SFIXED32:
    case Field::TYPE_FIXED32:
      return static_cast<uint32_t>(value);
    default:
      return static_cast<uint64_t>(value);
  }
}

inline uint32_t Tag(uint32_t number, Type type) { return number << 3 | type; }

// Bytes that are being written; keeps its memory from one record to the next.
class Writer {
 public:
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }
  absl::string_view bytes() const { return {bytes_.get(), size_}; }
  void Truncate(size_t size) { size_ = size; }

  // Room for `n` bytes, already counted.
  char* Grow(size_t n) {
    if (capacity_ - size_ < n) Reallocate(n);
    char* const at = bytes_.get() + size_;
    size_ += n;
    return at;
  }
  void Bytes(absl::string_view bytes) {
    if (!bytes.empty()) std::memcpy(Grow(bytes.size()), bytes.data(), bytes.size());
  }
  void Number(uint64_t value) {
    while (value >= 0x80) {
      *Grow(1) = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *Grow(1) = static_cast<char>(value);
  }
  void Fixed(uint64_t value, size_t bytes) { std::memcpy(Grow(bytes), &value, bytes); }
  void String(uint32_t tag, absl::string_view bytes) {
    Number(tag);
    Number(bytes.size());
    Bytes(bytes);
  }

  // Opens a length-delimited element: writes its tag and leaves a byte for its length.
  size_t Open(uint32_t tag) {
    const size_t begin = size_;
    Number(tag);
    Grow(1);
    return begin;
  }
  // Closes what Open opened. An empty one is taken back, tag and all.
  void Close(size_t begin, uint32_t tag) {
    const size_t payload = begin + TagBytes(tag) + 1;
    const size_t length = size_ - payload;
    if (length == 0) {
      size_ = begin;
    } else if (length < 0x80) {
      bytes_[payload - 1] = static_cast<char>(length);
    } else {
      const size_t more = VarintBytes(length) - 1;
      Grow(more);
      std::memmove(bytes_.get() + payload + more, bytes_.get() + payload, length);
      const size_t end = size_;
      size_ = payload - 1;
      Number(length);
      size_ = end;
    }
  }

 private:
  static size_t VarintBytes(uint64_t value) {
    size_t n = 1;
    while (value >>= 7) ++n;
    return n;
  }
  static size_t TagBytes(uint32_t tag) { return VarintBytes(tag); }

  void Reallocate(size_t n) {
    const size_t capacity = std::max(size_ + n, capacity_ * 2 + 256);
    std::unique_ptr<char[]> bytes(new char[capacity]);
    if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace sluice::policy::wire

#endif  // SLUICE_POLICY_WIRE_H_
