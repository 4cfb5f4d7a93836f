// The messages that stand for one scalar, google.type.Date and google.type.Decimal, read from a
// stored record's bytes.
//
// Functions.
#ifndef SLUICE_POLICY_SCALAR_MESSAGE_H_
#define SLUICE_POLICY_SCALAR_MESSAGE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "policy/civil_date.h"

namespace sluice::policy {

// nullopt: malformed, parts out of order or zero, or no date of the calendar. A number that the
// message does not know is passed over.
std::optional<CivilDate> ReadDate(absl::string_view bytes);

// The text as it stands in `bytes`. nullopt: malformed, no value or several, or no decimal number.
std::optional<absl::string_view> ReadDecimal(absl::string_view bytes);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_SCALAR_MESSAGE_H_
