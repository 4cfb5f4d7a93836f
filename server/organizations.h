// Whom the gateway trusts at this moment: the organizations of the configuration file, and those
// that an operator added while it runs, which the store keeps. A bundle is in the log before it
// lets anybody in; what can't be read, checked or logged changes nothing.
//
// Thread-safe.
#ifndef SLUICE_SERVER_ORGANIZATIONS_H_
#define SLUICE_SERVER_ORGANIZATIONS_H_

#include <cstdint>
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
#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/config.h"
#include "server/identity/identity.h"
#include "server/store/store.h"

namespace sluice::server {

class Organizations {
 public:
  // Of both kinds. Each costs memory, and room in every new connection's handshake.
  static constexpr size_t kMost = 1000;

  struct Parts {
    Store* store;
    AuditLog* log;
    std::string client_cas;  // the file of CAs that the TLS layer watches
  };
  // What holds at one moment; immutable.
  struct State {
    std::shared_ptr<const Identity> identity;
    // By name: PEM texts, and who keeps them.
    struct Organization {
      StoredOrganization stored;
      bool configured = false;  // by the configuration file: no display name, no entry of its own
    };
    std::map<std::string, Organization> organizations;
    // Those without a revocation list, and "operator" likewise: nobody of theirs is shut out before
    // his certificate runs out.
    std::vector<std::string> WithoutRevocation() const;
  };

  explicit Organizations(Parts parts) : parts_(std::move(parts)) {}

  // Takes a configuration's organizations into force beside those of the store; `action`: START,
  // which reads the store, or RELOAD. DATA_LOSS if the store is not what the log says.
  absl::Status TakeConfiguration(const Config& config, absl::string_view action)
      ABSL_LOCKS_EXCLUDED(changing_, mutex_);

  // Takes over what other gateways on the same store did. DATA_LOSS as above; what can't be taken
  // over beside the own configuration is FAILED_PRECONDITION, and changes nothing.
  absl::Status CatchUp() ABSL_LOCKS_EXCLUDED(changing_, mutex_);

  // Null before START.
  std::shared_ptr<const State> Current() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Puts an organization in the place of the one whose entry is at `replaces` (nullopt: there is
  // none), in force when it returns; as it is kept. Its PEM texts are brought to one form; what is
  // as it was makes no entry. Fails with a status that may leave.
  absl::StatusOr<StoredOrganization> Put(const Caller& caller, const RequestId& request,
                                         StoredOrganization organization,
                                         std::optional<uint64_t> replaces, absl::Time now)
      ABSL_LOCKS_EXCLUDED(changing_, mutex_);

 private:
  using Added = std::map<std::string, StoredOrganization>;

  // Those whose entry is at `since` or later.
  absl::StatusOr<Added> ReadStore(uint64_t since) const;
  absl::Status CatchUpWithOthers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Put, from what is known at this moment. `overtaken`: another gateway changed something since.
  absl::StatusOr<StoredOrganization> PutOnce(const Caller& caller, const RequestId& request,
                                             StoredOrganization organization,
                                             std::optional<uint64_t> replaces, absl::Time now,
                                             bool& overtaken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_) ABSL_LOCKS_EXCLUDED(mutex_);
  // A trust in all of them.
  absl::StatusOr<std::shared_ptr<const State>> Make(const TrustConfig& configured,
                                                    const Added& added) const;
  // Writes the TLS layer's file for a state and, as long as it may come back, what was before in
  // the place of some organizations.
  absl::Status Show(const State& state, const std::vector<StoredOrganization>& before) const;
  // The same of what is in force for good by now: what fails is told to the operator alone.
  void ShowAfter(const State& state) const;
  void Set(std::shared_ptr<const State> state) ABSL_LOCKS_EXCLUDED(mutex_);

  const Parts parts_;

  // Held by the one who changes what is in force, from the first look to the last step.
  absl::Mutex changing_ ABSL_ACQUIRED_BEFORE(mutex_);
  TrustConfig configured_ ABSL_GUARDED_BY(changing_);
  Added added_ ABSL_GUARDED_BY(changing_);
  // Of a shared store: the revision that all of the above is as of, and the entry after the newest
  // that was read.
  int64_t revision_ ABSL_GUARDED_BY(changing_) = -1;
  uint64_t since_ ABSL_GUARDED_BY(changing_) = 0;

  mutable absl::Mutex mutex_;
  std::shared_ptr<const State> state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ORGANIZATIONS_H_
