// A private directory of keys: files of mode 0600, each under a name, each made once. A manifest
// knows every key that was ever made.
//
// Thread-safe. Processes may share a directory: each operation holds its lock.
#ifndef SLUICE_SERVER_KEY_DIRECTORY_H_
#define SLUICE_SERVER_KEY_DIRECTORY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/secret.h"
#include "server/key_manifest.h"
#include "server/key_wrapping.h"

namespace sluice::server {

class KeyDirectory {
 public:
  using Clock = std::function<absl::Time()>;
  using MadeKey = server::MadeKey;
  using Maker = absl::FunctionRef<absl::StatusOr<policy::Secret>()>;
  // What has to go before the file of a key does.
  using Undo = absl::FunctionRef<absl::Status(const MadeKey& key)>;

  // Makes the directory if it is not there, and wraps what is not wrapped as it should be.
  // FAILED_PRECONDITION, with path and remedy, if it or a key in it is readable by others, if it
  // holds keys and no manifest, or keys that do not open; DATA_LOSS if the manifest is garbled.
  static absl::StatusOr<std::unique_ptr<KeyDirectory>> Open(absl::string_view path, Clock clock,
                                                            KeyWrapping wrapping = {});
  virtual ~KeyDirectory() = default;

  // The key, made if it never was. DATA_LOSS if it was made and is not there as it was;
  // FAILED_PRECONDITION if it was destroyed, others can read it, it does not open, or there are so
  // many keys that the manifest takes no more.
  virtual absl::StatusOr<policy::Secret> Ensure(absl::string_view name, Maker make) const = 0;
  // The same, but NOT_FOUND if it never was.
  virtual absl::StatusOr<policy::Secret> Find(absl::string_view name) const = 0;
  // For good: it is never made again under its name. OK if it was destroyed before; NOT_FOUND if it
  // never was. A key that is lost can be destroyed: then it is known that nobody looks for it. What
  // fails between is done by destroying it again.
  virtual absl::Status Destroy(absl::string_view name, Undo undo) const = 0;
  // All that were made, in order of name.
  virtual absl::StatusOr<std::vector<MadeKey>> List() const = 0;
};

// By the system's randomness.
absl::StatusOr<policy::Secret> RandomKey(size_t size);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_DIRECTORY_H_
