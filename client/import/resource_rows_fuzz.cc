// Whatever the bytes are, the readers of XML and JSON end, and what they reject is read again as
// the same row.
#include <cstdint>
#include <cstdlib>

#include "client/import/row_source.h"

namespace sluice::client {
namespace {

const std::vector<std::string>& Columns() {
  static const auto* const columns =
      new std::vector<std::string>{"a", "a.b", "a[2]", "a.b[2].c", "@d"};
  return *columns;
}

absl::StatusOr<std::unique_ptr<RowSource>> Open(bool xml, absl::string_view bytes) {
  auto file = DecodedFile::OfBytes("f", bytes);
  if (!file.ok()) return file.status();
  if (xml) return OpenXmlRows(*std::move(file), {{"", "n"}, "r", Columns()});
  return OpenJsonRows(*std::move(file), Columns());
}

void Run(bool xml, absl::string_view bytes) {
  auto rows = Open(xml, bytes);
  if (!rows.ok()) return;
  SourceRow row;
  while (true) {
    const absl::StatusOr<bool> read = (*rows)->Next(row);
    if (!read.ok() || !*read) return;
    if (row.cells.size() != Columns().size() || row.line < 1) std::abort();
    if (!row.status.ok()) continue;
    const std::string text =
        (*rows)->RejectsBegin() + (*rows)->Reject(row, "why") + (*rows)->RejectsEnd();
    auto again = Open(xml, text);
    SourceRow same;
    if (!again.ok() || !(*again)->Next(same).value_or(false)) std::abort();
    if (same.cells != row.cells) std::abort();
  }
}

}  // namespace
}  // namespace sluice::client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  sluice::client::Run(bytes[0] == '<', bytes);
  return 0;
}
