// libFuzzer: any bytes as a record; what is accepted is what protobuf would write, and is accepted
// again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/projector_cases.h"
#include "policy/record_validator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::policy;  // NOLINT
  const RecordType& type = ProjectorCases::ProbeType();
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Validation validation = ValidateRecord(type, bytes);
  if (!validation.problems.empty()) return 0;
  sluice::testing::Probe parsed, again;
  if (!parsed.ParseFromString(bytes) || !again.ParseFromString(validation.record.bytes))
    std::abort();
  if (parsed.SerializeAsString() != validation.record.bytes) std::abort();
  const Validation twice = ValidateRecord(type, validation.record.bytes);
  if (!twice.problems.empty() || twice.record.bytes != validation.record.bytes ||
      twice.record.key != validation.record.key) {
    std::abort();
  }
  return 0;
}
