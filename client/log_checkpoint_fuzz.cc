// Notes, verifier keys and entry bundles of strangers: refused or read, never more.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "client/log_checkpoint.h"
#include "client/log_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::client::LogVerifierKey;
  static const LogVerifierKey* const key = [] {
    // RFC 8032's first example: a fuzzer makes no signature of it.
    auto parsed = LogVerifierKey::Parse(
        "gateway.example/log/1+fcc1e9a5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
    if (!parsed.ok()) std::abort();
    return new LogVerifierKey(*parsed);
  }();
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (sluice::client::OpenCheckpoint(text, *key).ok()) std::abort();
  if (const auto parsed = LogVerifierKey::Parse(text); parsed.ok()) {
    if (sluice::client::OpenCheckpoint(text, *parsed).ok()) std::abort();
  }
  (void)sluice::client::ParseEntryBundle(text);
  return 0;
}
