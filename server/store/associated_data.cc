#include "server/store/associated_data.h"

#include <endian.h>

namespace sluice::server {
namespace {

// Each kind of piece begins with its own byte; what has no fixed length is preceded by it.
enum Kind : char { kRecord = 1, kLogOpening = 2, kDictionaryOpening = 3 };

void AppendNumber(uint64_t number, std::string& buffer) {
  const uint64_t big_endian = htobe64(number);
  buffer.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

void AppendCounted(absl::string_view bytes, std::string& buffer) {
  AppendNumber(bytes.size(), buffer);
  buffer.append(bytes.data(), bytes.size());
}

}  // namespace

absl::string_view AssociatedData(const OfRecord& of, std::string& buffer) {
  buffer.assign(1, kRecord);
  AppendNumber(static_cast<uint64_t>(of.position), buffer);
  buffer.append(of.record_id.begin(), of.record_id.end());
  AppendCounted(of.owner, buffer);
  AppendCounted(of.record_type, buffer);
  AppendCounted(of.subjects, buffer);
  AppendCounted(of.identity, buffer);
  return buffer;
}

absl::string_view AssociatedData(const OfLogOpening& of, std::string& buffer) {
  buffer.assign(1, kLogOpening);
  AppendNumber(of.index, buffer);
  AppendCounted(of.owner, buffer);
  AppendCounted(of.field, buffer);
  return buffer;
}

absl::string_view AssociatedData(const OfDictionaryOpening& of, std::string& buffer) {
  buffer.assign(1, kDictionaryOpening);
  AppendNumber(of.ordinal, buffer);
  AppendCounted(of.owner, buffer);
  return buffer;
}

}  // namespace sluice::server
