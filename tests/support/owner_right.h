// An owner's permit, of one type or of all, with the receipt of its decision. Tests alone include
// this; no library does.
#ifndef SLUICE_TESTS_SUPPORT_OWNER_RIGHT_H_
#define SLUICE_TESTS_SUPPORT_OWNER_RIGHT_H_

#include <memory>
#include <string>

#include "policy/catalog.h"
#include "server/owner_permit.h"
#include "tests/support/audit_receipt_for_test.h"

namespace sluice::server {

class OwnerPermitForTest {
 public:
  static OwnerPermit Make(const std::string& owner, const policy::RecordType* type) {
    return OwnerPermit(owner, "spiffe://example.org/org/" + owner + "/system/sis", type);
  }
};

struct OwnerRight {
  // `record_type`: empty: all.
  explicit OwnerRight(const std::string& owner, const std::string& record_type = "")
      : permit(OwnerPermitForTest::Make(
            owner, record_type.empty() ? nullptr : catalog->Find(record_type))),
        receipt(AuditReceiptForTest::Make(permit.id())) {}

  std::shared_ptr<const policy::Catalog> catalog = policy::Catalog::BuiltIn().value();
  OwnerPermit permit;
  AuditReceipt receipt;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_OWNER_RIGHT_H_
