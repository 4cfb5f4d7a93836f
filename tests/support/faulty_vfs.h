// A VFS for SQLite whose disk fails when a test says so: writes and the WAL's index without space,
// writes and fsyncs with an error, done or not done all the same. Otherwise the system's own.
//
// Thread-safe. Must outlive every database opened through it.
#ifndef SLUICE_TESTS_SUPPORT_FAULTY_VFS_H_
#define SLUICE_TESTS_SUPPORT_FAULTY_VFS_H_

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice {

class FaultyVfs {
 public:
  enum class Operation { kWrite, kSync, kGrowIndex };
  enum class Error { kNoSpace, kIo };
  // Whether what fails is done all the same.
  enum class Effect { kNone, kPersisted };

  FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;
  ~FaultyVfs();

  // What to open a database with.
  const std::string& name() const { return name_; }

  // The nth such operation from now (1: the next) and all after it fail, until Heal; but for those
  // that `spared` is true at, asked on the thread that writes.
  void Fail(Operation operation, Error error, int64_t nth = 1, Effect effect = Effect::kNone,
            std::function<bool()> spared = nullptr);
  void Heal();
  // How many there were.
  int64_t count(Operation operation) const;

 private:
  friend struct FaultyFile;
  struct Plan {
    int64_t count = 0;
    int64_t from = 0;  // the first count that fails; 0: none does
    Error error = Error::kIo;
    Effect effect = Effect::kNone;
    std::function<bool()> spared;
  };

  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out);
  // SQLITE_OK, or what the operation is to return.
  int Next(Operation operation, Effect& effect);

  std::string name_;
  sqlite3_vfs* system_;
  sqlite3_vfs vfs_;

  mutable absl::Mutex mutex_;
  std::map<Operation, Plan> plans_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice

#endif  // SLUICE_TESTS_SUPPORT_FAULTY_VFS_H_
