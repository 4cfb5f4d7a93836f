#include "server/store/record_subjects.h"

#include <algorithm>

namespace sluice::server {
namespace {

constexpr size_t kIdBytes = sizeof(policy::SubjectId::bytes);

void AppendNumber(uint32_t number, std::string& bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
}

uint32_t NumberAt(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 |
         uint32_t{bytes[3]};
}

}  // namespace

void AppendRecordSubject(const DictionaryEntry& subject, std::string& bytes) {
  bytes.append(subject.id.bytes.begin(), subject.id.bytes.end());
  AppendNumber(subject.ordinal, bytes);
  AppendNumber(subject.name, bytes);
}

absl::StatusOr<size_t> CountRecordSubjects(absl::string_view bytes) {
  if (bytes.size() % kRecordSubjectBytes != 0) {
    return absl::DataLossError("a record's stored subjects have another length");
  }
  return bytes.size() / kRecordSubjectBytes;
}

DictionaryEntry RecordSubjectAt(absl::string_view bytes, size_t i) {
  const auto* const at = reinterpret_cast<const uint8_t*>(bytes.data()) + i * kRecordSubjectBytes;
  DictionaryEntry subject{.name = NumberAt(at + kIdBytes + 4), .ordinal = NumberAt(at + kIdBytes)};
  std::copy_n(at, kIdBytes, subject.id.bytes.begin());
  return subject;
}

}  // namespace sluice::server
