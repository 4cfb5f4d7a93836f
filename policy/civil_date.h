// A civil date as google.type.Date holds it: a part that is not known, or was generalized away, is
// zero.
//
// A value.
#ifndef SLUICE_POLICY_CIVIL_DATE_H_
#define SLUICE_POLICY_CIVIL_DATE_H_

#include <cstdint>

#include "policy/integer_range.h"

namespace sluice::policy {

struct CivilDate {
  int32_t year = 0, month = 0, day = 0;

  friend bool operator==(const CivilDate&, const CivilDate&) = default;

  // A year, a month of a year, or a day that the calendar has.
  bool IsValid() const {
    if (year < kMinYear || year > kMaxYear) return false;
    if (month == 0) return day == 0;
    if (month < 1 || month > 12) return false;
    return day >= 0 && day <= DaysInMonth();
  }
  bool IsWhole() const { return day != 0; }

 private:
  int DaysInMonth() const {
    if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
  }
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CIVIL_DATE_H_
