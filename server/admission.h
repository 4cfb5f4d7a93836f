// Admission: the first half of every request's way. Decides, and makes the decision durable in the
// log; what comes out is a permit with its receipt, or a status that may leave. Nothing else in the
// gateway turns a caller into a right to anything.
//
// Thread-safe.
#ifndef SLUICE_SERVER_ADMISSION_H_
#define SLUICE_SERVER_ADMISSION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/decide.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/clock.h"
#include "server/denials.h"
#include "server/identity/identity.h"
#include "server/mou_registry.h"
#include "server/owner_permit.h"

namespace sluice::server {

// What is asked of the records of others.
struct Asked {
  std::string mou;  // empty: none named
  std::string purpose;
  std::string record_type;
  v1::Operation operation = v1::OPERATION_UNSPECIFIED;
  std::string filter;  // the reader's own; the log holds a commitment to it
};

// A permit whose decision is durable.
struct Admitted {
  policy::Permit permit;
  AuditReceipt receipt;
  DecisionEntry entry;  // as it was written
};

// An owner's permit, likewise.
struct OwnerAdmitted {
  OwnerPermit permit;
  AuditReceipt receipt;
};

// Whose view of its records an owner asks for.
struct Viewed {
  std::string recipient;  // an organization
  std::string mou;        // empty: the one between the two that permits it
  std::string purpose;
  std::string record_type;
};

// What the recipient's own read would be answered with, and the owner's permit to be told.
struct ViewAdmitted {
  OwnerAdmitted owner;
  std::shared_ptr<const policy::MouSet> mous;  // what was decided upon
  policy::Request request;                     // refers to `viewed`
  policy::Decision decision;
  v1::Decision view;
};

class Admission {
 public:
  struct Parts {
    std::shared_ptr<const policy::Catalog> catalog;
    AuditLog* log;
    MouRegistry* mous;
    Clock* clock;
    Denials* denials;
    // Waits until what is held in memory is what all gateways go by, or says that it can't be told;
    // null: nobody else changes it.
    std::function<absl::Status()> await_fresh;
    // The Identity in force.
    std::function<std::shared_ptr<const Identity>()> identity;
    // Whether configuration lets a principal (by its SPIFFE id) claim a purpose.
    std::function<bool(absl::string_view principal, absl::string_view purpose)> purpose_permitted;
  };
  explicit Admission(Parts parts) : parts_(std::move(parts)) {}

  // The caller behind a certificate that TLS accepted (PEM; empty: none). UNAUTHENTICATED, counted
  // in the log.
  absl::StatusOr<Caller> Identify(absl::string_view leaf_pem);

  // Decides a request for others' records. `request` becomes the id that the log knows it by.
  absl::StatusOr<Admitted> Admit(const Caller& caller, RequestId& request, const Asked& asked);

  // Whether an admitted request would be decided alike at this moment: asked before each batch.
  // OK; a denial, which is in the log; ABORTED if the permit is another now.
  absl::Status StillPermitted(const Caller& caller, RequestId& request, const Asked& asked,
                              const Admitted& admitted);

  // Whether the caller's certificate still counts at this moment.
  absl::Status StillValid(const Caller& caller);

  // An owner's call (`rpc`) about its own records of one type, or of all (nullopt): a decision
  // without MOU. The log holds a commitment to `filter`.
  absl::StatusOr<OwnerAdmitted> AdmitOwner(const Caller& caller, RequestId& request,
                                           absl::string_view rpc, absl::string_view parent,
                                           std::optional<absl::string_view> record_type,
                                           absl::string_view filter = "");

  // The same of a question about a recipient's view, decided as that recipient's read would be. It
  // is about MOUs that both are parties of, and about grants of the owner's, or it is denied like
  // one that is not there. `viewed` must outlive what is given.
  absl::StatusOr<ViewAdmitted> AdmitView(const Caller& caller, RequestId& request,
                                         absl::string_view rpc, absl::string_view parent,
                                         const Viewed& viewed);

  // Any other call: Decide's first step alone. A denial is in the log.
  absl::Status AdmitCall(const Caller& caller, RequestId& request, absl::string_view rpc);

  // A call about an MOU that is not there, or is not the caller's: a denial in the log, NOT_FOUND
  // to the caller.
  absl::Status NoMou(const Caller& caller, RequestId& request, absl::string_view rpc);

  // A call about the keys of one owner (empty: the operator's), or of something that is no key
  // ("-"), which is the operator's to ask for: of its own organization an administrator may do
  // anything, the operator of all of them anything but destroy.
  absl::Status AdmitKeys(const Caller& caller, RequestId& request, absl::string_view rpc,
                         absl::string_view owner);

  // A quota that is spent: in the log, with its window's count.
  absl::Status Refuse(const Caller& caller, RequestId& request, absl::string_view rpc,
                      absl::Status exhausted);

 private:
  absl::Status StillValid(const Caller& caller, absl::Time now);
  // The decision in a form that can be told and kept; what it may tell depends on the caller.
  v1::Decision View(const Caller& caller, const RequestId& request, const Asked& asked,
                    const policy::MouSet& mous, const policy::Decision& decision) const;
  DecisionEntry EntryOf(const Caller& caller, const RequestId& request, const Asked& asked,
                        const policy::MouSet& mous, const v1::Decision& view) const;
  absl::Status Deny(const Caller& caller, RequestId& request, DecisionEntry entry,
                    const v1::Decision& decision);
  // The instant that something is decided at. What it rests on is to be taken after it was asked.
  absl::StatusOr<absl::Time> Now() const;
  policy::Decision Decide(const Caller& caller, const Asked& asked, const policy::MouSet& mous,
                          absl::Time now) const;
  // `entry` may say more of the question; it is told of the caller, the owner and the type.
  absl::StatusOr<OwnerAdmitted> AdmitOwnersQuestion(const Caller& caller, RequestId& request,
                                                    absl::string_view rpc, absl::string_view parent,
                                                    std::optional<absl::string_view> record_type,
                                                    DecisionEntry entry);

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ADMISSION_H_
