// Under which names a request asks for a person: the id as it is given, and as each of the
// catalog's fields of its id space would have it in a record.
//
// Pure.
#ifndef SLUICE_SERVER_SUBJECT_NAMES_H_
#define SLUICE_SERVER_SUBJECT_NAMES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/catalog.h"
#include "policy/record_validator.h"

namespace sluice::server {

struct AskedSubject {
  std::string id_space;
  std::string id;
  std::string source_system;  // of a person's id
};

inline constexpr size_t kMaxSubjectIdBytes = 256;

// The id, and what it is in the forms of that id space.
std::set<std::string> FormsOf(const policy::Catalog& catalog, const AskedSubject& asked);

// INVALID_ARGUMENT, which may leave, if it names nobody by this catalog.
absl::StatusOr<std::vector<policy::SubjectName>> NamesOf(const policy::Catalog& catalog,
                                                         const AskedSubject& asked);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_SUBJECT_NAMES_H_
