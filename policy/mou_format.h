// The canonical text of an MOU document: keys in the order of POLICY's table, two blanks a level,
// 100 columns, quotes where they are needed. What parties read one by one (parties, pins, purposes,
// grants, fields) stands on lines of its own, the rest on one line where it fits. What is written
// says the same, and its canonical text is itself. Comments are kept: a line above the node that it
// stood above, what stood beside a node beside it.
//
// Pure.
#ifndef SLUICE_POLICY_MOU_FORMAT_H_
#define SLUICE_POLICY_MOU_FORMAT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/catalog.h"
#include "policy/finding.h"
#include "policy/mou_document.h"

namespace sluice::policy {

// Record types with their digests.
using TypePins = std::vector<std::pair<std::string, std::string>>;

struct NamedTypes {
  // Each type that the document names, in its `catalog`, a grant or a prohibition, once.
  TypePins pins;
  // Of each that the catalog does not have.
  std::vector<Finding> findings;
};
NamedTypes NamedTypesOf(const MouDocument& document, const Catalog& catalog);

// With `pins` the document's `catalog` has these digests; what else it pins stays.
// FAILED_PRECONDITION if the document is not well formed; INTERNAL, which is a fault of ours, if
// the text would not say the same.
absl::StatusOr<std::string> FormatMou(const MouDocument& document, const TypePins& pins = {});

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_FORMAT_H_
