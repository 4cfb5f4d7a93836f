#include "server/audit/cosignature.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

constexpr size_t kTimeBytes = 8;
constexpr size_t kSignatureBytes = 64;

}  // namespace

absl::StatusOr<CosignatureVerifier> CosignatureVerifier::Create(absl::string_view vkey) {
  absl::StatusOr<NoteKey> key = ParseVkey(vkey, kCosignature);
  if (!key.ok()) return key.status();
  return CosignatureVerifier(*std::move(key));
}

absl::StatusOr<Cosignature> CosignatureVerifier::Find(absl::string_view lines,
                                                      absl::string_view text) const {
  const absl::StatusOr<std::vector<NoteLine>> parsed = ParseNoteLines(lines);
  if (!parsed.ok()) return parsed.status();
  std::optional<Cosignature> found;
  for (const NoteLine& line : *parsed) {
    if (line.name != key_.name || line.id != key_.id) continue;
    if (found.has_value()) return absl::UnauthenticatedError("it is cosigned twice by one key");
    const absl::Status wrong = absl::UnauthenticatedError("the cosignature does not verify");
    if (line.signature.size() != kTimeBytes + kSignatureBytes) return wrong;
    uint64_t seconds = 0;
    for (size_t i = 0; i < kTimeBytes; ++i) {
      seconds = seconds << 8 | static_cast<uint8_t>(line.signature[i]);
    }
    const std::string message = absl::StrCat("cosignature/v1\ntime ", seconds, "\n", text);
    if (seconds > uint64_t{std::numeric_limits<int64_t>::max()} ||
        !VerifiesEd25519(key_.public_key, message,
                         absl::string_view(line.signature).substr(kTimeBytes))) {
      return wrong;
    }
    found = {line.text, absl::FromUnixSeconds(static_cast<int64_t>(seconds))};
  }
  if (!found.has_value()) return absl::NotFoundError("it is not cosigned by this key");
  return *std::move(found);
}

}  // namespace sluice::server
