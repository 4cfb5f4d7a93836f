#include "server/key_encryption_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/key_wrap.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr size_t kKekBytes = 32;
constexpr absl::string_view kPrefix = "owner-";
constexpr absl::string_view kOperator = "operator";
constexpr absl::string_view kSuffix = "kek";

absl::string_view WordOf(KekScope scope) {
  switch (scope) {
    case KekScope::kOwnerData:
      return "data";
    case KekScope::kOwnerDictionary:
      return "dictionary";
  }
  return "";
}

bool IsOwner(absl::string_view owner) {
  return owner.size() <= 63 && std::all_of(owner.begin(), owner.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

// owner-OWNER.SCOPE.VERSION.kek, or operator.SCOPE.VERSION.kek.
absl::StatusOr<std::string> FileOf(const KekName& name) {
  if (!IsOwner(name.owner) || name.version < 1 || WordOf(name.scope).empty()) {
    return absl::InvalidArgumentError("no organization's key has such a name");
  }
  const std::string whose =
      name.owner.empty() ? std::string(kOperator) : absl::StrCat(kPrefix, name.owner);
  return absl::StrCat(whose, ".", WordOf(name.scope), ".", name.version, ".", kSuffix);
}

// nullopt for the other keys of the directory.
std::optional<KekName> NameOf(absl::string_view file) {
  const std::vector<absl::string_view> words = absl::StrSplit(file, '.');
  KekName name;
  if (words.size() != 4 || words[3] != kSuffix || !absl::SimpleAtoi(words[2], &name.version)) {
    return std::nullopt;
  }
  if (words[0] != kOperator) name.owner = std::string(absl::StripPrefix(words[0], kPrefix));
  for (const KekScope scope : {KekScope::kOwnerData, KekScope::kOwnerDictionary}) {
    name.scope = scope;
    if (const absl::StatusOr<std::string> same = FileOf(name); same.ok() && *same == file) {
      return name;
    }
  }
  return std::nullopt;
}

// Reads a key whenever it is needed, which is seldom: what another process destroyed is gone here,
// too.
class FileKeyEncryptionKeys final : public KeyEncryptionKeys {
 public:
  explicit FileKeyEncryptionKeys(std::unique_ptr<const KeyDirectory> directory)
      : directory_(std::move(directory)) {}

  absl::Status Create(const KekName& name) override {
    const absl::StatusOr<std::string> file = FileOf(name);
    if (!file.ok()) return file.status();
    return directory_->Ensure(*file, kKekBytes).status();
  }

  absl::StatusOr<std::string> Wrap(const KekName& name, const Secret& key) const override {
    const absl::StatusOr<Secret> kek = Find(name);
    if (!kek.ok()) return kek.status();
    return WrapKey(*kek, key);
  }

  absl::StatusOr<Secret> Unwrap(const KekName& name, absl::string_view wrapped) const override {
    const absl::StatusOr<Secret> kek = Find(name);
    if (!kek.ok()) return kek.status();
    absl::StatusOr<Secret> key = UnwrapKey(*kek, wrapped);
    if (!absl::IsDataLoss(key.status())) return key;
    return absl::FailedPreconditionError(
        "it was wrapped by another key-encryption key of this name: is this the keyring of another "
        "gateway?");
  }

  absl::StatusOr<std::vector<Listed>> List() const override {
    const absl::StatusOr<std::vector<KeyDirectory::MadeKey>> made = directory_->List();
    if (!made.ok()) return made.status();
    std::vector<Listed> all;
    for (const KeyDirectory::MadeKey& key : *made) {
      const std::optional<KekName> name = NameOf(key.name);
      if (!name) continue;
      all.push_back({.name = *name,
                     .state = key.destroyed ? State::kDestroyed
                              : key.there   ? State::kKept
                                            : State::kLost,
                     .created = key.created,
                     .destroyed = key.destroyed});
    }
    std::sort(all.begin(), all.end(),
              [](const Listed& a, const Listed& b) { return a.name < b.name; });
    return all;
  }

 private:
  absl::StatusOr<Secret> Find(const KekName& name) const {
    const absl::StatusOr<std::string> file = FileOf(name);
    if (!file.ok()) return file.status();
    return directory_->Find(*file, kKekBytes);
  }

  absl::Status DoDestroy(const KekName& name) override {
    const absl::StatusOr<std::string> file = FileOf(name);
    if (!file.ok()) return file.status();
    return directory_->Destroy(*file);
  }

  const std::unique_ptr<const KeyDirectory> directory_;
};

}  // namespace

absl::Status KeyEncryptionKeys::Destroy(const KekName& name) {
  absl::Status status = DoDestroy(name);
  // After the key is gone: who lets go before could have it unwrapped again.
  destroyed_.fetch_add(1, std::memory_order_release);
  return status;
}

absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> OpenKeyEncryptionKeys(
    absl::string_view directory, KeyDirectory::Clock clock) {
  absl::StatusOr<std::unique_ptr<KeyDirectory>> opened =
      KeyDirectory::Open(directory, std::move(clock));
  if (!opened.ok()) return opened.status();
  return std::make_unique<FileKeyEncryptionKeys>(*std::move(opened));
}

}  // namespace sluice::server
