// The catalog that a gateway runs with: the built-in types, the operator's own, and the versions of
// both that the store keeps from before, so that a document in force keeps its meaning.
#ifndef SLUICE_SERVER_CATALOG_STORE_H_
#define SLUICE_SERVER_CATALOG_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/catalog.h"
#include "policy/operator_types.h"
#include "server/store/store.h"

namespace sluice::server {

// The descriptor sets and code sets of a directory, in order of name; none if it is empty "".
absl::StatusOr<std::vector<policy::TypesFile>> ReadTypes(const std::string& directory);

// Fails, and keeps nothing, if a type is wrong in itself or does not follow the version in use.
absl::StatusOr<std::shared_ptr<const policy::Catalog>> OpenCatalog(const std::string& directory,
                                                                   Store& store);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_CATALOG_STORE_H_
