#include "server/store/associated_data.h"

#include <endian.h>

#include <algorithm>
#include <cstring>

namespace sluice::server {
namespace {

// Each kind of piece begins with its own byte; what has no fixed length is preceded by it.
enum Kind : char { kRecord = 1, kLogOpening = 2, kDictionaryOpening = 3 };

char* PutNumber(uint64_t number, char* at) {
  const uint64_t big_endian = htobe64(number);
  std::memcpy(at, &big_endian, sizeof big_endian);
  return at + sizeof big_endian;
}

char* PutBytes(absl::string_view bytes, char* at) {
  std::copy(bytes.begin(), bytes.end(), at);
  return at + bytes.size();
}

void AppendNumber(uint64_t number, std::string& buffer) {
  const uint64_t big_endian = htobe64(number);
  buffer.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

void AppendCounted(absl::string_view bytes, std::string& buffer) {
  AppendNumber(bytes.size(), buffer);
  buffer.append(bytes.data(), bytes.size());
}

}  // namespace

// Of each record that is read: in one go, in a buffer that only grows.
absl::string_view AssociatedData(const OfRecord& of, std::string& buffer) {
  const absl::string_view counted[] = {of.owner, of.record_type, of.subjects, of.identity};
  size_t size = 1 + sizeof of.position + of.record_id.size();
  for (const absl::string_view part : counted) size += sizeof(uint64_t) + part.size();
  if (buffer.size() < size) buffer.resize(size);
  char* at = buffer.data();
  *at++ = kRecord;
  at = PutNumber(static_cast<uint64_t>(of.position), at);
  at = PutBytes({reinterpret_cast<const char*>(of.record_id.data()), of.record_id.size()}, at);
  for (const absl::string_view part : counted) at = PutBytes(part, PutNumber(part.size(), at));
  return absl::string_view(buffer).substr(0, size);
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
