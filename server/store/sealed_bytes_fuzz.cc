// The envelope: whatever the database holds, it is parsed within its bounds, and nothing opens but
// what was sealed.
#include <cstdlib>

#include "server/store/sealed_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::policy::Secret;
  using sluice::server::OpeningKey;
  using sluice::server::ParseSealed;
  using sluice::server::SealedParts;
  using sluice::server::SealingKey;
  static const Secret* const key = new Secret(Secret::Copy(std::string(32, 'k')));
  static const OpeningKey* const opening = new OpeningKey(OpeningKey::Create(*key).value());
  static std::string* const buffer = new std::string;
  static std::string* const sealed_buffer = new std::string;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const std::optional<SealedParts> parts = ParseSealed(bytes)) {
    if (parts->ciphertext.size() + sluice::server::kSealBytes != size) abort();
    if (parts->ciphertext.data() < bytes.data() ||
        parts->tag.data() + parts->tag.size() != bytes.data() + size) {
      abort();
    }
    // The fuzzer does not find a tag.
    if (opening->Open("associated", *parts, *buffer).ok()) abort();
  }
  // What it gives as content comes back.
  SealingKey sealing = SealingKey::Create(1, *key).value();
  const absl::StatusOr<absl::string_view> sealed = sealing.Seal(bytes, bytes, *sealed_buffer);
  if (!sealed.ok()) abort();
  const std::optional<SealedParts> parts = ParseSealed(*sealed);
  if (!parts || opening->Open(bytes, *parts, *buffer).value() != bytes) abort();
  return 0;
}
