// The one form of a value before it is compared or keyed: NFC, trimmed, and what its field's
// annotation adds. A value that has none is no value. Pure.
#ifndef SLUICE_POLICY_CANONICAL_FORM_H_
#define SLUICE_POLICY_CANONICAL_FORM_H_

#include <array>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "sluice/v1/catalog.pb.h"

namespace sluice::policy {

bool IsValidUtf8(absl::string_view text);

// The first `count` code points of valid UTF-8; a combining mark is one of its own.
absl::string_view FirstCodePoints(absl::string_view text, uint32_t count);

// nullopt: not UTF-8, no digits where they are padded, wider than its padding, or no postal code.
// Idempotent.
std::optional<std::string> Canonical(absl::string_view value, const v1::CanonicalForm& form);

// Five digits: a ZIP+4 is cut, one or two lost leading zeros are restored.
std::optional<std::array<char, 5>> CanonicalPostalCode(absl::string_view value);

// Whether it is a decimal number as google.type.Decimal has it: an optional sign, digits with an
// optional fraction, an optional exponent.
bool IsDecimal(absl::string_view value);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CANONICAL_FORM_H_
