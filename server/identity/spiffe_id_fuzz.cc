// A text is either refused, or the one id of the principal that it names.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/identity/spiffe_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view id(reinterpret_cast<const char*>(data), size);
  const auto principal = sluice::server::ParseSpiffeId(id, "d.example");
  if (!principal.ok()) return 0;
  const absl::string_view kind = sluice::server::KindName(principal->kind);
  const std::string written = principal->organization.empty()
                                  ? absl::StrCat("spiffe://d.example/", kind, "/", principal->name)
                                  : absl::StrCat("spiffe://d.example/org/", principal->organization,
                                                 "/", kind, "/", principal->name);
  if (written != id) std::abort();
  return 0;
}
