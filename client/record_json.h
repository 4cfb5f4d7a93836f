// Records as JSON: proto3 JSON with the proto file's names, one record a line, dates and decimals
// as plain strings. Reading takes google.type's own forms as well.
//
// Pure.
#ifndef SLUICE_CLIENT_RECORD_JSON_H_
#define SLUICE_CLIENT_RECORD_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace sluice::client {

// Fills an empty record. INVALID_ARGUMENT with the path of the field (or the column of the text)
// and what was expected, never the value: unknown and doubled names, wrong types, text beyond one
// object.
absl::Status RecordFromJson(absl::string_view json, google::protobuf::Message& record);

// One line without its end. Fields in order of number; `row_id`, where it is not empty, comes first
// under that name.
std::string RecordToJson(const google::protobuf::Message& record, absl::string_view row_id = "");

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_RECORD_JSON_H_
