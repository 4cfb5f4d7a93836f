// Whatever the bytes are, a document is refused with findings at places in it, or it is read, and
// then checking, compiling and deciding by it end as well; its canonical text says the same, and is
// its own.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "policy/check.h"
#include "policy/decide.h"
#include "policy/mou_format.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

void Format(const MouDocument& document) {
  // Otherwise an error is a text that would not say the same.
  const absl::StatusOr<std::string> text = FormatMou(document);
  if (absl::IsFailedPrecondition(text.status())) return;
  if (!text.ok()) std::abort();
  const absl::StatusOr<std::string> again = FormatMou(MouDocument::Parse("f.yaml", *text).document);
  if (!again.ok() || *again != *text) std::abort();
}

void Run(absl::string_view bytes) {
  const MouDocument::Parsed parsed = MouDocument::Parse("f.yaml", bytes);
  const auto lines = std::count(bytes.begin(), bytes.end(), '\n') + 1;
  for (const Finding& f : parsed.findings) {
    if (f.place.line > lines || f.message.empty()) std::abort();
  }
  if (parsed.document.well_formed() == HasError(parsed.findings)) std::abort();
  if (parsed.document.well_formed()) Format(parsed.document);
  const std::vector<Finding> findings =
      Check(parsed.document, *CatalogForTest(), CheckOptions{.max_term_days = 1 << 30});
  auto mou = CompiledMou::Compile(parsed.document, CatalogForTest());
  // What check lets pass compiles.
  if (parsed.document.well_formed() && !HasError(findings) && !mou.ok()) std::abort();
  if (!mou.ok()) return;
  MouVersion version;
  version.mou = *mou;
  version.ever_signed = true;
  const auto mous = MouSet::Create({version});
  for (const CompiledGrant& grant : (*mou)->grants()) {
    Request request;
    request.organization = grant.to[0];
    request.mou = (*mou)->name();
    request.purpose = grant.purpose;
    request.record_type = grant.record_type;
    request.operation = grant.operations[0];
    request.time = absl::FromCivil(grant.period.effective, (*mou)->time_zone());
    const Decision decision = Decide(*mous, request);
    const auto* denial = std::get_if<Denial>(&decision);
    if (denial != nullptr && denial->code == v1::DENIAL_CODE_INTERNAL) std::abort();
  }
}

}  // namespace
}  // namespace sluice::policy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::policy::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
