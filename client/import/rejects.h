// The rows that were not taken, in their source's own form and each with its reason, in a file that
// only its owner reads. It appears when it is whole.
//
// One a file; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_REJECTS_H_
#define SLUICE_CLIENT_IMPORT_REJECTS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::client {

class Rejects {
 public:
  // Begins a file beside `path`, without a name: however the process ends, nothing is left of it.
  // FAILED_PRECONDITION with the system's reason.
  static absl::StatusOr<std::unique_ptr<Rejects>> Create(std::string path, absl::string_view begin,
                                                         std::string end);
  // Without Keep, nothing is left.
  ~Rejects();

  absl::Status Add(absl::string_view row);
  // The file takes its name.
  absl::Status Keep();

 private:
  Rejects(std::string path, std::string end) : path_(std::move(path)), end_(std::move(end)) {}
  absl::Status Write(absl::string_view bytes);
  absl::Status Flush();
  // Under a name of its own, and then in the place of `path_`.
  absl::Status CopyToItsName();

  const std::string path_;
  const std::string end_;
  int file_ = -1;
  std::string buffer_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_REJECTS_H_
