// A manifest is read in one form only: what is read is written again byte for byte.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "server/key_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  // As it is, and with the end that would belong to it, or hardly anything gets past that.
  for (const std::string& tried :
       {std::string(text), absl::StrCat(text, "end ", sluice::policy::Sha256Digest(text), "\n")}) {
    const auto manifest = sluice::server::ParseManifest(tried);
    if (manifest && sluice::server::ManifestText(*manifest) != tried) std::abort();
  }
  return 0;
}
