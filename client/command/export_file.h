// Where an export is written, and how far it has come. Lines are on disk before the cursor says
// that they are, so that after a crash an entry may be there twice, and none is missing.
//
// One an export; not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_EXPORT_FILE_H_
#define SLUICE_CLIENT_COMMAND_EXPORT_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::client {

// A file that lines are added to.
class ExportFile {
 public:
  // kAnew: whatever stood there is gone. kAfter: goes on behind the last whole line; what a crash
  // left of one is cut off. A new file is its owner's alone. FAILED_PRECONDITION with the file's
  // name and the system's reason.
  enum class Begin { kAnew, kAfter };
  static absl::StatusOr<std::unique_ptr<ExportFile>> Open(const std::string& path, Begin begin);
  ~ExportFile();
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;

  // They are on disk when it returns.
  absl::Status Write(absl::string_view lines);

 private:
  ExportFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status Failed(absl::string_view what) const;
  absl::Status EndAtLastLine();

  const std::string path_;
  const int fd_;
};

// Up to which entry a log was exported.
struct ExportCursor {
  std::string origin;
  int64_t next_index = 0;

  // Nothing if there is no such file yet. FAILED_PRECONDITION if it is none that Save wrote.
  static absl::StatusOr<std::optional<ExportCursor>> Load(const std::string& path);
  // All or nothing.
  absl::Status Save(const std::string& path) const;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_EXPORT_FILE_H_
