// Makes a receipt for a test of what comes after the log. Tests alone include this; no library
// does.
#ifndef SLUICE_TESTS_SUPPORT_AUDIT_RECEIPT_FOR_TEST_H_
#define SLUICE_TESTS_SUPPORT_AUDIT_RECEIPT_FOR_TEST_H_

#include <cstdint>

#include "server/audit/audit_receipt.h"

namespace sluice::server {

class AuditReceiptForTest {
 public:
  static AuditReceipt Make(const void* subject, uint64_t index = 0) {
    return AuditReceipt(subject, index);
  }
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_AUDIT_RECEIPT_FOR_TEST_H_
