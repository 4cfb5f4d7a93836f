// An owner's right to its own records: it falls under no MOU and is made from the caller alone. Of
// one record type, or of all of them.
//
// Immutable; what it holds keeps its address when it moves, so that a receipt can be for it.
#ifndef SLUICE_SERVER_OWNER_PERMIT_H_
#define SLUICE_SERVER_OWNER_PERMIT_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "server/caller.h"

namespace sluice::server {

class OwnerPermit {
 public:
  OwnerPermit(OwnerPermit&&) = default;
  OwnerPermit& operator=(OwnerPermit&&) = default;

  // `parent` is `organizations/{organization}`; nullopt unless it is the caller's own. Without a
  // `type` it is for all.
  static std::optional<OwnerPermit> Create(const Caller& caller, absl::string_view parent,
                                           const policy::RecordType* type) {
    if (caller.organization().empty() ||
        parent != absl::string_view(absl::StrCat("organizations/", caller.organization()))) {
      return std::nullopt;
    }
    return OwnerPermit(caller.organization(), caller.spiffe_id(), type);
  }

  const std::string& owner() const { return held_->owner; }
  const std::string& principal() const { return held_->principal; }
  // Null: of all types.
  const policy::RecordType* type() const { return held_->type; }
  // What its receipt is for.
  const void* id() const { return held_.get(); }

 private:
  friend class OwnerPermitForTest;  // defined in tests/support alone

  struct Held {
    std::string owner;
    std::string principal;
    const policy::RecordType* type;
  };
  OwnerPermit(std::string owner, std::string principal, const policy::RecordType* type)
      : held_(std::make_unique<const Held>(Held{std::move(owner), std::move(principal), type})) {}

  std::unique_ptr<const Held> held_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_PERMIT_H_
