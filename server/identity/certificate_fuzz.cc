// Certificates, bundles and revocation lists of any bytes: parsed or refused, never half taken.
#include <cstdint>
#include <cstdlib>

#include "server/identity/certificate.h"

using sluice::server::Certificate;
using sluice::server::RevocationList;

namespace {

void Ask(const Certificate& certificate) {
  if (certificate.fingerprint().size() != 32 || certificate.spki().size() != 64) std::abort();
  (void)certificate.is_ca();
  (void)certificate.is_self_signed();
  (void)certificate.serial();
  (void)certificate.Uris();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto certificate = Certificate::FromDer(bytes); certificate.ok()) Ask(*certificate);
  (void)sluice::server::OneCertificateDer(bytes);
  const auto bundle = Certificate::BundleFromPem(bytes);
  const auto lists = RevocationList::BundleFromPem(bytes);
  if (bundle.ok()) {
    // Nothing but certificates, so no list.
    if (bundle->empty() || lists.ok()) std::abort();
    for (const Certificate& certificate : *bundle) Ask(certificate);
  }
  if (lists.ok() && lists->empty()) std::abort();
  return 0;
}
