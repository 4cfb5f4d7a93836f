// The text of a record's scalar values, as NDJSON and CSV write them: a date is "2027-05-01" (or
// "2027-05", or "2027", where a part is unset), a decimal its digits, a bool "true" or "false".
//
// Pure.
#ifndef SLUICE_CLIENT_RECORD_VALUE_H_
#define SLUICE_CLIENT_RECORD_VALUE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/type/date.pb.h"

namespace sluice::client {

bool IsDate(const google::protobuf::FieldDescriptor& field);
bool IsDecimal(const google::protobuf::FieldDescriptor& field);
// Whether the field is a message that is no scalar by convention.
bool IsStructure(const google::protobuf::FieldDescriptor& field);

// Sets (or, on a repeated field, adds) the value. INVALID_ARGUMENT with what was expected; the
// sentence never holds the value.
absl::Status SetFromText(google::protobuf::Message& message,
                         const google::protobuf::FieldDescriptor& field, absl::string_view text);

// `index` is -1 for a field that is not repeated.
std::string ToText(const google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field, int index);

// Every value at a path of names without indices ("cohorts.term"), in order; none for a path that
// the record's type has not.
std::vector<std::string> TextsAt(const google::protobuf::Message& message, absl::string_view path);

// Whether the text has a decimal's syntax: "-12.50", "3e2".
bool IsDecimalText(absl::string_view text);
absl::StatusOr<google::type::Date> ParseDate(absl::string_view text);
std::string DateText(const google::type::Date& date);

// The field by its name in the proto file, or by its JSON name; null if there is none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& type,
                                                   absl::string_view name);
// `there is no field "x" in Candidate; did you mean "y"?`
absl::Status NoSuchField(const google::protobuf::Descriptor& type, absl::string_view name);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_RECORD_VALUE_H_
