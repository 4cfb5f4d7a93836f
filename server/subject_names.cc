#include "server/subject_names.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/canonical_form.h"
#include "server/error.h"

namespace sluice::server {
namespace {

absl::Status CheckId(const policy::Catalog& catalog, const AskedSubject& asked) {
  std::set<std::string> spaces;
  for (const policy::RecordType* const type : catalog.types()) {
    for (const policy::Field* const leaf : type->leaves()) {
      if (leaf->names_subject()) spaces.insert(leaf->id_space);
    }
  }
  if (spaces.count(asked.id_space) == 0) {
    return Invalid("id_space", absl::StrCat("is none of the catalog's, which are ",
                                            absl::StrJoin(spaces, ", ")));
  }
  for (const auto& [field, text] :
       {std::pair("id", &asked.id), std::pair("source_system", &asked.source_system)}) {
    if (text->size() > kMaxSubjectIdBytes) {
      return Invalid(field, absl::StrCat("is longer than ", kMaxSubjectIdBytes, " bytes"));
    }
  }
  if (asked.id.empty()) return Invalid("id", "must be given");
  return absl::OkStatus();
}

}  // namespace

std::set<std::string> FormsOf(const policy::Catalog& catalog, const AskedSubject& asked) {
  std::set<std::string> ids = {asked.id};
  for (const policy::RecordType* const type : catalog.types()) {
    for (const policy::Field* const leaf : type->leaves()) {
      if (leaf->id_space != asked.id_space) continue;
      const std::optional<std::string> id = policy::Canonical(asked.id, leaf->canonical_form);
      if (id) ids.insert(*id);
    }
  }
  return ids;
}

absl::StatusOr<std::vector<policy::SubjectName>> NamesOf(const policy::Catalog& catalog,
                                                         const AskedSubject& asked) {
  if (const absl::Status s = CheckId(catalog, asked); !s.ok()) return s;
  std::vector<policy::SubjectName> names;
  for (const std::string& id : FormsOf(catalog, asked)) {
    std::optional<policy::SubjectName> name =
        policy::NameSubject(asked.id_space, asked.source_system, id);
    if (!name) {
      return Invalid("id",
                     "names nobody: an id of a person needs its source_system, any other has none");
    }
    names.push_back(*std::move(name));
  }
  return names;
}

}  // namespace sluice::server
