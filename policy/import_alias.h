// Import aliases: what older versions of the Ed-Fi Data Standard and its `tpdm` extension call our
// record types and their fields. An alias names one field, never two. Read from the data files of
// aliases/, which are compiled in, and checked against the catalog.
//
// Immutable; keeps the catalog alive.
#ifndef SLUICE_POLICY_IMPORT_ALIAS_H_
#define SLUICE_POLICY_IMPORT_ALIAS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"

namespace sluice::policy {

// What an alias stands for.
struct AliasedField {
  const RecordType* type = nullptr;
  const Field* field = nullptr;  // a scalar of it, or a message where the parts have their own
};

class ImportAliases {
 public:
  static absl::StatusOr<std::shared_ptr<const ImportAliases>> BuiltIn(
      std::shared_ptr<const Catalog> catalog);
  // From files, by name and text; INVALID_ARGUMENT with file and line if one is not of the form
  // that aliases/README.md states.
  static absl::StatusOr<std::shared_ptr<const ImportAliases>> Parse(
      const std::vector<std::pair<std::string, std::string>>& files,
      std::shared_ptr<const Catalog> catalog);

  // The record type that an entity ("tpdm:Candidate") feeds; nullptr if none.
  const RecordType* FindType(absl::string_view entity) const;
  // What an entity's element ("tpdm:Candidate", "CandidateIdentifier") is. A trailing "Descriptor",
  // as files of codes have it, is not looked at. Null pointers if nothing.
  AliasedField FindField(absl::string_view entity, absl::string_view element) const;
  // The elements that name a scalar of a type, in order: (as the entity has it, the scalar).
  std::vector<std::pair<std::string, const Field*>> ElementsOf(const RecordType& type) const;
  size_t size() const { return fields_.size(); }

 private:
  class Parser;

  std::shared_ptr<const Catalog> catalog_;
  absl::flat_hash_map<std::string, const RecordType*> types_;
  absl::flat_hash_map<std::string, AliasedField> fields_;  // by "entity.element"
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_IMPORT_ALIAS_H_
