#include "server/keys.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {
namespace {

using policy::Secret;

// Which keys were made here, one a line: its name, and a digest by which it is known again. Keys
// are random and long, so the digest tells nothing of them.
constexpr char kManifest[] = "manifest";
constexpr char kTemporarySuffix[] = ".new";
constexpr size_t kMaxManifest = 16 << 20;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) (void)close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status SystemError(absl::string_view doing, absl::string_view path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(doing, " ", path));
}

// Nobody but us (and root, who may do all) owns it, reads it or writes it.
absl::Status CheckPrivate(const struct stat& info, const std::string& path, mode_t mode) {
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is owned by another user: chown it to the gateway's"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is open to others: chmod ", mode == 0700 ? "0700 " : "0600 ", path));
  }
  return absl::OkStatus();
}

std::string Fingerprint(absl::string_view name, const Secret& key) {
  Secret labelled(name.size() + 1 + key.size());
  const auto out = labelled.mutable_bytes();
  std::copy(name.begin(), name.end(), out.begin());
  std::copy(key.bytes().begin(), key.bytes().end(), out.begin() + name.size() + 1);
  unsigned char digest[32];
  if (EVP_Digest(out.data(), out.size(), digest, nullptr, EVP_sha256(), nullptr) != 1) return "";
  return absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(digest), sizeof(digest))));
}

class FileKeys : public Keys {
 public:
  FileKeys(std::string path, FileDescriptor directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  absl::StatusOr<Secret> LogSigningSeed() override { return Ensure("log-signing.key", 32); }
  absl::StatusOr<Secret> StoreHashKey() override { return Ensure("store-hash.key", 32); }
  absl::StatusOr<Secret> PageTokenKey() override { return Ensure("page-token.key", 64); }

  absl::StatusOr<Secret> CreatePseudonymRoot(absl::string_view mou) override {
    absl::StatusOr<std::string> name = RootName(mou);
    if (!name.ok()) return name.status();
    return Ensure(*name, 32);
  }

  absl::StatusOr<Secret> PseudonymRoot(absl::string_view mou) override {
    absl::StatusOr<std::string> name = RootName(mou);
    if (!name.ok()) return name.status();
    return Find(*name, 32);
  }

  // Looks at all that is in the directory, and clears what a crash left.
  absl::Status Inspect() {
    absl::MutexLock lock(&mutex_);
    FileDescriptor lock_of_directory = LockDirectory();
    const int listed = openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const stream = listed < 0 ? nullptr : fdopendir(listed);
    if (stream == nullptr) return SystemError("reading", path_);
    absl::Status status;
    while (const dirent* entry = readdir(stream)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info;
      if (fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        status = SystemError("reading", PathOf(name));
      } else if (!S_ISREG(info.st_mode)) {
        status = absl::FailedPreconditionError(
            absl::StrCat(PathOf(name), " is no regular file: keep nothing but keys there"));
      } else {
        status = CheckPrivate(info, PathOf(name), 0600);
      }
      if (!status.ok()) break;
      if (absl::EndsWith(name, kTemporarySuffix)) {
        (void)unlinkat(directory_.get(), name.c_str(), 0);
      }
    }
    (void)closedir(stream);
    if (!status.ok()) return status;
    return LoadManifest();
  }

 private:
  std::string PathOf(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

  static absl::StatusOr<std::string> RootName(absl::string_view mou) {
    const bool good = !mou.empty() && mou.size() <= 63 &&
                      absl::ascii_islower(static_cast<unsigned char>(mou[0])) &&
                      std::all_of(mou.begin(), mou.end(), [](unsigned char c) {
                        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
                      });
    if (!good) return absl::InvalidArgumentError("no MOU has such a name");
    return absl::StrCat("mou-", mou, ".root");
  }

  // Held while the manifest changes: another gateway may share the directory.
  FileDescriptor LockDirectory() const {
    FileDescriptor lock(openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (lock.get() >= 0 && flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
    return lock;
  }

  // The whole of a private regular file; NOT_FOUND if there is none.
  absl::StatusOr<Secret> ReadFile(const std::string& name, size_t max_size) const {
    FileDescriptor file(
        openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return SystemError("reading", PathOf(name));
    struct stat info;
    if (fstat(file.get(), &info) != 0) return SystemError("reading", PathOf(name));
    if (!S_ISREG(info.st_mode) || static_cast<size_t>(info.st_size) > max_size) {
      return absl::FailedPreconditionError(
          absl::StrCat(PathOf(name),
                       " is no file of the gateway's: put back the one from your "
                       "copy of the keys"));
    }
    if (absl::Status open = CheckPrivate(info, PathOf(name), 0600); !open.ok()) return open;
    Secret bytes(static_cast<size_t>(info.st_size));
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got =
          read(file.get(), bytes.mutable_bytes().data() + done, bytes.size() - done);
      if (got > 0) {
        done += static_cast<size_t>(got);
      } else if (got == 0 || errno != EINTR) {
        return SystemError("reading", PathOf(name));
      }
    }
    return bytes;
  }

  // A new durable file under a name of its own, to be linked or renamed into place.
  absl::StatusOr<std::string> WriteTemporary(absl::string_view name,
                                             absl::Span<const uint8_t> bytes) const {
    std::string temporary = absl::StrCat(name, ".", getpid(), kTemporarySuffix);
    FileDescriptor file(openat(directory_.get(), temporary.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return SystemError("writing", PathOf(temporary));
    absl::Status status;
    while (!bytes.empty() && status.ok()) {
      const ssize_t written = write(file.get(), bytes.data(), bytes.size());
      if (written >= 0) {
        bytes.remove_prefix(static_cast<size_t>(written));
      } else if (errno != EINTR) {
        status = SystemError("writing", PathOf(temporary));
      }
    }
    if (status.ok() && fsync(file.get()) != 0) status = SystemError("writing", PathOf(temporary));
    if (status.ok()) return temporary;
    (void)unlinkat(directory_.get(), temporary.c_str(), 0);
    return status;
  }

  absl::Status SyncDirectory() const {
    if (fsync(directory_.get()) == 0) return absl::OkStatus();
    return SystemError("writing", path_);
  }

  absl::Status LoadManifest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::StatusOr<Secret> text = ReadFile(kManifest, kMaxManifest);
    made_.clear();
    if (absl::IsNotFound(text.status())) return absl::OkStatus();
    if (!text.ok()) return text.status();
    const absl::string_view lines(reinterpret_cast<const char*>(text->bytes().data()),
                                  text->size());
    for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, ' ');
      if (parts.first.empty() || parts.second.size() != 71 ||
          !made_.emplace(parts.first, parts.second).second) {
        return absl::DataLossError(absl::StrCat(
            PathOf(kManifest), " is garbled: put back the one from your copy of the keys"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status AddToManifest(const std::string& name, const Secret& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string fingerprint = Fingerprint(name, key);
    if (fingerprint.empty()) return absl::InternalError("digest");
    made_[name] = fingerprint;
    std::string text;
    for (const auto& [made, digest] : made_) absl::StrAppend(&text, made, " ", digest, "\n");
    absl::StatusOr<std::string> temporary = WriteTemporary(
        kManifest, absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
    if (!temporary.ok()) return temporary.status();
    if (renameat(directory_.get(), temporary->c_str(), directory_.get(), kManifest) != 0) {
      absl::Status failed = SystemError("writing", PathOf(kManifest));
      (void)unlinkat(directory_.get(), temporary->c_str(), 0);
      return failed;
    }
    return SyncDirectory();
  }

  // The key, made if it never was.
  absl::StatusOr<Secret> Ensure(const std::string& name, size_t size) {
    absl::MutexLock lock(&mutex_);
    if (const auto held = held_.find(name); held != held_.end()) return Copy(held->second);
    FileDescriptor lock_of_directory = LockDirectory();
    absl::StatusOr<Secret> key = Load(name, size);
    if (absl::IsNotFound(key.status())) key = Make(name, size);
    if (key.ok()) held_.emplace(name, Copy(*key));
    return key;
  }

  // NOT_FOUND if it was never made.
  absl::StatusOr<Secret> Find(const std::string& name, size_t size) {
    absl::MutexLock lock(&mutex_);
    if (const auto held = held_.find(name); held != held_.end()) return Copy(held->second);
    FileDescriptor lock_of_directory = LockDirectory();
    absl::StatusOr<Secret> key = Load(name, size);
    if (key.ok()) held_.emplace(name, Copy(*key));
    return key;
  }

  // Reads a key, with the directory locked. NOT_FOUND if it was never made, DATA_LOSS if it was and
  // is not there as it was.
  absl::StatusOr<Secret> Load(const std::string& name, size_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Another gateway may have made keys since.
    if (absl::Status loaded = LoadManifest(); !loaded.ok()) return loaded;
    const auto made = made_.find(name);
    absl::StatusOr<Secret> key = ReadFile(name, size);
    if (absl::IsNotFound(key.status())) {
      if (made == made_.end()) return absl::NotFoundError(absl::StrCat("there is no key ", name));
      return absl::DataLossError(absl::StrCat(
          PathOf(name), " was made and is gone: put it back from your copy of the keys"));
    }
    if (!key.ok()) return key.status();
    if (key->size() != size || (made != made_.end() && made->second != Fingerprint(name, *key))) {
      return absl::DataLossError(absl::StrCat(
          PathOf(name), " is not the key that was made: put it back from your copy of the keys"));
    }
    if (made == made_.end()) {
      // A crash came between the key and its line.
      if (absl::Status added = AddToManifest(name, *key); !added.ok()) return added;
    }
    return key;
  }

  // Makes a key that is not there, with the directory locked.
  absl::StatusOr<Secret> Make(const std::string& name, size_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Secret key(size);
    if (RAND_priv_bytes(key.mutable_bytes().data(), static_cast<int>(size)) != 1) {
      return absl::InternalError("the system has no randomness to make a key of");
    }
    absl::StatusOr<std::string> temporary = WriteTemporary(name, key.bytes());
    if (!temporary.ok()) return temporary.status();
    // A link, unlike a rename, never takes the place of a key that is there.
    const int linked =
        linkat(directory_.get(), temporary->c_str(), directory_.get(), name.c_str(), 0);
    absl::Status status = linked == 0 ? absl::OkStatus() : SystemError("writing", PathOf(name));
    (void)unlinkat(directory_.get(), temporary->c_str(), 0);
    if (status.ok()) status = SyncDirectory();
    if (status.ok()) status = AddToManifest(name, key);
    if (!status.ok()) return status;
    return key;
  }

  static Secret Copy(const Secret& secret) {
    return Secret::Copy(
        absl::string_view(reinterpret_cast<const char*>(secret.bytes().data()), secret.size()));
  }

  const std::string path_;
  const FileDescriptor directory_;
  absl::Mutex mutex_;
  std::map<std::string, std::string> made_ ABSL_GUARDED_BY(mutex_);  // the manifest
  std::map<std::string, Secret> held_ ABSL_GUARDED_BY(mutex_);       // read before
};

}  // namespace

absl::StatusOr<std::unique_ptr<Keys>> Keys::Open(absl::string_view directory) {
  const std::string path(directory);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return SystemError("making", path);
  FileDescriptor opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return SystemError("opening", path);
  struct stat info;
  if (fstat(opened.get(), &info) != 0) return SystemError("opening", path);
  if (absl::Status checked = CheckPrivate(info, path, 0700); !checked.ok()) return checked;
  auto keys = std::make_unique<FileKeys>(path, std::move(opened));
  if (absl::Status inspected = keys->Inspect(); !inspected.ok()) return inspected;
  return keys;
}

}  // namespace sluice::server
