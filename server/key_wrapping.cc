#include "server/key_wrapping.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/key_wrap.h"

namespace sluice::server {
namespace {

using policy::Secret;

// No random key begins like this.
constexpr char kWrapped[] = "sluice wrapped key 1\n";

absl::string_view BytesOf(const Secret& secret) {
  return absl::string_view(reinterpret_cast<const char*>(secret.bytes().data()), secret.size());
}

}  // namespace

absl::StatusOr<Secret> KeyWrapping::Content(const Secret& key) const {
  if (!current_) return Secret::Copy(BytesOf(key));
  const absl::StatusOr<std::string> wrapped = WrapKey(*current_, key);
  if (!wrapped.ok()) return wrapped.status();
  return Secret::Copy(absl::StrCat(kWrapped, *wrapped));
}

absl::StatusOr<KeyWrapping::Held> KeyWrapping::Open(const Secret& content) const {
  absl::string_view wrapped = BytesOf(content);
  if (!absl::ConsumePrefix(&wrapped, kWrapped)) {
    return Held{Secret::Copy(wrapped), !current_.has_value()};
  }
  if (!current_) {
    return absl::FailedPreconditionError(
        "is wrapped: name the credential that holds its key (keys.credential)");
  }
  for (const std::optional<Secret>* by : {&current_, &former_}) {
    if (!by->has_value()) continue;
    absl::StatusOr<Secret> key = UnwrapKey(**by, wrapped);
    if (key.ok()) return Held{*std::move(key), by == &current_};
    if (!absl::IsDataLoss(key.status())) return key.status();
  }
  return absl::FailedPreconditionError(
      "is not wrapped under the key of keys.credential, or was changed: name the credential of "
      "this "
      "gateway's keys (a former one as keys.former_credential), or put the file back from your "
      "copy "
      "of the keys");
}

}  // namespace sluice::server
