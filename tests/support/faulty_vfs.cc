#include "tests/support/faulty_vfs.h"

#include <stdlib.h>

#include <atomic>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {

// SQLite allocates it, with the system's file right behind.
struct FaultyFile {
  sqlite3_file base;
  FaultyVfs* vfs;

  static FaultyFile* Of(sqlite3_file* file) { return reinterpret_cast<FaultyFile*>(file); }
  static sqlite3_file* System(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(Of(file) + 1);
  }

  static int Close(sqlite3_file* file) { return System(file)->pMethods->xClose(System(file)); }
  static int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
    return System(file)->pMethods->xRead(System(file), bytes, size, offset);
  }
  static int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    FaultyVfs::Effect effect = FaultyVfs::Effect::kPersisted;
    const int code = Of(file)->vfs->Next(FaultyVfs::Operation::kWrite, effect);
    int done = SQLITE_OK;
    if (effect == FaultyVfs::Effect::kPersisted) {
      done = System(file)->pMethods->xWrite(System(file), bytes, size, offset);
    }
    return code != SQLITE_OK ? code : done;
  }
  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    return System(file)->pMethods->xTruncate(System(file), size);
  }
  static int Sync(sqlite3_file* file, int flags) {
    FaultyVfs::Effect effect = FaultyVfs::Effect::kPersisted;
    const int code = Of(file)->vfs->Next(FaultyVfs::Operation::kSync, effect);
    int done = SQLITE_OK;
    if (effect == FaultyVfs::Effect::kPersisted) {
      done = System(file)->pMethods->xSync(System(file), flags);
    }
    return code != SQLITE_OK ? code : done;
  }
  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    return System(file)->pMethods->xFileSize(System(file), size);
  }
  static int Lock(sqlite3_file* file, int lock) {
    return System(file)->pMethods->xLock(System(file), lock);
  }
  static int Unlock(sqlite3_file* file, int lock) {
    return System(file)->pMethods->xUnlock(System(file), lock);
  }
  static int CheckReservedLock(sqlite3_file* file, int* out) {
    return System(file)->pMethods->xCheckReservedLock(System(file), out);
  }
  static int FileControl(sqlite3_file* file, int operation, void* argument) {
    return System(file)->pMethods->xFileControl(System(file), operation, argument);
  }
  static int SectorSize(sqlite3_file* file) {
    return System(file)->pMethods->xSectorSize(System(file));
  }
  static int DeviceCharacteristics(sqlite3_file* file) {
    return System(file)->pMethods->xDeviceCharacteristics(System(file));
  }
  static int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    // The first page is there from the beginning.
    FaultyVfs::Effect effect = FaultyVfs::Effect::kPersisted;
    const bool grows = extend != 0 && page > 0;
    const int code =
        grows ? Of(file)->vfs->Next(FaultyVfs::Operation::kGrowIndex, effect) : SQLITE_OK;
    if (code != SQLITE_OK) return code;
    return System(file)->pMethods->xShmMap(System(file), page, size, extend, out);
  }
  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    return System(file)->pMethods->xShmLock(System(file), offset, count, flags);
  }
  static void ShmBarrier(sqlite3_file* file) { System(file)->pMethods->xShmBarrier(System(file)); }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    return System(file)->pMethods->xShmUnmap(System(file), remove);
  }
};

namespace {

// Version 2: with shared memory, which WAL needs, and without memory mapping, which would write
// beside us.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = FaultyFile::Close,
    .xRead = FaultyFile::Read,
    .xWrite = FaultyFile::Write,
    .xTruncate = FaultyFile::Truncate,
    .xSync = FaultyFile::Sync,
    .xFileSize = FaultyFile::FileSize,
    .xLock = FaultyFile::Lock,
    .xUnlock = FaultyFile::Unlock,
    .xCheckReservedLock = FaultyFile::CheckReservedLock,
    .xFileControl = FaultyFile::FileControl,
    .xSectorSize = FaultyFile::SectorSize,
    .xDeviceCharacteristics = FaultyFile::DeviceCharacteristics,
    .xShmMap = FaultyFile::ShmMap,
    .xShmLock = FaultyFile::ShmLock,
    .xShmBarrier = FaultyFile::ShmBarrier,
    .xShmUnmap = FaultyFile::ShmUnmap,
};

}  // namespace

FaultyVfs::FaultyVfs() : system_(sqlite3_vfs_find(nullptr)) {
  static std::atomic<int> next = 0;
  if (system_ == nullptr) abort();
  name_ = absl::StrCat("faulty-", next++);
  vfs_ = *system_;  // all but opening is the system's
  vfs_.szOsFile = static_cast<int>(sizeof(FaultyFile)) + system_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK) abort();
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }

int FaultyVfs::Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
  auto* self = static_cast<FaultyVfs*>(vfs->pAppData);
  FaultyFile* faulty = new (file) FaultyFile{.base = {.pMethods = nullptr}, .vfs = self};
  const int code = self->system_->xOpen(self->system_, path, FaultyFile::System(file), flags, out);
  if (code == SQLITE_OK) faulty->base.pMethods = &kMethods;
  return code;
}

void FaultyVfs::Fail(Operation operation, Error error, int64_t nth, Effect effect,
                     std::function<bool()> spared) {
  absl::MutexLock lock(&mutex_);
  Plan& plan = plans_[operation];
  plan.from = plan.count + nth;
  plan.error = error;
  plan.effect = effect;
  plan.spared = std::move(spared);
}

void FaultyVfs::Heal() {
  absl::MutexLock lock(&mutex_);
  for (auto& [operation, plan] : plans_) plan.from = 0;
}

int64_t FaultyVfs::count(Operation operation) const {
  absl::MutexLock lock(&mutex_);
  const auto plan = plans_.find(operation);
  return plan == plans_.end() ? 0 : plan->second.count;
}

int FaultyVfs::Next(Operation operation, Effect& effect) {
  Plan plan;
  {
    absl::MutexLock lock(&mutex_);
    ++plans_[operation].count;
    plan = plans_[operation];
  }
  if (plan.from == 0 || plan.count < plan.from) return SQLITE_OK;
  if (plan.spared && plan.spared()) return SQLITE_OK;
  effect = plan.effect;
  switch (operation) {
    case Operation::kWrite:
      return plan.error == Error::kNoSpace ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    case Operation::kSync:
      return plan.error == Error::kNoSpace ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    case Operation::kGrowIndex:
      return plan.error == Error::kNoSpace ? SQLITE_IOERR_SHMSIZE : SQLITE_IOERR_SHMMAP;
  }
  abort();
}

}  // namespace sluice
