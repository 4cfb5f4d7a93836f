// How the projector's twin reads a stored record: by protobuf's own parser, of what is needed and
// nothing else, and only where the bytes are those that protobuf itself would write. For tests.
//
// Functions.
#ifndef SLUICE_POLICY_PROJECTOR_TWIN_PARSE_H_
#define SLUICE_POLICY_PROJECTOR_TWIN_PARSE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace sluice::policy::twin {

// What the twin wants of a scalar: its value, or only that it is there.
enum class Need { kNothing, kPresence, kValue };
using NeedOf = std::function<Need(const std::string& path)>;

// google.type.Date and google.type.Decimal: each stands for one scalar.
bool IsScalarMessage(const google::protobuf::FieldDescriptor& field);

// The message that has what is needed; nullptr if the form is wrong at a level that is looked at.
// What is needed for its presence alone has some other value.
std::unique_ptr<google::protobuf::Message> ParseNeeded(const google::protobuf::Message& prototype,
                                                       absl::string_view record,
                                                       const NeedOf& need);

// The bytes in the one form that records have.
std::string Deterministic(const google::protobuf::Message& message);

}  // namespace sluice::policy::twin

#endif  // SLUICE_POLICY_PROJECTOR_TWIN_PARSE_H_
