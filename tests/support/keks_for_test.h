// Key-encryption keys without files: each follows from its name, so that every test and process
// that opens a store with the same keyring finds the same ones.
#ifndef SLUICE_TESTS_SUPPORT_KEKS_FOR_TEST_H_
#define SLUICE_TESTS_SUPPORT_KEKS_FOR_TEST_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/key_encryption_keys.h"
#include "server/key_wrap.h"
#include "server/store/hkdf.h"

namespace sluice::server {

class KeksForTest final : public KeyEncryptionKeys {
 public:
  explicit KeksForTest(std::string keyring = "a keyring") : keyring_(std::move(keyring)) {}

  absl::Status Create(const KekName& name) override {
    absl::MutexLock lock(&mutex_);
    states_.emplace(name, State::kKept);
    return StatusOf(name);
  }
  absl::StatusOr<std::string> Wrap(const KekName& name, const policy::Secret& key) const override {
    absl::MutexLock lock(&mutex_);
    if (absl::Status status = StatusOf(name); !status.ok()) return status;
    return WrapKey(KeyOf(name), key);
  }
  absl::StatusOr<policy::Secret> Unwrap(const KekName& name,
                                        absl::string_view wrapped) const override {
    absl::MutexLock lock(&mutex_);
    if (absl::Status status = StatusOf(name); !status.ok()) return status;
    absl::StatusOr<policy::Secret> key = UnwrapKey(KeyOf(name), wrapped);
    if (!absl::IsDataLoss(key.status())) return key;
    return absl::FailedPreconditionError("it was wrapped by another key-encryption key");
  }
  absl::StatusOr<std::vector<Listed>> List() const override {
    absl::MutexLock lock(&mutex_);
    std::vector<Listed> all;
    for (const auto& [name, state] : states_) all.push_back({.name = name, .state = state});
    return all;
  }
  void Lose(const KekName& name) {
    absl::MutexLock lock(&mutex_);
    states_[name] = State::kLost;
  }

 private:
  absl::Status StatusOf(const KekName& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto state = states_.find(name);
    switch (state == states_.end() ? State::kKept : state->second) {
      case State::kKept:
        return absl::OkStatus();
      case State::kLost:
        return absl::DataLossError("the key-encryption key is lost");
      case State::kDestroying:
      case State::kDestroyed:
        return absl::FailedPreconditionError("the key-encryption key was destroyed");
    }
    return absl::InternalError("another state");
  }
  policy::Secret KeyOf(const KekName& name) const {
    return HkdfSha256(
               policy::Secret::Copy(keyring_), "",
               absl::StrCat(static_cast<int>(name.scope), "|", name.owner, "|", name.version))
        .value();
  }
  absl::Status DoDestroy(const KekName& name) override {
    absl::MutexLock lock(&mutex_);
    states_[name] = State::kDestroyed;
    return absl::OkStatus();
  }

  const std::string keyring_;
  mutable absl::Mutex mutex_;
  std::map<KekName, State> states_ ABSL_GUARDED_BY(mutex_);  // of those that were used here
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_KEKS_FOR_TEST_H_
