#include "client/witness/witness_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/file.h"

namespace sluice::witness {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

absl::Status SystemError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  return absl::FailedPreconditionError(absl::StrCat(what, " ", path, ": ", strerror(error)));
}

// The name of a log's file: an origin may hold anything.
absl::StatusOr<std::string> NameOf(absl::string_view origin) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(origin.data(), origin.size(), hash, &size, EVP_sha256(), nullptr) != 1) {
    return absl::UnavailableError("SHA-256 can't be had");
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash), size));
}

// False with errno set.
bool WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

absl::StatusOr<FileDescriptor> OpenDirectory(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError("can't open", path);
  return fd;
}

absl::Status Sync(const std::string& directory) {
  const absl::StatusOr<FileDescriptor> fd = OpenDirectory(directory);
  if (!fd.ok()) return fd.status();
  return fsync(fd->get()) == 0 ? absl::OkStatus() : SystemError("can't sync", directory);
}

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return SystemError("can't make the directory", path);
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return SystemError("can't look at", path);
  if ((info.st_mode & kOthers) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others may enter ", path, ": its mode must be 0700"));
  }
  return absl::OkStatus();
}

// A file that was not there, whole or not at all. ALREADY_EXISTS if it is.
absl::Status WriteNew(const std::string& path, absl::string_view bytes) {
  std::string temporary = path + ".XXXXXX";
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) return SystemError("can't write beside", path);
  absl::Status status;
  if (!WriteAll(file.get(), bytes) || fsync(file.get()) != 0) {
    status = SystemError("can't write", path);
  } else if (link(temporary.c_str(), path.c_str()) != 0) {
    status = errno == EEXIST ? absl::AlreadyExistsError(path + " is there already")
                             : SystemError("can't make", path);
  }
  unlink(temporary.c_str());
  return status;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<WitnessKey> WitnessDirectory::Init(const std::string& path, absl::string_view name) {
  absl::StatusOr<WitnessKey> key = WitnessKey::Generate(name);
  if (!key.ok()) return key.status();
  if (absl::Status made = MakeDirectory(path); !made.ok()) return made;
  if (absl::Status made = MakeDirectory(path + "/logs"); !made.ok()) return made;
  const absl::StatusOr<policy::Secret> secret = key->SecretText();
  if (!secret.ok()) return secret.status();
  const absl::string_view text(reinterpret_cast<const char*>(secret->bytes().data()),
                               secret->size());
  if (absl::Status written = WriteNew(path + "/key", text); !written.ok()) return written;
  if (absl::Status written = client::ReplaceFile(path + "/vkey", key->vkey() + "\n");
      !written.ok()) {
    return written;
  }
  // The directory's own name, too: whoever was told of a key expects to find it.
  for (const std::string& directory : {path, path + "/.."}) {
    if (absl::Status synced = Sync(directory); !synced.ok()) return synced;
  }
  return key;
}

absl::StatusOr<std::unique_ptr<WitnessDirectory>> WitnessDirectory::Open(const std::string& path) {
  const std::string key_path = path + "/key";
  FileDescriptor lock(open(key_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (lock.get() < 0) return SystemError("no witness's key at", key_path);
  struct stat info;
  if (fstat(lock.get(), &info) != 0) return SystemError("can't look at", key_path);
  if ((info.st_mode & kOthers) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others may read ", key_path, ": its mode must be 0600"));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("another witness serves from ", path, " already"));
  }
  const absl::StatusOr<policy::Secret> secret = client::ReadSecretFile(key_path);
  if (!secret.ok()) return secret.status();
  absl::StatusOr<WitnessKey> key = WitnessKey::Parse(*secret);
  if (!key.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(key_path, " is no witness's key"));
  }
  const std::string logs_path = path + "/logs";
  if (absl::Status made = MakeDirectory(logs_path); !made.ok()) return made;
  absl::StatusOr<FileDescriptor> logs = OpenDirectory(logs_path);
  if (!logs.ok()) return logs.status();
  // What a crash left to the disk's own time is durable before anything is said of it.
  if (fsync(logs->get()) != 0) return SystemError("can't sync", logs_path);
  if (absl::Status synced = Sync(path); !synced.ok()) return synced;
  return std::unique_ptr<WitnessDirectory>(
      new WitnessDirectory(logs_path, std::move(lock), *std::move(key), *std::move(logs)));
}

absl::StatusOr<std::optional<std::string>> WitnessDirectory::Load(absl::string_view origin) {
  const absl::StatusOr<std::string> name = NameOf(origin);
  if (!name.ok()) return name.status();
  const std::string path = absl::StrCat(logs_path_, "/", *name);
  const FileDescriptor file(openat(logs_.get(), name->c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0) return SystemError("can't open", path);
  if (fsync(file.get()) != 0) return SystemError("can't sync", path);
  std::string note;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("can't read", path);
    if (n == 0) return note;
    note.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status WitnessDirectory::Save(absl::string_view origin, absl::string_view note) {
  const auto unchanged = [&](absl::string_view what) {
    return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
  };
  const absl::StatusOr<std::string> name = NameOf(origin);
  if (!name.ok()) return name.status();
  // Whoever puts another directory in its place would have it forgotten at the next start.
  struct stat held, named;
  if (fstat(logs_.get(), &held) != 0 || stat(logs_path_.c_str(), &named) != 0) {
    return unchanged("the directory of checkpoints can't be found");
  }
  if (held.st_dev != named.st_dev || held.st_ino != named.st_ino) {
    return absl::UnavailableError("the directory of checkpoints was replaced");
  }
  const std::string temporary = *name + ".new";
  const FileDescriptor file(openat(logs_.get(), temporary.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() < 0) return unchanged("a checkpoint can't be written");
  if (!WriteAll(file.get(), note)) {
    absl::Status failed = unchanged("a checkpoint can't be written");
    unlinkat(logs_.get(), temporary.c_str(), 0);
    return failed;
  }
  const auto unknown = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat(what, ": ", strerror(errno)));
  };
  // A failed fsync is not tried again: the next would say nothing of what this one lost.
  if (fsync(file.get()) != 0) return unknown("a checkpoint can't be synced");
  if (renameat(logs_.get(), temporary.c_str(), logs_.get(), name->c_str()) != 0) {
    return unchanged("a checkpoint can't be put in its place");
  }
  if (fsync(logs_.get()) != 0) return unknown("the directory of checkpoints can't be synced");
  return absl::OkStatus();
}

}  // namespace sluice::witness
