// The mappings that Sluice brings, and which of them a file is for.
//
// Immutable.
#ifndef SLUICE_CLIENT_IMPORT_MAPPING_LIBRARY_H_
#define SLUICE_CLIENT_IMPORT_MAPPING_LIBRARY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/import/mapping.h"
#include "policy/catalog.h"

namespace sluice::client {

class MappingLibrary {
 public:
  // INTERNAL if a mapping that Sluice brings does not fit the catalog.
  static absl::StatusOr<MappingLibrary> BuiltIn(const policy::Catalog& catalog);

  // In order of name.
  const std::vector<Mapping>& mappings() const { return mappings_; }
  // Null if there is none.
  const Mapping* Find(absl::string_view name) const;
  // As it was written. Empty if there is none.
  static absl::string_view TextOf(absl::string_view name);

  // Those of a format that a file is for: by its name; failing that, by a header that has all of a
  // mapping's columns. Several, where it holds records of several types. NOT_FOUND with the names
  // that are known, INVALID_ARGUMENT where two mappings of one type fit alike.
  absl::StatusOr<std::vector<const Mapping*>> Recognize(
      MappingFormat format, const std::string& file_name,
      const std::vector<std::string>& columns) const;

 private:
  std::vector<Mapping> mappings_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_MAPPING_LIBRARY_H_
