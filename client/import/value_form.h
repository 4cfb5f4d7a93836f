// What the text of a cell becomes before a record's field takes it: the forms of dates and booleans
// that other systems write.
//
// Pure.
#ifndef SLUICE_CLIENT_IMPORT_VALUE_FORM_H_
#define SLUICE_CLIENT_IMPORT_VALUE_FORM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::client {

// Whether it is a form of a date: each of YYYY, MM (or M) and DD (or D) once at most, YYYY at
// least, no day without a month; hh, mm, ss and f (a fraction) are read and dropped.
bool IsDateForm(absl::string_view form);

// The date as a record's text has it: "2017-10-06". Without a form that fits: the standard's own
// (`2017-10-06`, `2017-10`, `2017`), with a midnight after it or not (`2017-10-06 00:00:00.000`,
// `2017-10-06T00:00:00Z`). INVALID_ARGUMENT for another, for a day that no calendar has, for a time
// of day that would be lost.
absl::StatusOr<std::string> DateFromCell(absl::string_view cell,
                                         const std::vector<std::string>& forms);

// "true" or "false" of TRUE, False, 1, 0.
absl::StatusOr<std::string> BoolFromCell(absl::string_view cell);

// A school year as a record has it, the year in which it ends: 2022 of "2022" and of "2021-2022".
absl::StatusOr<std::string> SchoolYearFromCell(absl::string_view cell);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_VALUE_FORM_H_
