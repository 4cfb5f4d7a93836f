#include "server/keys.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {
namespace {

using policy::Secret;

class FileKeys final : public Keys {
 public:
  explicit FileKeys(std::unique_ptr<const KeyDirectory> directory)
      : directory_(std::move(directory)) {}

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
    return Get(*name, 32, [&] { return directory_->Find(*name); });
  }

  absl::Status DestroyPseudonymRoot(absl::string_view mou) override {
    const absl::StatusOr<std::string> name = RootName(mou);
    if (!name.ok()) return name.status();
    // Over all of it: nobody reads it in between, and holds it on.
    absl::MutexLock lock(&mutex_);
    held_.erase(*name);
    const absl::Status destroyed =
        directory_->Destroy(*name, [](const KeyDirectory::MadeKey&) { return absl::OkStatus(); });
    return absl::IsNotFound(destroyed) ? absl::OkStatus() : destroyed;
  }

 private:
  static absl::StatusOr<std::string> RootName(absl::string_view mou) {
    const bool good = !mou.empty() && mou.size() <= 63 &&
                      absl::ascii_islower(static_cast<unsigned char>(mou[0])) &&
                      std::all_of(mou.begin(), mou.end(), [](unsigned char c) {
                        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
                      });
    if (!good) return absl::InvalidArgumentError("no MOU has such a name");
    return absl::StrCat("mou-", mou, ".root");
  }

  absl::StatusOr<Secret> Ensure(const std::string& name, size_t size) {
    return Get(name, size,
               [&] { return directory_->Ensure(name, [size] { return RandomKey(size); }); });
  }

  template <typename Read>
  absl::StatusOr<Secret> Get(const std::string& name, size_t size, Read read) {
    absl::MutexLock lock(&mutex_);
    if (const auto held = held_.find(name); held != held_.end()) return Copy(held->second);
    absl::StatusOr<Secret> key = read();
    if (!key.ok()) return key;
    if (key->size() != size) {
      return absl::DataLossError(absl::StrCat("the key ", name, " has another length"));
    }
    held_.emplace(name, Copy(*key));
    return key;
  }

  static Secret Copy(const Secret& secret) {
    return Secret::Copy(
        absl::string_view(reinterpret_cast<const char*>(secret.bytes().data()), secret.size()));
  }

  const std::unique_ptr<const KeyDirectory> directory_;
  absl::Mutex mutex_;
  std::map<std::string, Secret> held_ ABSL_GUARDED_BY(mutex_);  // read before
};

}  // namespace

absl::StatusOr<std::unique_ptr<Keys>> Keys::Open(const KeySource& source,
                                                 KeyDirectory::Clock clock) {
  absl::StatusOr<std::unique_ptr<KeyDirectory>> opened = OpenKeyDirectory(source, std::move(clock));
  if (!opened.ok()) return opened.status();
  return std::make_unique<FileKeys>(*std::move(opened));
}

}  // namespace sluice::server
