#include "server/key_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/pkcs11_token.h"
#include "server/private_directory.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr size_t kWrappingKeyBytes = 32;
constexpr size_t kMaxFile = 4096;

bool IsCredentialName(absl::string_view name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

// `open_to`: bits of the mode that must not be set.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path, mode_t open_to,
                                      absl::string_view remedy) {
  const auto refused = [&](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(path, " ", why, ": ", remedy));
  };
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    return refused(errno == ENOENT ? "is not there" : "can't be read");
  }
  if (!S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(kMaxFile)) {
    return refused("is no small regular file");
  }
  if ((info.st_mode & open_to) != 0) return refused("is open to others");
  Secret bytes(static_cast<size_t>(info.st_size));
  if (read(file.get(), bytes.mutable_bytes().data(), bytes.size()) != info.st_size) {
    return refused("can't be read");
  }
  return bytes;
}

absl::StatusOr<Secret> ReadWrappingKey(absl::string_view name) {
  absl::StatusOr<Secret> key = ReadCredential(name);
  if (!key.ok() || key->size() == kWrappingKeyBytes) return key;
  return absl::FailedPreconditionError(absl::StrCat("the credential ", name, " has ", key->size(),
                                                    " bytes and must have ", kWrappingKeyBytes,
                                                    ": make it with head -c 32 /dev/urandom"));
}

}  // namespace

absl::StatusOr<Secret> ReadCredential(absl::string_view name) {
  if (!IsCredentialName(name)) return absl::InvalidArgumentError("no credential has such a name");
  const std::string remedy = absl::StrCat("the unit needs LoadCredentialEncrypted=", name,
                                          ":FILE, made by systemd-creds encrypt --name=", name);
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("CREDENTIALS_DIRECTORY is not set: systemd starts the gateway, and ", remedy));
  }
  // Where systemd lets a service in by an access list, that shows as the group's bits.
  return ReadSecretFile(absl::StrCat(directory, "/", name), 007, remedy);
}

absl::StatusOr<Secret> ReadPin(const TokenSource& source) {
  absl::StatusOr<Secret> text =
      source.pin_file.empty()
          ? ReadCredential(source.pin_credential)
          : ReadSecretFile(source.pin_file, 077,
                           "keys.pkcs11.pin_file names a file of mode 0600 with the PIN");
  if (!text.ok()) return text;
  size_t size = text->size();
  if (size > 0 && text->bytes()[size - 1] == '\n') --size;
  if (size == 0) return absl::FailedPreconditionError("the file of the token's PIN is empty");
  Secret pin(size);
  std::copy_n(text->bytes().begin(), size, pin.mutable_bytes().begin());
  return pin;
}

absl::StatusOr<std::unique_ptr<KeyDirectory>> OpenKeyDirectory(const KeySource& source,
                                                               KeyDirectory::Clock clock) {
  if (source.credential.empty()) return KeyDirectory::Open(source.directory, std::move(clock));
  absl::StatusOr<Secret> current = ReadWrappingKey(source.credential);
  if (!current.ok()) return current.status();
  std::optional<Secret> former;
  if (!source.former_credential.empty()) {
    absl::StatusOr<Secret> key = ReadWrappingKey(source.former_credential);
    if (!key.ok()) return key.status();
    former = *std::move(key);
  }
  return KeyDirectory::Open(source.directory, std::move(clock),
                            KeyWrapping(*std::move(current), std::move(former)));
}

absl::Status CheckKeySource(const KeySource& source) {
  for (const std::string* name : {&source.credential, &source.former_credential}) {
    if (name->empty()) continue;
    if (absl::Status s = ReadWrappingKey(*name).status(); !s.ok()) return s;
  }
  if (!source.pkcs11) return absl::OkStatus();
  if (absl::Status s = ReadPin(*source.pkcs11).status(); !s.ok()) return s;
  return Pkcs11Token::Check(*source.pkcs11);
}

}  // namespace sluice::server
