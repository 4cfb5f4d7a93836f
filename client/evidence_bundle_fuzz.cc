// Bundles of evidence of strangers: refused, or read as the one way to write them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "client/evidence_bundle.h"
#include "client/evidence_verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::client::EvidenceBundle;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  absl::StatusOr<EvidenceBundle> bundle = EvidenceBundle::Parse(text);
  if (!bundle.ok()) return 0;
  // All but the digest is as it would be written.
  const std::string written = bundle->Write();
  if (bundle->is_undamaged && written != text) std::abort();
  const size_t digest = written.rfind("sha256 ");
  if (written.substr(0, digest) != text.substr(0, digest)) std::abort();
  // A fuzzer makes no signature of the key that it brings, unless the key is weak: then what it
  // signs is still held against the proofs.
  const auto key = sluice::client::LogVerifierKey::Parse(bundle->vkey);
  if (key.ok()) (void)sluice::client::VerifyEvidence(*bundle, *key, std::nullopt);
  return 0;
}
