// The subjects of a stored record, one after the other as the record names them: each one's id, its
// ordinal, and the number of the name by which the record names it. The name stays for as long as
// the record's bytes do; a merge or split gives it another subject.
//
// Pure functions.
#ifndef SLUICE_SERVER_STORE_RECORD_SUBJECTS_H_
#define SLUICE_SERVER_STORE_RECORD_SUBJECTS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/pseudonym.h"

namespace sluice::server {

// One subject in its owner's dictionary, under one of its names.
struct DictionaryEntry {
  uint32_t name = 0;
  uint32_t ordinal = 0;
  policy::SubjectId id{};
};

inline constexpr size_t kRecordSubjectBytes = sizeof(policy::SubjectId::bytes) + 4 + 4;

void AppendRecordSubject(const DictionaryEntry& subject, std::string& bytes);
// How many there are; DATA_LOSS if the bytes are not whole.
absl::StatusOr<size_t> CountRecordSubjects(absl::string_view bytes);
// The i-th, below the count.
DictionaryEntry RecordSubjectAt(absl::string_view bytes, size_t i);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RECORD_SUBJECTS_H_
