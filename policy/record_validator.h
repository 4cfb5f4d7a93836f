// What a record must be before it is stored: its type's wire form, nothing the type does not know
// at any depth, valid UTF-8, its key whole. Gives the canonical bytes (fields in order of number,
// each singular one once), the key's canonical form and the subjects it names.
//
// Immutable; thread-safe.
#ifndef SLUICE_POLICY_RECORD_VALIDATOR_H_
#define SLUICE_POLICY_RECORD_VALIDATOR_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/catalog.h"

namespace sluice::policy {

// A subject as a record names it. Not printable.
struct SubjectName {
  std::string id_space;
  std::string
      id;  // canonical form; where the id has a scope, the scope's length and the scope first
};

// The subject that an id names, in the form that records name it; nullopt where they could not: not
// UTF-8, empty, an id of a person without its scope, or another's with one.
std::optional<SubjectName> NameSubject(absl::string_view id_space, absl::string_view id_scope,
                                       absl::string_view id);

// What a record of a type that joins ids says: whose id this is. Not printable.
struct Identity {
  SubjectName name;
  std::string person;  // canonical form; the owner's own
};

struct ValidRecord {
  std::string bytes;
  std::string key;  // canonical: equal keys, equal bytes. Empty for key-only errors
  std::vector<SubjectName> subjects;  // one for each occurrence, in the order of the bytes
  std::optional<Identity> identity;   // of a type that joins ids, unless only its key was read
};

// What is wrong with a record. Never holds a value.
struct RecordProblem {
  std::string field;  // path; empty: the record as a whole
  std::string
      reason;  // UNKNOWN_FIELD, INVALID_UTF8, KEY_MISSING, TOO_LARGE, MALFORMED, INVALID_VALUE
  std::string description;
};

struct Validation {
  ValidRecord record;  // of use only without problems
  std::vector<RecordProblem> problems;
};

inline constexpr size_t kMaxRecordBytes = 1 << 20;
// A record with so many problems is read no further.
inline constexpr size_t kMaxRecordProblems = 16;
// Persons that one record may name: what it costs to say whom a disclosure is about.
inline constexpr size_t kMaxRecordSubjects = 256;

// `key_only`: for a deletion; nothing but the key need be there.
Validation ValidateRecord(const RecordType& type, absl::string_view bytes, bool key_only = false);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_RECORD_VALIDATOR_H_
