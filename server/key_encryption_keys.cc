#include "server/key_encryption_keys.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/key_wrap.h"
#include "server/pkcs11_token.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr size_t kKekBytes = 32;
constexpr absl::string_view kPrefix = "owner-";
constexpr absl::string_view kOperator = "operator";
constexpr absl::string_view kSuffix = ".kek";
constexpr absl::string_view kLabel = "sluice ";

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
  return absl::StrCat(whose, ".", WordOf(name.scope), ".", name.version, kSuffix);
}

// nullopt for the other keys of the directory.
std::optional<KekName> NameOf(absl::string_view file) {
  const std::vector<absl::string_view> words = absl::StrSplit(file, '.');
  KekName name;
  if (words.size() != 4 || !absl::SimpleAtoi(words[2], &name.version)) {
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

absl::Status AnothersKeyring() {
  return absl::FailedPreconditionError(
      "it was wrapped by another key-encryption key of this name: is this the keyring of another "
      "gateway?");
}

// Looks for a key whenever it is needed, which is seldom: what another process destroyed is gone
// here, too.
class DirectoryKeyEncryptionKeys final : public KeyEncryptionKeys {
 public:
  // `token`: null if there is none.
  DirectoryKeyEncryptionKeys(std::unique_ptr<const KeyDirectory> directory,
                             std::unique_ptr<Pkcs11Token> token)
      : directory_(std::move(directory)), token_(std::move(token)) {}

  // Ends what a crash left of a destruction.
  absl::Status FinishDestroying() {
    const absl::StatusOr<std::vector<MadeKey>> made = directory_->List();
    if (!made.ok()) return made.status();
    for (const MadeKey& key : *made) {
      if (!key.destroyed || !key.there || !NameOf(key.name)) continue;
      if (absl::Status status = DestroyFile(key.name); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Create(const KekName& name) override {
    const absl::StatusOr<std::string> file = FileOf(name);
    if (!file.ok()) return file.status();
    return directory_
        ->Ensure(*file,
                 [&]() -> absl::StatusOr<Secret> {
                   if (token_ == nullptr) return RandomKey(kKekBytes);
                   absl::StatusOr<Secret> reference = MakeTokenReference();
                   if (!reference.ok()) return reference;
                   const absl::Status made =
                       token_->Make(*TokenIdOf(KeyDigest(*file, *reference)),
                                    absl::StrCat(kLabel, absl::StripSuffix(*file, kSuffix)));
                   if (!made.ok()) return made;
                   return reference;
                 })
        .status();
  }

  absl::StatusOr<std::string> Wrap(const KekName& name, const Secret& key) const override {
    const absl::StatusOr<Found> kek = Find(name);
    if (!kek.ok()) return kek.status();
    if (!kek->token_id) return WrapKey(kek->kept, key);
    absl::StatusOr<std::string> wrapped = token_->Wrap(*kek->token_id, key);
    if (absl::IsNotFound(wrapped.status())) return NotOnToken(name);
    return wrapped;
  }

  absl::StatusOr<Secret> Unwrap(const KekName& name, absl::string_view wrapped) const override {
    const absl::StatusOr<Found> kek = Find(name);
    if (!kek.ok()) return kek.status();
    absl::StatusOr<Secret> key =
        kek->token_id ? token_->Unwrap(*kek->token_id, wrapped) : UnwrapKey(kek->kept, wrapped);
    if (absl::IsNotFound(key.status())) return NotOnToken(name);
    return absl::IsDataLoss(key.status()) ? AnothersKeyring() : std::move(key);
  }

  absl::StatusOr<std::vector<Listed>> List() const override {
    if (token_ == nullptr) return ListWith({});
    absl::StatusOr<std::set<std::string>> ids = token_->Ids();
    if (!ids.ok()) return ids.status();
    return ListWith(*ids);
  }

  // The token, which may be far away, need not be asked: a key that is lost is not passed over.
  absl::StatusOr<int32_t> UsableVersion(KekScope scope, absl::string_view owner) const override {
    const absl::StatusOr<std::vector<Listed>> all = ListWith({});
    if (!all.ok()) return all.status();
    return UsableOf(*all, scope, owner);
  }

 private:
  struct Found {
    Secret kept;
    std::optional<std::string> token_id;  // else `kept` is the key
  };

  absl::StatusOr<std::vector<Listed>> ListWith(const std::set<std::string>& on_token) const {
    const absl::StatusOr<std::vector<MadeKey>> made = directory_->List();
    if (!made.ok()) return made.status();
    std::vector<Listed> all;
    for (const MadeKey& key : *made) {
      const std::optional<KekName> name = NameOf(key.name);
      if (!name) continue;
      const std::optional<std::string> id = TokenIdOf(key.digest);
      const bool on_it = id && on_token.contains(*id);
      State state = key.there && (!id || on_it) ? State::kKept : State::kLost;
      if (key.destroyed) state = key.there || on_it ? State::kDestroying : State::kDestroyed;
      all.push_back(
          {.name = *name, .state = state, .created = key.created, .destroyed = key.destroyed});
    }
    std::sort(all.begin(), all.end(),
              [](const Listed& a, const Listed& b) { return a.name < b.name; });
    return all;
  }

  absl::StatusOr<Found> Find(const KekName& name) const {
    const absl::StatusOr<std::string> file = FileOf(name);
    if (!file.ok()) return file.status();
    absl::StatusOr<Secret> kept = directory_->Find(*file);
    if (!kept.ok()) return kept.status();
    std::optional<std::string> id = TokenIdOf(KeyDigest(*file, *kept));
    if (id && token_ == nullptr) return NeedsToken(*file);
    if (!id && kept->size() != kKekBytes) {
      return absl::DataLossError(absl::StrCat("the key ", *file, " has another length"));
    }
    return Found{*std::move(kept), std::move(id)};
  }

  absl::Status DoDestroy(const KekName& name) override {
    const absl::StatusOr<std::string> file = FileOf(name);
    return file.ok() ? DestroyFile(*file) : file.status();
  }

  absl::Status DestroyFile(const std::string& file) {
    return directory_->Destroy(file, [&](const MadeKey& key) {
      const std::optional<std::string> id = TokenIdOf(key.digest);
      if (!id) return absl::OkStatus();
      return token_ == nullptr ? NeedsToken(file) : token_->Destroy(*id);
    });
  }

  absl::Status NeedsToken(const std::string& file) const {
    return absl::FailedPreconditionError(
        absl::StrCat("the key ", file, " is on a PKCS#11 token: name that token (keys.pkcs11)"));
  }
  absl::Status NotOnToken(const KekName& name) const {
    return absl::DataLossError(absl::StrCat("the key ", *FileOf(name),
                                            " was made on a token and is not on \"",
                                            token_->label(), "\": is it another gateway's token?"));
  }

  const std::unique_ptr<const KeyDirectory> directory_;
  const std::unique_ptr<Pkcs11Token> token_;
};

}  // namespace

absl::Status KeyEncryptionKeys::Destroy(const KekName& name) {
  absl::Status status = DoDestroy(name);
  // After the key is gone: who lets go before could have it unwrapped again.
  destroyed_.fetch_add(1, std::memory_order_release);
  return status;
}

absl::StatusOr<int32_t> KeyEncryptionKeys::UsableVersion(KekScope scope,
                                                         absl::string_view owner) const {
  const absl::StatusOr<std::vector<Listed>> all = List();
  if (!all.ok()) return all.status();
  return UsableOf(*all, scope, owner);
}

int32_t KeyEncryptionKeys::UsableOf(const std::vector<Listed>& all, KekScope scope,
                                    absl::string_view owner) {
  int32_t usable = 1;
  for (const Listed& listed : all) {
    if (listed.name.scope != scope || listed.name.owner != owner) continue;
    usable = std::max(usable, listed.name.version + (listed.IsDestroyed() ? 1 : 0));
  }
  return usable;
}

absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> OpenKeyEncryptionKeys(
    const KeySource& source, KeyDirectory::Clock clock) {
  absl::StatusOr<std::unique_ptr<KeyDirectory>> directory =
      OpenKeyDirectory(source, std::move(clock));
  if (!directory.ok()) return directory.status();
  std::unique_ptr<Pkcs11Token> token;
  if (source.pkcs11) {
    absl::StatusOr<std::unique_ptr<Pkcs11Token>> opened = Pkcs11Token::Open(*source.pkcs11);
    if (!opened.ok()) return opened.status();
    token = *std::move(opened);
  }
  auto keks = std::make_unique<DirectoryKeyEncryptionKeys>(*std::move(directory), std::move(token));
  if (absl::Status finished = keks->FinishDestroying(); !finished.ok()) return finished;
  return keks;
}

}  // namespace sluice::server
