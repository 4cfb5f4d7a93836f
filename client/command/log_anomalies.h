// What stands out in a log, each finding with the entry behind it:
//
// - FIRST_TIME: a disclosure whose recipient, purpose, record type, owner and MOU the log never had
//   together before.
// - VOLUME: a day on which a recipient was given more than twice its median of an active day, and
//   more than the median and three deviations (1.4826 times the median of distances from it, as
//   Iglewicz and Hoaglin have it, 1993). Against its last 60 active days, if there are 5 at least.
// - OFF_HOURS: a person who called outside of working hours; a system that was given something at
//   an hour of the day at which, within an hour, it never was before. Systems run at night: one is
//   held against its own days, if there are 5 at least.
// - REPEATED_DENIALS: so many denials of one organization and code within an hour.
//
// The log before the window is what a recipient is held against.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_LOG_ANOMALIES_H_
#define SLUICE_CLIENT_COMMAND_LOG_ANOMALIES_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "client/command/log_entry.h"

namespace sluice::client {

struct Anomaly {
  enum class Kind { kFirstTime, kVolume, kOffHours, kRepeatedDenials };
  Kind kind;
  int64_t index = 0;  // of the entry by which it showed
  absl::Time time;
  std::string who;
  std::string what;

  friend bool operator==(const Anomaly&, const Anomaly&) = default;
};
// "FIRST_TIME"
const char* NameOf(Anomaly::Kind kind);

class LogAnomalies {
 public:
  struct Options {
    absl::Time since, until = absl::InfiniteFuture();  // the window
    absl::TimeZone zone = absl::UTCTimeZone();         // of days and hours
    int begin_hour = 7, end_hour = 19;                 // work, Monday to Friday
    int64_t denials = 10;
  };
  static constexpr int kLeastDays = 5;
  static constexpr size_t kMostDays = 60;

  explicit LogAnomalies(const Options& options) : options_(options) {}

  // All entries that the caller may see, in their order, those before the window as well. What says
  // no time is passed over.
  void Add(const LogEntryView& entry);

  // In the order of their entries.
  std::vector<Anomaly> Findings() const;

 private:
  // What one recipient was given: a system, or one key of a person.
  struct Recipient {
    std::deque<int64_t> days;  // rows of each active day before this one, the oldest first
    absl::CivilDay day;
    int64_t rows = 0;  // of this day
    bool told = false;
    std::set<int> hours;  // of the day, before this day
    std::set<int> hours_today;
    int active_days = 0;  // before this one
  };
  struct Denials {
    std::deque<std::pair<absl::Time, int64_t>> recent;  // within an hour, with their counts
    int64_t count = 0;                                  // of these
    bool told = false;
  };

  bool InWindow(absl::Time time) const { return time >= options_.since && time < options_.until; }
  void Find(Anomaly::Kind kind, const LogEntryView& entry, absl::Time time, std::string who,
            std::string what);
  void LookAtDisclosure(const LogEntryView& entry, absl::Time time);
  void LookAtHours(const LogEntryView& entry, absl::Time time);
  void LookAtDenial(const LogEntryView& entry, absl::Time time);
  // The recipient, brought to the day of this time.
  Recipient& RecipientAt(const std::string& who, absl::CivilDay day);

  const Options options_;
  std::set<std::string> seen_;  // combinations
  std::map<std::string, Recipient> recipients_;
  std::map<std::string, absl::CivilDay> told_hours_;  // of whom it was said, of which day last
  std::map<std::string, Denials> denials_;            // by organization and code
  std::vector<Anomaly> findings_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_ANOMALIES_H_
