// The files of an embedded store on their disk: made for us alone, held by one process, and still
// the ones that were opened.
//
// Immutable after Open; thread-safe.
#ifndef SLUICE_SERVER_STORE_STORE_FILE_H_
#define SLUICE_SERVER_STORE_STORE_FILE_H_

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::server {

class StoreFile {
 public:
  // Makes `path` with mode 0600 if it is not there, and takes the lock `path`-lock until it is
  // destroyed. FAILED_PRECONDITION if another process holds it or others can read the file.
  static absl::StatusOr<std::unique_ptr<StoreFile>> Open(const std::string& path);
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;
  ~StoreFile();

  // Remembers which files stand there now: the database and its WAL.
  absl::Status Remember();
  // DATA_LOSS if one was moved, deleted or replaced since.
  absl::Status Check() const;

 private:
  struct Identity {
    std::string path;
    dev_t device;
    ino_t inode;
  };

  StoreFile(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;
  std::vector<Identity> files_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_FILE_H_
