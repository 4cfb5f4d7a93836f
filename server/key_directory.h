// A private directory of keys: files of mode 0600, each under a name, each made once with the
// system's randomness. A manifest knows every key that was ever made, so that one that is gone, or
// is another, is told from one that never was, and one that was destroyed from both.
//
// Thread-safe. Processes may share a directory: each operation holds its lock.
#ifndef SLUICE_SERVER_KEY_DIRECTORY_H_
#define SLUICE_SERVER_KEY_DIRECTORY_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/secret.h"

namespace sluice::server {

class KeyDirectory {
 public:
  using Clock = std::function<absl::Time()>;

  // A line of the manifest.
  struct MadeKey {
    std::string name;
    std::string digest;
    std::optional<absl::Time> created;  // none: by a gateway that did not write it down
    std::optional<absl::Time> destroyed;
    bool there = false;  // its file
  };

  // Makes the directory if it is not there. FAILED_PRECONDITION, with path and remedy, if it or a
  // key in it is readable by others; DATA_LOSS if the manifest is garbled.
  static absl::StatusOr<std::unique_ptr<KeyDirectory>> Open(absl::string_view path, Clock clock);
  virtual ~KeyDirectory() = default;

  // The key, made if it never was. DATA_LOSS if it was made and is not there as it was;
  // FAILED_PRECONDITION if it was destroyed, or others can read it.
  virtual absl::StatusOr<policy::Secret> Ensure(absl::string_view name, size_t size) const = 0;
  // The same, but NOT_FOUND if it never was.
  virtual absl::StatusOr<policy::Secret> Find(absl::string_view name, size_t size) const = 0;
  // For good: it is never made again under its name. OK if it was destroyed before; NOT_FOUND if it
  // never was. A key that is lost can be destroyed: then it is known that nobody looks for it.
  virtual absl::Status Destroy(absl::string_view name) const = 0;
  // All that were made, in order of name.
  virtual absl::StatusOr<std::vector<MadeKey>> List() const = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_DIRECTORY_H_
