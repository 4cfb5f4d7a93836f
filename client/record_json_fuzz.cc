// What reads as a record prints as text that reads as the same record.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "client/record_json.h"
#include "google/protobuf/util/message_differencer.h"
#include "sluice/v1/candidate_records.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  sluice::v1::Candidate first;
  if (!sluice::client::RecordFromJson(text, first).ok()) return 0;
  sluice::v1::Candidate second;
  if (!sluice::client::RecordFromJson(sluice::client::RecordToJson(first), second).ok()) {
    std::abort();
  }
  if (!google::protobuf::util::MessageDifferencer::Equals(first, second)) std::abort();
  return 0;
}
