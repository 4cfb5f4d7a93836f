// An owner's right to its own records: it falls under no MOU and is made from the caller alone.
//
// Immutable.
#ifndef SLUICE_SERVER_OWNER_PERMIT_H_
#define SLUICE_SERVER_OWNER_PERMIT_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "server/caller.h"

namespace sluice::server {

class OwnerPermit {
 public:
  OwnerPermit(OwnerPermit&&) = default;
  OwnerPermit& operator=(OwnerPermit&&) = default;

  // `parent` is `organizations/{organization}`; nullopt unless it is the caller's own.
  static std::optional<OwnerPermit> Create(const Caller& caller, absl::string_view parent,
                                           const policy::RecordType& type) {
    if (caller.organization().empty() ||
        parent != absl::string_view("organizations/" + caller.organization())) {
      return std::nullopt;
    }
    return OwnerPermit(caller.organization(), caller.spiffe_id(), &type);
  }

  const std::string& owner() const { return owner_; }
  const std::string& principal() const { return principal_; }
  const policy::RecordType& type() const { return *type_; }

 private:
  OwnerPermit(std::string owner, std::string principal, const policy::RecordType* type)
      : owner_(std::move(owner)), principal_(std::move(principal)), type_(type) {}

  std::string owner_;
  std::string principal_;
  const policy::RecordType* type_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_PERMIT_H_
