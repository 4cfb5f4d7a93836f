// The numbers that generated records are made of. The record generator's own.
#ifndef SLUICE_TESTS_SUPPORT_RECORD_DICE_H_
#define SLUICE_TESTS_SUPPORT_RECORD_DICE_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/type/date.pb.h"

namespace sluice::testing {

inline std::string Code(const char* set, const char* value) {
  return absl::StrCat("uri://ed-fi.org/", set, "Descriptor#", value);
}

// SplitMix64: the same numbers on every machine.
class Dice {
 public:
  Dice(uint64_t seed, uint64_t stream, uint64_t index)
      : state_(seed * 0x9e3779b97f4a7c15 + stream * 0xbf58476d1ce4e5b9 + index) {
    Next();
  }
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  int Between(int low, int high) {  // both included
    return low + static_cast<int>(Next() % static_cast<uint64_t>(high - low + 1));
  }
  bool Percent(int chance) { return Between(1, 100) <= chance; }
  template <size_t n>
  const char* Of(const std::array<const char*, n>& values) {
    return values[Next() % n];
  }

 private:
  uint64_t state_;
};

inline void SetDate(int year, int month, int day, google::type::Date* date) {
  date->set_year(year);
  date->set_month(month);
  date->set_day(day);
}

inline void RandomDate(int first_year, int last_year, Dice& dice, google::type::Date* date) {
  SetDate(dice.Between(first_year, last_year), dice.Between(1, 12), dice.Between(1, 28), date);
}

// The streams of numbers, one a type.
enum Stream : uint64_t {
  kCandidate = 1,
  kEnrollment,
  kPosition,
  kEmployment,
  kPlacement,
  kRecognition,
  kMentor,
  kCredential,
  kRating,
  kSurvey,
  kAttendance,
  kMembership,
  kOrganization,
  kProjection,
  kResource,
};

}  // namespace sluice::testing

#endif  // SLUICE_TESTS_SUPPORT_RECORD_DICE_H_
