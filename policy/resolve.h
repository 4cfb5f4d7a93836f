// Resolves the names of a document to what they stand for: fields of the catalog, codes of their
// sets, civil days. What can't be resolved is a finding. Both `check` and the compiler begin here.
//
// Pure.
#ifndef SLUICE_POLICY_RESOLVE_H_
#define SLUICE_POLICY_RESOLVE_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "policy/catalog.h"
#include "policy/compiled_mou.h"
#include "policy/finding.h"
#include "policy/mou_document.h"

namespace sluice::policy {

struct ResolvedMou {
  CivilPeriod term;
  absl::TimeZone time_zone;
  // As many as the document has, in its order; what could not be resolved is left out of one.
  std::vector<CompiledGrant> grants;
  std::vector<CompiledProhibition> prohibitions;
  // Record types that the document names and the catalog does not hold as they are pinned.
  absl::flat_hash_set<std::string> unavailable_types;
  std::vector<Finding> findings;
};

enum class Unpinned {
  kResolve,  // a draft: by the catalog's version of the type
  kLeave,    // what is not held as it is pinned has no meaning
};

ResolvedMou Resolve(const MouDocument& document, const Catalog& catalog, Unpinned unpinned);

// A finding of a document.
Finding FindingAt(const MouDocument& document, absl::string_view id, Severity severity,
                  absl::string_view path, std::string message, std::string hint = "");

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_RESOLVE_H_
