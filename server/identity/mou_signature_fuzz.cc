// A CMS of any bytes over a document: only the signatory's own signature verifies, and each change
// of it gives the same signer or none. The first byte of an input says whether the rest stands
// alone or is laid over a good signature, at the place that the next two bytes name.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "server/identity/mou_signature.h"
#include "tests/support/organization_for_test.h"

namespace {

using sluice::server::OrganizationForTest;

constexpr char kDocument[] = "mou: stem-pipeline\nversion: 1\n";
const absl::Time kNow = absl::FromUnixSeconds(1798761600);

struct World {
  OrganizationForTest river{"river-unified", kNow};
  sluice::pki::Credential dean = river.Signatory("dean");
  std::string good = sluice::pki::SignDocument(kDocument, dean).value();
  std::string spki = sluice::pki::SpkiDigest(dean.certificate)->substr(7);
  std::string pinned = river.signatory_ca_digest();
  std::shared_ptr<const sluice::server::Trust> trust =
      sluice::server::Trust::Create(sluice::server::TrustForTest({&river})).value();
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const World* const world = new World();
  if (size < 3) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  std::string cms(rest);
  if (data[0] % 2 == 0) {
    cms = world->good;
    const size_t at = (data[1] * 256u + data[2]) % cms.size();
    std::copy_n(rest.begin(), std::min(rest.size(), cms.size() - at), cms.begin() + at);
  }
  const auto verified = sluice::server::VerifyMouSignature(kDocument, cms, "river-unified",
                                                           world->pinned, *world->trust, kNow);
  if (verified.ok() && verified->signer_spki != world->spki) std::abort();
  (void)sluice::server::IsVoid(cms, "river-unified", *world->trust, kNow);
  return 0;
}
