#include "server/key_directory.h"

#include <openssl/rand.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/private_directory.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr char kManifest[] = "manifest";
constexpr size_t kMaxManifest = 16 << 20;
// Beyond this no key is made: what is there can still be destroyed, and be read at the next start.
constexpr int64_t kFullManifest = kMaxManifest / 2;
constexpr size_t kMaxKey = 8192;

// The directory holds other files, too.
bool IsKeyName(absl::string_view name) {
  return absl::EndsWith(name, ".key") || absl::EndsWith(name, ".root") ||
         absl::EndsWith(name, ".kek");
}

absl::Span<const uint8_t> BytesOf(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

class Files final : public KeyDirectory {
 public:
  Files(std::unique_ptr<const PrivateDirectory> directory, Clock clock, KeyWrapping wrapping)
      : directory_(std::move(directory)),
        clock_(std::move(clock)),
        wrapping_(std::move(wrapping)) {}

  // Looks at all that is in the directory, and brings it into the form in which it is used.
  absl::Status Inspect() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<Secret> Ensure(absl::string_view name, Maker make) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Secret> Find(absl::string_view name) const override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Destroy(absl::string_view name, Undo undo) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<MadeKey>> List() const override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // All of these with the directory's lock held.
  absl::Status LoadManifest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteManifest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddToManifest(const std::string& name, const Secret& key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // NOT_FOUND if it was never made, DATA_LOSS if it was and is not there as it was.
  absl::StatusOr<KeyWrapping::Held> Open(const std::string& name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Secret> Load(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A key that is not there.
  absl::StatusOr<Secret> Make(const std::string& name, Maker make) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // As the manifest says it.
  absl::Time Now() const { return absl::FromUnixSeconds(absl::ToUnixSeconds(clock_())); }
  absl::Status Said(const absl::Status& status, const std::string& name) const {
    return absl::Status(status.code(),
                        absl::StrCat(directory_->PathOf(name), " ", status.message()));
  }

  const std::unique_ptr<const PrivateDirectory> directory_;
  const Clock clock_;
  const KeyWrapping wrapping_;

  mutable absl::Mutex mutex_;
  // As of the file of that stamp: another gateway may have made keys since.
  mutable KeyManifest manifest_ ABSL_GUARDED_BY(mutex_);
  mutable std::optional<PrivateDirectory::Stamp> stamp_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Files::Inspect() const {
  absl::MutexLock mutex(&mutex_);
  const absl::StatusOr<PrivateDirectory::Lock> lock = directory_->Hold();
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::vector<std::string>> names = directory_->Names();
  if (!names.ok()) return names.status();
  if (!directory_->Has(kManifest)) {
    if (std::any_of(names->begin(), names->end(), IsKeyName)) {
      return absl::FailedPreconditionError(
          absl::StrCat(directory_->PathOf(kManifest),
                       " is gone and keys are there: put it back from your copy of the keys"));
    }
    // The first of all files, so that there are never keys without it.
    if (absl::Status written = WriteManifest(); !written.ok()) return written;
  }
  if (absl::Status loaded = LoadManifest(); !loaded.ok()) return loaded;
  for (const std::string& name : *names) {
    if (!IsKeyName(name)) continue;
    const auto made = manifest_.find(name);
    if (made != manifest_.end() && made->second.destroyed) continue;
    const absl::StatusOr<KeyWrapping::Held> held = Open(name);
    // Who asks for one that is not what was made is told then.
    if (absl::IsDataLoss(held.status())) continue;
    if (!held.ok()) return held.status();
    // What has no line was perhaps put there by somebody else: it is not made to look like ours.
    if (held->current || made == manifest_.end()) continue;
    const absl::StatusOr<Secret> content = wrapping_.Content(held->key);
    if (!content.ok()) return content.status();
    if (absl::Status s = directory_->Replace(name, content->bytes()); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<Secret> Files::Ensure(absl::string_view name, Maker make) const {
  absl::MutexLock mutex(&mutex_);
  const absl::StatusOr<PrivateDirectory::Lock> lock = directory_->Hold();
  if (!lock.ok()) return lock.status();
  absl::StatusOr<Secret> key = Load(std::string(name));
  return absl::IsNotFound(key.status()) ? Make(std::string(name), make) : std::move(key);
}

absl::StatusOr<Secret> Files::Find(absl::string_view name) const {
  absl::MutexLock mutex(&mutex_);
  const absl::StatusOr<PrivateDirectory::Lock> lock = directory_->Hold();
  if (!lock.ok()) return lock.status();
  return Load(std::string(name));
}

absl::Status Files::LoadManifest() const {
  const std::optional<PrivateDirectory::Stamp> stamp = directory_->StampOf(kManifest);
  if (stamp && stamp == stamp_) return absl::OkStatus();
  stamp_.reset();
  const absl::StatusOr<Secret> text = directory_->Read(kManifest, kMaxManifest);
  std::optional<KeyManifest> manifest;
  if (text.ok()) {
    manifest = ParseManifest(
        absl::string_view(reinterpret_cast<const char*>(text->bytes().data()), text->size()));
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  if (!manifest) {
    return absl::DataLossError(absl::StrCat(directory_->PathOf(kManifest),
                                            text.ok() ? " is garbled or cut" : " is gone",
                                            ": put it back from your copy of the keys"));
  }
  manifest_ = *std::move(manifest);
  stamp_ = stamp;
  return absl::OkStatus();
}

absl::Status Files::WriteManifest() const {
  stamp_.reset();  // if this fails, what we hold may be ahead of the file
  const std::string text = ManifestText(manifest_);
  if (absl::Status s = directory_->Replace(kManifest, BytesOf(text)); !s.ok()) return s;
  stamp_ = directory_->StampOf(kManifest);
  return absl::OkStatus();
}

absl::Status Files::AddToManifest(const std::string& name, const Secret& key) const {
  manifest_[name] = {.name = name, .digest = KeyDigest(name, key), .created = Now()};
  return WriteManifest();
}

absl::StatusOr<KeyWrapping::Held> Files::Open(const std::string& name) const {
  if (absl::Status loaded = LoadManifest(); !loaded.ok()) return loaded;
  const auto made = manifest_.find(name);
  if (made != manifest_.end() && made->second.destroyed) {
    return absl::FailedPreconditionError(absl::StrCat("the key ", name, " was destroyed on ",
                                                      KeyTimeText(*made->second.destroyed),
                                                      ": what it covered can't be read any more"));
  }
  const absl::StatusOr<Secret> content = directory_->Read(name, kMaxKey);
  if (absl::IsNotFound(content.status())) {
    if (made == manifest_.end()) return absl::NotFoundError(absl::StrCat("there is no key ", name));
    return Said(absl::DataLossError("was made and is gone: put it back from your copy of the keys"),
                name);
  }
  if (!content.ok()) return content.status();
  absl::StatusOr<KeyWrapping::Held> held = wrapping_.Open(*content);
  if (!held.ok()) return Said(held.status(), name);
  if (made != manifest_.end() && made->second.digest != KeyDigest(name, held->key)) {
    return Said(
        absl::DataLossError("is not the key that was made: put it back from your copy of the keys"),
        name);
  }
  return held;
}

absl::StatusOr<Secret> Files::Load(const std::string& name) const {
  absl::StatusOr<KeyWrapping::Held> held = Open(name);
  if (!held.ok()) return held.status();
  if (!held->current) {
    return Said(absl::FailedPreconditionError(
                    "was put there as it is, or wrapped under the former credential, since the "
                    "start: start the gateway anew"),
                name);
  }
  if (!manifest_.contains(name)) {
    // A crash came between the key and its line.
    if (absl::Status added = AddToManifest(name, held->key); !added.ok()) return added;
  }
  return std::move(held->key);
}

absl::StatusOr<Secret> Files::Make(const std::string& name, Maker make) const {
  if (!IsKeyName(name)) return absl::InvalidArgumentError("no key has such a name");
  if (stamp_ && stamp_->size >= kFullManifest) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory_->PathOf(kManifest), " names as many keys as one may"));
  }
  absl::StatusOr<Secret> key = make();
  if (!key.ok()) return key;
  const absl::StatusOr<Secret> content = wrapping_.Content(*key);
  if (!content.ok()) return content.status();
  if (absl::Status made = directory_->Create(name, content->bytes()); !made.ok()) return made;
  if (absl::Status added = AddToManifest(name, *key); !added.ok()) return added;
  return key;
}

absl::Status Files::Destroy(absl::string_view name, Undo undo) const {
  absl::MutexLock mutex(&mutex_);
  const absl::StatusOr<PrivateDirectory::Lock> lock = directory_->Hold();
  if (!lock.ok()) return lock.status();
  if (absl::Status loaded = LoadManifest(); !loaded.ok()) return loaded;
  const auto made = manifest_.find(std::string(name));
  if (made == manifest_.end()) return absl::NotFoundError(absl::StrCat("there is no key ", name));
  if (!made->second.destroyed) {
    // First what is said of it: a crash after this destroys it at the next start.
    made->second.destroyed = Now();
    if (absl::Status written = WriteManifest(); !written.ok()) return written;
  }
  if (absl::Status undone = undo(made->second); !undone.ok()) return undone;
  return directory_->Has(made->first) ? directory_->Remove(made->first) : absl::OkStatus();
}

absl::StatusOr<std::vector<KeyDirectory::MadeKey>> Files::List() const {
  absl::MutexLock mutex(&mutex_);
  const absl::StatusOr<PrivateDirectory::Lock> lock = directory_->Hold();
  if (!lock.ok()) return lock.status();
  if (absl::Status loaded = LoadManifest(); !loaded.ok()) return loaded;
  std::vector<MadeKey> all;
  for (const auto& [name, made] : manifest_) {
    all.push_back(made);
    all.back().there = directory_->Has(name);
  }
  return all;
}

}  // namespace

absl::StatusOr<Secret> RandomKey(size_t size) {
  Secret key(size);
  if (RAND_priv_bytes(key.mutable_bytes().data(), static_cast<int>(size)) != 1) {
    return absl::InternalError("the system has no randomness to make a key of");
  }
  return key;
}

absl::StatusOr<std::unique_ptr<KeyDirectory>> KeyDirectory::Open(absl::string_view path,
                                                                 Clock clock,
                                                                 KeyWrapping wrapping) {
  absl::StatusOr<std::unique_ptr<PrivateDirectory>> opened =
      PrivateDirectory::Open(std::string(path));
  if (!opened.ok()) return opened.status();
  auto files = std::make_unique<Files>(*std::move(opened), std::move(clock), std::move(wrapping));
  if (absl::Status inspected = files->Inspect(); !inspected.ok()) return inspected;
  return files;
}

}  // namespace sluice::server
