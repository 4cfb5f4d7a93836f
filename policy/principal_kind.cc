#include <algorithm>
#include <array>

#include "policy/decide.h"

namespace sluice::policy {
namespace {

struct Right {
  absl::string_view rpc;
  bool system, admin, auditor, operator_;
};

// An administrator gets and reads records as their owner only: Decide's operations are a system's.
constexpr std::array<Right, 38> kRights = {{
    {"PublishRecords", true, false, false, false},
    {"DeleteRecords", true, false, false, false},
    {"GetRecord", true, true, false, false},
    {"ReadRecords", true, true, false, false},
    {"GetRecordStatus", true, true, false, false},
    {"ReadOwnRecords", true, true, false, false},
    {"WithdrawRecords", true, true, false, false},
    {"PreviewGrant", true, true, false, false},
    {"ExplainRow", true, true, false, false},
    {"ListGrants", true, true, false, false},
    {"ExplainDecision", true, true, false, false},
    {"ListEntries", false, true, true, true},
    {"GetInclusionProof", false, true, true, true},
    {"ListSubjectDisclosures", false, true, true, false},
    {"ListOpenings", false, true, true, false},
    {"EraseSubject", false, true, false, false},
    {"OptOut", false, true, false, false},
    {"OptIn", false, true, false, false},
    {"CheckOptOuts", false, true, false, false},
    // Checkpoints go to every party.
    {"GetCheckpoint", true, true, true, true},
    {"GetConsistencyProof", true, true, true, true},
    // What an act changes is its organization's own.
    {"ListMous", false, true, true, false},
    {"GetMou", false, true, true, false},
    {"ProposeMou", false, true, false, false},
    {"SignMou", false, true, false, false},
    {"AttestDestruction", false, true, false, false},
    {"SuspendMou", false, true, false, false},
    {"ResumeMou", false, true, false, false},
    {"TerminateMou", false, true, false, false},
    {"WithdrawGrant", false, true, false, false},
    {"ListOrganizations", false, false, false, true},
    {"GetOrganization", false, false, false, true},
    {"CreateOrganization", false, false, false, true},
    {"UpdateOrganization", false, false, false, true},
    // Administrators their own organization's, the operator as KeyService says.
    {"ListKeys", false, true, false, true},
    {"GetKey", false, true, false, true},
    {"RotateKey", false, true, false, true},
    {"DestroyKey", false, true, false, true},
}};

}  // namespace

bool MayCall(PrincipalKind kind, absl::string_view rpc) {
  const auto right =
      std::find_if(kRights.begin(), kRights.end(), [rpc](const Right& r) { return r.rpc == rpc; });
  if (right == kRights.end()) return false;
  switch (kind) {
    case PrincipalKind::kSystem:
      return right->system;
    case PrincipalKind::kAdmin:
      return right->admin;
    case PrincipalKind::kAuditor:
      return right->auditor;
    case PrincipalKind::kSignatory:
      return false;
    case PrincipalKind::kOperator:
      return right->operator_;
  }
  return false;
}

}  // namespace sluice::policy
