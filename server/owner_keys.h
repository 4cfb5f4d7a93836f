// The keys of organizations, as their administrators and the operator see them: listed, given new
// versions, destroyed. A change is an entry in the log in the transaction that makes it; a
// key-encryption key is destroyed after that entry is durable, and what comes between the two, a
// crash or another gateway's key store, is made up for from what the store says.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OWNER_KEYS_H_
#define SLUICE_SERVER_OWNER_KEYS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/key_encryption_keys.h"
#include "server/owner_turns.h"
#include "server/store/key_renewal.h"
#include "server/store/store.h"
#include "sluice/v1/key_service.pb.h"

namespace sluice::server {

class OwnerKeys {
 public:
  struct Parts {
    Admission* admission;  // of calls alone
    AuditLog* log;
    Store* store;
    KeyEncryptionKeys* keks;
    KeyRenewal* renewal;
    std::vector<std::string> copies;  // of the key store, which it can't reach
  };
  explicit OwnerKeys(Parts parts) : parts_(std::move(parts)) {}

  // Takes up what the store says of keys since it was last asked, which another gateway may have
  // changed: destroys what is said to be destroyed, has sealed anew what is replaced. At start, and
  // each second. DATA_LOSS if the log does not say what the store says.
  absl::Status Follow() ABSL_LOCKS_EXCLUDED(following_);

  // Owners that something is counted for, or that wait for it.
  size_t counts() const { return counts_.size(); }

  // Calls; statuses may leave.
  absl::StatusOr<v1::ListKeysResponse> List(const Caller& caller, RequestId& request_id,
                                            const v1::ListKeysRequest& request);
  absl::StatusOr<v1::GetKeyResponse> Get(const Caller& caller, RequestId& request_id,
                                         const v1::GetKeyRequest& request);
  absl::StatusOr<v1::RotateKeyResponse> Rotate(const Caller& caller, RequestId& request_id,
                                               const v1::RotateKeyRequest& request);
  // Counts first what would be lost, which is a walk of the store: for one owner at a time, in the
  // order in which they asked, and until `given_up` says that nobody waits for it.
  absl::StatusOr<v1::DestroyKeyResponse> Destroy(const Caller& caller, RequestId& request_id,
                                                 const v1::DestroyKeyRequest& request,
                                                 const std::function<bool()>& given_up = nullptr);

 private:
  // The versions of one key, the newest last; and what the key store says of all.
  struct Found {
    std::vector<StoredKeyVersion> versions;
    std::map<KekName, KeyEncryptionKeys::Listed> listed;
  };

  absl::StatusOr<std::map<KekName, KeyEncryptionKeys::Listed>> ListKeks() const;
  // Of one key; NOT_FOUND.
  absl::StatusOr<Found> Find(const KekName& key) const;
  absl::StatusOr<KeyRenewal::Counted> Count(const StoredKeyVersion& version,
                                            const std::function<bool()>& given_up);
  absl::StatusOr<v1::Key> ViewOf(const KekName& key) const;
  v1::Key View(absl::Span<const StoredKeyVersion> versions,
               const std::map<KekName, KeyEncryptionKeys::Listed>& listed) const;
  // `log_size`: of the store's log, as of the versions or later.
  absl::Status FinishDestroying(const std::vector<StoredKeyVersion>& versions,
                                uint64_t log_size) const;
  // Whether the entry is there that says that a version is destroyed.
  absl::Status CheckEntry(const StoredKeyVersion& version) const;
  absl::Status DestroyVersion(const Caller& caller, const RequestId& request_id,
                              const KekName& name, uint64_t as_of, int64_t unreadable);

  const Parts parts_;
  OwnerTurns counts_;

  absl::Mutex following_;
  std::optional<int64_t> followed_ ABSL_GUARDED_BY(following_);  // a key generation
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_KEYS_H_
