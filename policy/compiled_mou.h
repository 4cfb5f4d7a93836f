// One version of an MOU, compiled from its document's bytes: names resolved to the catalog's
// fields, dates to civil days, rules checked. What was signed is what was compiled.
//
// Immutable.
#ifndef SLUICE_POLICY_COMPILED_MOU_H_
#define SLUICE_POLICY_COMPILED_MOU_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "policy/box.h"
#include "policy/catalog.h"
#include "policy/mou_document.h"
#include "policy/plan.h"
#include "sluice/v1/mou.pb.h"

namespace sluice::policy {

// [effective, expires)
struct CivilPeriod {
  absl::CivilDay effective;
  absl::CivilDay expires;
  bool Contains(absl::CivilDay day) const { return effective <= day && day < expires; }
};

struct CompiledGrant {
  std::string purpose;
  std::string record_type;
  std::vector<std::string> to;
  std::vector<v1::Operation> operations;
  CivilPeriod period;
  // Null if the gateway does not hold the type version pinned: CATALOG_UNAVAILABLE. `grant` has
  // then its name, owner and line only.
  const RecordType* type = nullptr;
  PlanGrant grant;
};

struct CompiledProhibition {
  std::vector<std::string> to;        // empty: all
  std::vector<std::string> purposes;  // empty: all
  std::string record_type;            // empty: all
  CivilPeriod period;
  // By record type that it is about: a box names fields of one type.
  PlanProhibition prohibition;
};

class CompiledMou {
 public:
  // Fails if the document has a finding of severity E other than those of the catalog's being
  // elsewhere (P023): the caller shows Check's findings first.
  static absl::StatusOr<std::shared_ptr<const CompiledMou>> Compile(
      const MouDocument& document, std::shared_ptr<const Catalog> catalog);

  const v1::Mou& mou() const { return mou_; }
  const std::string& name() const { return mou_.mou(); }
  int version() const { return mou_.version(); }
  // `sha256:` of the document's bytes.
  const std::string& document_digest() const { return document_digest_; }
  const CivilPeriod& term() const { return term_; }
  const absl::TimeZone& time_zone() const { return time_zone_; }
  const std::vector<CompiledGrant>& grants() const { return grants_; }
  const std::vector<CompiledProhibition>& prohibitions() const { return prohibitions_; }
  bool IsParty(absl::string_view organization) const;
  // Whether a record type that the document names is held as it is pinned. True of a name that the
  // document does not have: no grant is of it.
  bool Holds(absl::string_view record_type) const {
    return !unavailable_types_.contains(record_type);
  }
  const std::shared_ptr<const Catalog>& catalog() const { return catalog_; }

 private:
  CompiledMou() = default;

  v1::Mou mou_;
  std::string document_digest_;
  CivilPeriod term_;
  absl::TimeZone time_zone_;
  std::vector<CompiledGrant> grants_;
  std::vector<CompiledProhibition> prohibitions_;
  absl::flat_hash_set<std::string> unavailable_types_;
  std::shared_ptr<const Catalog> catalog_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_COMPILED_MOU_H_
