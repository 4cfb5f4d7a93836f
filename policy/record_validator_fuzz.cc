// libFuzzer: any bytes as a record of any type, the first byte says which; what is accepted is what
// protobuf would write, and is accepted again.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "policy/catalog.h"
#include "policy/projector_cases.h"
#include "policy/record_validator.h"

namespace {

using namespace sluice::policy;  // NOLINT

const RecordType& TypeOf(uint8_t choice) {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  const std::vector<const RecordType*>& types = (*catalog)->types();
  const size_t index = choice % (types.size() + 1);
  return index < types.size() ? *types[index] : ProjectorCases::ProbeType();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const RecordType& type = TypeOf(data[0]);
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Validation validation = ValidateRecord(type, bytes);
  ValidateRecord(type, bytes, true);
  if (!validation.problems.empty()) return 0;
  const std::unique_ptr<google::protobuf::Message> parsed(type.prototype().New());
  const std::unique_ptr<google::protobuf::Message> again(type.prototype().New());
  if (!parsed->ParseFromString(bytes) || !again->ParseFromString(validation.record.bytes))
    std::abort();
  if (parsed->SerializeAsString() != validation.record.bytes) std::abort();
  const Validation twice = ValidateRecord(type, validation.record.bytes);
  if (!twice.problems.empty() || twice.record.bytes != validation.record.bytes ||
      twice.record.key != validation.record.key) {
    std::abort();
  }
  return 0;
}
