// Decide: may this caller, at this time, for this purpose? A Permit with its plan, or a Denial with
// a stable code and the nearest grants. Pure: POLICY section 2, in its order.
#ifndef SLUICE_POLICY_DECIDE_H_
#define SLUICE_POLICY_DECIDE_H_

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "policy/compiled_mou.h"
#include "policy/plan.h"
#include "policy/plan_index.h"
#include "sluice/v1/decision.pb.h"

namespace sluice::policy {

// The kinds of principal that a SPIFFE path names.
enum class PrincipalKind { kSystem, kAdmin, kAuditor, kSignatory, kOperator };

// What is asked. `time` never goes back from one request to the next: the caller sees to that.
struct Request {
  PrincipalKind kind = PrincipalKind::kSystem;
  absl::string_view organization;
  std::optional<absl::string_view> mou;
  absl::string_view purpose;
  absl::string_view record_type;
  v1::Operation operation = v1::OPERATION_UNSPECIFIED;
  absl::Time time;
  // Whether configuration lets this principal claim this purpose.
  bool purpose_permitted = true;
};

// One version of an MOU and what lies over it.
struct MouVersion {
  std::shared_ptr<const CompiledMou> mou;
  // Parties without a signature that verifies, or whose signature was voided since. Empty: signed.
  std::vector<std::string> unsigned_parties;
  bool ever_signed = false;
  bool suspended = false;
  // Superseded, or ended: for good, whatever becomes of those after it.
  bool over = false;
  std::optional<absl::CivilDay> terminated_on;
  absl::flat_hash_set<std::string> withdrawn_grants;
};

// All versions of all MOUs, as of one moment.
class MouSet {
 public:
  static std::shared_ptr<const MouSet> Create(std::vector<MouVersion> versions);

  // In order of version; empty if there is none.
  const std::vector<MouVersion>& Versions(absl::string_view mou) const;
  // The MOUs that an organization is a party of, in order of name: of a version that all have
  // signed, or of the newest proposal where no version of that MOU ever was. Who is only named by a
  // proposal that lies over a signed MOU is not made a party by it.
  const std::vector<std::string>& MousOf(absl::string_view organization) const;
  // Those any version of which names the organization as a party, in order of name: whose parties
  // are told of it.
  const std::vector<std::string>& MousNaming(absl::string_view organization) const;

 private:
  friend class DecisionMaker;
  struct Mou {
    std::vector<MouVersion> versions;
    std::vector<std::unique_ptr<PlanIndex>> plans;  // of each version
    absl::flat_hash_set<std::string> parties;       // as MousOf has it
  };

  absl::node_hash_map<std::string, Mou> mous_;
  using Names = absl::flat_hash_map<std::string, std::vector<std::string>>;
  static const std::vector<std::string>& Find(const Names& names, absl::string_view organization);
  Names by_party_;
  Names naming_;
  // The MOUs that may have a plan for a request that names none.
  PlanKeyMap<std::vector<const Mou*>> by_request_;
};

// The right to read, of one caller for one request. Only Decide makes one.
class Permit {
 public:
  Permit(Permit&&) = default;
  Permit& operator=(Permit&&) = default;

  const CompiledMou& mou() const { return *mou_; }
  const Plan& plan() const { return *plan_; }
  const std::shared_ptr<const Plan>& shared_plan() const { return plan_; }
  const std::string& purpose() const { return *purpose_; }
  v1::Operation operation() const { return operation_; }

 private:
  friend class DecisionMaker;
  friend class PermitForTest;  // defined in tests/support alone
  Permit() = default;

  std::shared_ptr<const CompiledMou> mou_;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<const std::string> purpose_;  // never null
  v1::Operation operation_ = v1::OPERATION_UNSPECIFIED;
};

struct Denial {
  v1::DenialCode code = v1::DENIAL_CODE_INTERNAL;
  std::string mou;              // named or found; may be empty
  int version = 0;              // 0: none
  std::string document_digest;  // empty: none
  std::vector<v1::NearestGrant> nearest;
  std::vector<std::string> unsigned_parties;  // of NOT_SIGNED
  // A sentence; `Explain` says more.
  std::string explanation;
};

using Decision = std::variant<Permit, Denial>;

Decision Decide(const MouSet& mous, const Request& request);

// Whether a principal of this kind may call an RPC that is no operation of Decide, by its name
// ("PublishRecords"): Decide's first step alone.
bool MayCall(PrincipalKind kind, absl::string_view rpc);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_DECIDE_H_
