// What the projector's twin makes of single values: whether one is valid, and what a field rule
// turns it into, by calendars, regular expressions and wide integers. For tests.
//
// Functions.
#ifndef SLUICE_POLICY_PROJECTOR_TWIN_VALUES_H_
#define SLUICE_POLICY_PROJECTOR_TWIN_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/numeric/int128.h"
#include "google/protobuf/message.h"
#include "google/type/date.pb.h"
#include "policy/catalog.h"
#include "policy/field_rule.h"

namespace sluice::policy::twin {

bool IsDate(const google::type::Date& date);
// A decimal number.
bool IsNumber(const std::string& text);

// The integer in a field, or in its element `i`.
absl::int128 Integer(const google::protobuf::Message& message,
                     const google::protobuf::FieldDescriptor* field, int i);
void SetInteger(const google::protobuf::FieldDescriptor* field, int i, absl::int128 value,
                google::protobuf::Message* message);
absl::int128 LowestOf(const google::protobuf::FieldDescriptor& field);
// Band, then cap, then floor; not below the lowest value that there is.
absl::int128 Coarser(absl::int128 value, const FieldRule& rule, absl::int128 lowest);

std::string FirstCodePointsOf(const std::string& text, uint32_t count);
// nullopt: no postal code.
std::optional<std::string> ThreeDigits(const std::string& value);
std::string CodeOf(const std::string& code, const FieldRule& rule, const Field& field);

}  // namespace sluice::policy::twin

#endif  // SLUICE_POLICY_PROJECTOR_TWIN_VALUES_H_
