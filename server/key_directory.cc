#include "server/key_directory.h"

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

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

using policy::Secret;

// Which keys were made here, one a line: its name, a digest by which it is known again, when it was
// made and when destroyed. Keys are random and long, so the digest tells nothing of them.
constexpr char kManifest[] = "manifest";
constexpr char kTemporarySuffix[] = ".new";
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%SZ";
constexpr char kCreated[] = "created=";
constexpr char kDestroyed[] = "destroyed=";
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

std::string TimeText(absl::Time time) {
  return absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone());
}

// Of `made`; nullopt where it is another's.
std::optional<absl::Time> ParseTimeOf(absl::string_view label, absl::string_view word) {
  absl::Time time;
  std::string error;
  if (!absl::ConsumePrefix(&word, label) ||
      !absl::ParseTime(kTimeFormat, word, absl::UTCTimeZone(), &time, &error)) {
    return std::nullopt;
  }
  return time;
}

std::optional<KeyDirectory::MadeKey> ParseLine(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() < 2 || words.size() > 4 || words[0].empty() || words[1].size() != 71) {
    return std::nullopt;
  }
  KeyDirectory::MadeKey made{.name = std::string(words[0]), .digest = std::string(words[1])};
  size_t next = 2;
  if (next < words.size() && (made.created = ParseTimeOf(kCreated, words[next]))) ++next;
  if (next < words.size() && (made.destroyed = ParseTimeOf(kDestroyed, words[next]))) ++next;
  if (next != words.size()) return std::nullopt;
  return made;
}

std::string LineOf(const KeyDirectory::MadeKey& made) {
  std::string line = absl::StrCat(made.name, " ", made.digest);
  if (made.created) absl::StrAppend(&line, " ", kCreated, TimeText(*made.created));
  if (made.destroyed) absl::StrAppend(&line, " ", kDestroyed, TimeText(*made.destroyed));
  return absl::StrCat(line, "\n");
}

class Files final : public KeyDirectory {
 public:
  Files(std::string path, FileDescriptor directory, Clock clock)
      : path_(std::move(path)), directory_(std::move(directory)), clock_(std::move(clock)) {}

  absl::StatusOr<Secret> Ensure(absl::string_view name, size_t size) const override {
    const FileDescriptor lock = LockDirectory();
    absl::StatusOr<Secret> key = Load(std::string(name), size);
    if (absl::IsNotFound(key.status())) return Make(std::string(name), size);
    return key;
  }

  absl::StatusOr<Secret> Find(absl::string_view name, size_t size) const override {
    const FileDescriptor lock = LockDirectory();
    return Load(std::string(name), size);
  }

  absl::Status Destroy(absl::string_view name) const override;
  absl::StatusOr<std::vector<MadeKey>> List() const override;

  // Looks at all that is in the directory, and clears what a crash left.
  absl::Status Inspect() const;

 private:
  using Manifest = std::map<std::string, MadeKey>;

  std::string PathOf(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

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
      } else if (got == 0) {
        return absl::DataLossError(absl::StrCat(PathOf(name), " became shorter as it was read"));
      } else if (errno != EINTR) {
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

  absl::StatusOr<Manifest> LoadManifest() const;
  absl::Status WriteManifest(const Manifest& manifest) const;
  absl::Status AddToManifest(const std::string& name, const Secret& key) const;
  // With the directory locked. NOT_FOUND if it was never made, DATA_LOSS if it was and is not there
  // as it was.
  absl::StatusOr<Secret> Load(const std::string& name, size_t size) const;
  // A key that is not there, with the directory locked.
  absl::StatusOr<Secret> Make(const std::string& name, size_t size) const;
  // The file of a key that the manifest has as destroyed.
  absl::Status Remove(const std::string& name) const;
  bool IsThere(const std::string& name) const {
    struct stat info;
    return fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  }

  const std::string path_;
  const FileDescriptor directory_;
  const Clock clock_;
};

absl::Status Files::Inspect() const {
  const FileDescriptor lock = LockDirectory();
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
  absl::StatusOr<Manifest> manifest = LoadManifest();
  if (!manifest.ok()) return manifest.status();
  for (const auto& [name, made] : *manifest) {
    if (!made.destroyed || !IsThere(name)) continue;
    if (absl::Status removed = Remove(name); !removed.ok()) return removed;
  }
  return absl::OkStatus();
}

absl::StatusOr<Files::Manifest> Files::LoadManifest() const {
  Manifest manifest;
  absl::StatusOr<Secret> text = ReadFile(kManifest, kMaxManifest);
  if (absl::IsNotFound(text.status())) return manifest;
  if (!text.ok()) return text.status();
  const absl::string_view lines(reinterpret_cast<const char*>(text->bytes().data()), text->size());
  for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    std::optional<MadeKey> made = ParseLine(line);
    if (!made || !manifest.emplace(made->name, *made).second) {
      return absl::DataLossError(absl::StrCat(
          PathOf(kManifest), " is garbled: put back the one from your copy of the keys"));
    }
  }
  return manifest;
}

absl::Status Files::WriteManifest(const Manifest& manifest) const {
  std::string text;
  for (const auto& [name, made] : manifest) absl::StrAppend(&text, LineOf(made));
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

absl::Status Files::AddToManifest(const std::string& name, const Secret& key) const {
  absl::StatusOr<Manifest> manifest = LoadManifest();
  if (!manifest.ok()) return manifest.status();
  const std::string fingerprint = Fingerprint(name, key);
  if (fingerprint.empty()) return absl::InternalError("digest");
  (*manifest)[name] = {.name = name, .digest = fingerprint, .created = clock_()};
  return WriteManifest(*manifest);
}

absl::StatusOr<Secret> Files::Load(const std::string& name, size_t size) const {
  // Another gateway may have made keys since.
  absl::StatusOr<Manifest> manifest = LoadManifest();
  if (!manifest.ok()) return manifest.status();
  const auto made = manifest->find(name);
  if (made != manifest->end() && made->second.destroyed) {
    return absl::FailedPreconditionError(absl::StrCat("the key ", name, " was destroyed on ",
                                                      TimeText(*made->second.destroyed),
                                                      ": what it covered can't be read any more"));
  }
  absl::StatusOr<Secret> key = ReadFile(name, size);
  if (absl::IsNotFound(key.status())) {
    if (made == manifest->end()) {
      return absl::NotFoundError(absl::StrCat("there is no key ", name));
    }
    return absl::DataLossError(absl::StrCat(
        PathOf(name), " was made and is gone: put it back from your copy of the keys"));
  }
  if (!key.ok()) return key.status();
  if (key->size() != size ||
      (made != manifest->end() && made->second.digest != Fingerprint(name, *key))) {
    return absl::DataLossError(absl::StrCat(
        PathOf(name), " is not the key that was made: put it back from your copy of the keys"));
  }
  if (made == manifest->end()) {
    // A crash came between the key and its line.
    if (absl::Status added = AddToManifest(name, *key); !added.ok()) return added;
  }
  return key;
}

absl::StatusOr<Secret> Files::Make(const std::string& name, size_t size) const {
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

absl::Status Files::Destroy(absl::string_view name) const {
  const FileDescriptor lock = LockDirectory();
  absl::StatusOr<Manifest> manifest = LoadManifest();
  if (!manifest.ok()) return manifest.status();
  const auto made = manifest->find(std::string(name));
  if (made == manifest->end()) return absl::NotFoundError(absl::StrCat("there is no key ", name));
  if (!made->second.destroyed) {
    // First what is said of it: a crash after this destroys it at the next start.
    made->second.destroyed = clock_();
    if (absl::Status written = WriteManifest(*manifest); !written.ok()) return written;
  }
  return IsThere(made->first) ? Remove(made->first) : absl::OkStatus();
}

absl::Status Files::Remove(const std::string& name) const {
  {
    // Where the disk writes in place this leaves nothing to find; where it does not, the key's
    // copies on it are out of reach.
    const FileDescriptor file(
        openat(directory_.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat info;
    if (file.get() >= 0 && fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
      const std::string zeros(std::min<size_t>(info.st_size, 4096), '\0');
      if (write(file.get(), zeros.data(), zeros.size()) >= 0) (void)fsync(file.get());
    }
  }
  if (unlinkat(directory_.get(), name.c_str(), 0) != 0) {
    return SystemError("destroying", PathOf(name));
  }
  return SyncDirectory();
}

absl::StatusOr<std::vector<KeyDirectory::MadeKey>> Files::List() const {
  const FileDescriptor lock = LockDirectory();
  absl::StatusOr<Manifest> manifest = LoadManifest();
  if (!manifest.ok()) return manifest.status();
  std::vector<MadeKey> all;
  for (auto& [name, made] : *manifest) {
    made.there = IsThere(name);
    all.push_back(std::move(made));
  }
  return all;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyDirectory>> KeyDirectory::Open(absl::string_view directory,
                                                                 Clock clock) {
  const std::string path(directory);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return SystemError("making", path);
  FileDescriptor opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return SystemError("opening", path);
  struct stat info;
  if (fstat(opened.get(), &info) != 0) return SystemError("opening", path);
  if (absl::Status checked = CheckPrivate(info, path, 0700); !checked.ok()) return checked;
  auto files = std::make_unique<Files>(path, std::move(opened), std::move(clock));
  if (absl::Status inspected = files->Inspect(); !inspected.ok()) return inspected;
  return files;
}

}  // namespace sluice::server
