// Whatever the bytes are, what the stream gives is UTF-8 without a NUL, and rows of it have places.
#include <cstdint>
#include <cstdlib>

#include "client/import/decoded_file.h"
#include "client/import/row_source.h"

namespace sluice::client {
namespace {

void Run(absl::string_view bytes) {
  auto file = DecodedFile::OfBytes("f", bytes);
  if (!file.ok()) return;
  std::string text;
  int c;
  while ((c = (*file)->sbumpc()) >= 0) text.push_back(static_cast<char>(c));
  if (text.find('\0') != std::string::npos) std::abort();
  // What was decoded is its own decoding.
  auto again = DecodedFile::OfBytes("f", text);
  if (!again.ok() || !(*file)->status().ok()) return;
  auto rows = OpenCsvRows(*std::move(again));
  if (!rows.ok()) return;
  SourceRow row;
  int64_t line = 0;
  while (true) {
    const absl::StatusOr<bool> read = (*rows)->Next(row);
    if (!read.ok() || !*read) return;
    if (row.line <= line) std::abort();
    line = row.line;
    if (row.status.ok() && row.cells.size() != (*rows)->columns().size()) std::abort();
  }
}

}  // namespace
}  // namespace sluice::client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::client::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
