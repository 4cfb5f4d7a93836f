// A catalog as it is kept: the descriptors and code sets that its record types were read from. A
// document that pins a type by its digest keeps its meaning when a newer version of the type is in
// use; this is what that needs.
//
// Pure.
#ifndef SLUICE_POLICY_KEPT_CATALOG_H_
#define SLUICE_POLICY_KEPT_CATALOG_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"

namespace sluice::policy {

// The bytes of a v1.KeptCatalog.
std::string Keep(const Catalog& catalog);

// The same catalog from them. The digests of its types say whether it is.
absl::StatusOr<std::shared_ptr<const Catalog>> CatalogFromKept(absl::string_view bytes);

// Whether records of the one version can be read by the other: what stands in both has the same
// number and type, and the same key and subjects come of a record. FAILED_PRECONDITION with the
// field if not.
absl::Status CheckFollows(const RecordType& now, const RecordType& before);

// The catalog with the types that older ones had. Fails if one of its types does not follow one of
// the same name.
absl::StatusOr<std::shared_ptr<const Catalog>> CatalogAfter(std::shared_ptr<const Catalog> current,
                                                            const std::vector<std::string>& kept);

// Whether the kept catalogs have every version that the catalog has in use.
bool IsKept(const Catalog& catalog, const std::vector<std::string>& kept);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_KEPT_CATALOG_H_
