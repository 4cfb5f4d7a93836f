#include "policy/compiled_mou.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "policy/checks.h"
#include "policy/resolve.h"

namespace sluice::policy {

absl::StatusOr<std::shared_ptr<const CompiledMou>> CompiledMou::Compile(
    const MouDocument& document, std::shared_ptr<const Catalog> catalog) {
  if (!document.well_formed()) {
    return absl::InvalidArgumentError(
        absl::StrCat(document.file_name(), ": the document could not be read without errors"));
  }
  ResolvedMou resolved = Resolve(document, *catalog, Unpinned::kLeave);
  for (const std::vector<Finding>& findings :
       {resolved.findings, CheckDocument(document), CheckGrants(document, resolved),
        CheckPairs(document, resolved)}) {
    for (const Finding& finding : findings) {
      // P023: what it says is then of another version of the type, and stays unavailable.
      if (finding.severity == Severity::kError && finding.id != "P023") {
        return absl::InvalidArgumentError(finding.ToString());
      }
    }
  }
  // Not make_shared: the constructor is nobody else's.
  std::shared_ptr<CompiledMou> mou(new CompiledMou());
  mou->mou_ = document.mou();
  mou->document_digest_ = document.digest();
  mou->term_ = resolved.term;
  mou->time_zone_ = resolved.time_zone;
  mou->grants_ = std::move(resolved.grants);
  mou->prohibitions_ = std::move(resolved.prohibitions);
  mou->unavailable_types_ = std::move(resolved.unavailable_types);
  mou->catalog_ = std::move(catalog);
  return mou;
}

bool CompiledMou::IsParty(absl::string_view organization) const {
  return std::any_of(mou_.parties().begin(), mou_.parties().end(),
                     [&](const v1::Party& p) { return p.organization() == organization; });
}

}  // namespace sluice::policy
