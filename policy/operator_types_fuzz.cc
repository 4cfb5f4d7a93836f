// libFuzzer: an operator's descriptor set. What is taken is annotated throughout, is kept and read
// again as it is, and follows itself.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/kept_catalog.h"
#include "policy/operator_types.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto catalog = CatalogWithTypes({{"x.binpb", bytes}});
  if (!catalog.ok()) return 0;
  const auto again = CatalogFromKept(Keep(**catalog));
  if (!again.ok()) std::abort();
  for (const RecordType* const type : (*catalog)->types()) {
    for (const Field* const leaf : type->leaves()) {
      if (leaf->sensitivity == sluice::v1::SENSITIVITY_UNSPECIFIED) std::abort();
    }
    const RecordType* const kept = (*again)->FindVersion(type->name(), type->digest());
    if (kept == nullptr || !CheckFollows(*type, *kept).ok()) std::abort();
  }
  return 0;
}
