// Notes, verifier keys and entry bundles of strangers: refused or read, never more.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "client/log_checkpoint.h"
#include "client/log_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::client::LogVerifierKey;
  static const LogVerifierKey* const key = [] {
    // Nobody has its private half, so nothing that is made up may open.
    auto parsed = LogVerifierKey::Parse(
        "gateway.example/log/1+0bb4d4d1+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    return parsed.ok() ? new LogVerifierKey(*parsed) : nullptr;
  }();
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (key != nullptr && sluice::client::OpenCheckpoint(text, *key).ok()) std::abort();
  if (const auto parsed = LogVerifierKey::Parse(text); parsed.ok()) {
    if (sluice::client::OpenCheckpoint(text, *parsed).ok()) std::abort();
  }
  (void)sluice::client::ParseEntryBundle(text);
  return 0;
}
