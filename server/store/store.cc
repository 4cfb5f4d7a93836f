#include "server/store/store.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"

namespace sluice::server {

absl::Status Store::Commit(Work work) {
  absl::Notification told;
  absl::Status outcome;
  work.done = [&, done = std::move(work.done)](absl::Status status) mutable {
    if (done) done(status);
    outcome = std::move(status);
    told.Notify();
  };
  Submit(std::move(work));
  told.WaitForNotification();
  return outcome;
}

absl::Status Store::Read(const policy::Permit& permit, const AuditReceipt& receipt,
                         absl::string_view owner, std::optional<ScanPlace> from,
                         std::optional<ScanPlace> until,
                         absl::FunctionRef<bool(const StoredRecord&)> visit) const {
  return ReadPages(permit, receipt, owner, from, until,
                   [visit](absl::Span<const StoredRecord> page) {
                     return std::all_of(page.begin(), page.end(), visit);
                   });
}

}  // namespace sluice::server
