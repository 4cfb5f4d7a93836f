// Whatever the bytes are, a mapping is refused with findings at places in it, or it is read, and
// then it binds to its own columns and maps a row.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "client/import/mapping.h"
#include "client/import/row_mapper.h"
#include "google/protobuf/message.h"

namespace sluice::client {
namespace {

const policy::Catalog& CatalogForFuzz() {
  static const auto* const catalog =
      new std::shared_ptr<const policy::Catalog>(*policy::Catalog::BuiltIn());
  return **catalog;
}

void Run(absl::string_view bytes) {
  const MappingRead read = ReadMapping("f.yaml", bytes, CatalogForFuzz());
  const auto lines = std::count(bytes.begin(), bytes.end(), '\n') + 1;
  for (const policy::Finding& finding : read.findings) {
    if (finding.place.line > lines || finding.message.empty()) std::abort();
  }
  if (read.mapping.has_value() == policy::HasError(read.findings)) std::abort();
  if (!read.mapping.has_value() || read.mapping->record.empty() || !read.mapping->joins.empty()) {
    return;
  }
  const policy::RecordType& type = *CatalogForFuzz().Find(read.mapping->record);
  const std::vector<std::string> columns = ColumnsRead(*read.mapping, "");
  const RowMapper::Bound bound = RowMapper::Bind(*read.mapping, type, "f", columns, {});
  if (bound.mapper == nullptr) return;
  SourceRow row;
  row.cells.assign(columns.size(), "2017-10-06");
  const std::unique_ptr<google::protobuf::Message> record(type.prototype().New());
  if (!bound.mapper->Map(row, *record).ok()) std::abort();
}

}  // namespace
}  // namespace sluice::client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::client::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
