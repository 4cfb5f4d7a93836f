// The record types that an operator adds to the built-in ones: descriptor sets as `protoc
// --include_imports --descriptor_set_out` or `buf build` write them, and code sets. They are
// checked as the built-in ones are, and more strictly: nothing in them stands without an
// annotation.
//
// Pure; reading the files is the caller's.
#ifndef SLUICE_POLICY_OPERATOR_TYPES_H_
#define SLUICE_POLICY_OPERATOR_TYPES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"

namespace sluice::policy {

struct TypesFile {
  std::string name;  // `x.binpb`, a descriptor set, or `X.tsv`, a code set
  std::string bytes;
};

inline constexpr size_t kMaxTypesFileBytes = 4 << 20;

// Whether a directory's file is one of these.
bool IsTypesFileName(absl::string_view name);

// The built-in types and code sets, and those of the files. INVALID_ARGUMENT with file and reason
// for what is no descriptor set, and for a type that is not annotated throughout, contains itself,
// has a map, a oneof, no key, a scalar without presence, a code set that there is not, or a name
// that another type has.
absl::StatusOr<std::shared_ptr<const Catalog>> CatalogWithTypes(
    const std::vector<TypesFile>& files);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_OPERATOR_TYPES_H_
