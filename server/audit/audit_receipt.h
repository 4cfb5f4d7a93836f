// The proof, inside the gateway, that an entry is durable. Only AuditLog makes one; without one no
// record is read and no byte is sent.
//
// A move-only value.
#ifndef SLUICE_SERVER_AUDIT_AUDIT_RECEIPT_H_
#define SLUICE_SERVER_AUDIT_AUDIT_RECEIPT_H_

#include <cstdint>
#include <utility>

namespace sluice::server {

class AuditReceipt {
 public:
  AuditReceipt(AuditReceipt&& other) noexcept
      : subject_(std::exchange(other.subject_, nullptr)), index_(other.index_) {}
  AuditReceipt& operator=(AuditReceipt&& other) noexcept {
    subject_ = std::exchange(other.subject_, nullptr);
    index_ = other.index_;
    return *this;
  }

  // The entry's index in the log.
  uint64_t index() const { return index_; }
  // Whether the entry is about this very value: a permit's plan, a chunk's rows.
  bool IsFor(const void* subject) const { return subject_ != nullptr && subject_ == subject; }

 private:
  friend class AuditLog;
  friend class AuditReceiptForTest;  // defined in tests/support alone
  AuditReceipt(const void* subject, uint64_t index) : subject_(subject), index_(index) {}

  const void* subject_;
  uint64_t index_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_AUDIT_RECEIPT_H_
