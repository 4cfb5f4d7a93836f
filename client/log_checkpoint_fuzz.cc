// Notes, verifier keys and entry bundles of strangers: refused or read, never more.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "client/log_checkpoint.h"
#include "client/log_directory.h"
#include "client/log_witness.h"

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
  static const sluice::client::WitnessVerifierKey* const witness = [] {
    auto parsed = sluice::client::WitnessVerifierKey::Parse(
        "witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
    if (!parsed.ok()) std::abort();
    return new sluice::client::WitnessVerifierKey(*parsed);
  }();
  if (const auto note = sluice::client::ParseSignedNote(text); note.ok()) {
    const auto cosigned = witness->Cosigned(*note);
    if (cosigned.ok() && cosigned->has_value()) std::abort();
  }
  (void)sluice::client::ParseEntryBundle(text);
  return 0;
}
