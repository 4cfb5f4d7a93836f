#include "client/command/log_anomalies.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"

namespace sluice::client {
namespace {

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// More than this stands out.
double MostUsual(const std::deque<int64_t>& days) {
  const std::vector<double> values(days.begin(), days.end());
  const double median = MedianOf(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - median));
  return std::max(2 * median, median + 3 * 1.4826 * MedianOf(distances));
}

std::string HourText(int hour) { return absl::StrFormat("%02d:00", hour); }

}  // namespace

const char* NameOf(Anomaly::Kind kind) {
  switch (kind) {
    case Anomaly::Kind::kFirstTime:
      return "FIRST_TIME";
    case Anomaly::Kind::kVolume:
      return "VOLUME";
    case Anomaly::Kind::kOffHours:
      return "OFF_HOURS";
    case Anomaly::Kind::kRepeatedDenials:
      return "REPEATED_DENIALS";
  }
  return "";
}

void LogAnomalies::Add(const LogEntryView& entry) {
  const std::optional<absl::Time> time = entry.time();
  if (!time.has_value() || *time >= options_.until) return;
  if (entry.type() == "disclosure") LookAtDisclosure(entry, *time);
  if (entry.type() == "disclosure" || entry.type() == "decision" || entry.type() == "read") {
    LookAtHours(entry, *time);
  }
  if (entry.Member("result") == "DENIAL") LookAtDenial(entry, *time);
}

void LogAnomalies::Find(Anomaly::Kind kind, const LogEntryView& entry, absl::Time time,
                        std::string who, std::string what) {
  if (!InWindow(time)) return;
  findings_.push_back({kind, entry.index(), time, std::move(who), std::move(what)});
}

LogAnomalies::Recipient& LogAnomalies::RecipientAt(const std::string& who, absl::CivilDay day) {
  Recipient& it = recipients_[who];
  if (it.day == day) return it;
  if (it.rows > 0 || !it.hours_today.empty()) {
    it.days.push_back(it.rows);
    if (it.days.size() > kMostDays) it.days.pop_front();
    it.hours.insert(it.hours_today.begin(), it.hours_today.end());
    ++it.active_days;
  }
  it.day = day;
  it.rows = 0;
  it.told = false;
  it.hours_today.clear();
  return it;
}

void LogAnomalies::LookAtDisclosure(const LogEntryView& entry, absl::Time time) {
  const std::string who = entry.Who();
  const std::string combination = absl::StrJoin(
      {entry.Member("purpose"), entry.Member("record"), entry.Member("owner"), entry.Member("mou")},
      ", ");
  if (seen_.insert(absl::StrCat(who, "\n", combination)).second) {
    Find(Anomaly::Kind::kFirstTime, entry, time, who, combination);
  }
  Recipient& it = RecipientAt(who, absl::ToCivilDay(time, options_.zone));
  it.rows += std::max<int64_t>(entry.IntegerOf("rows", "released", 0), 0);
  if (it.told || it.active_days < kLeastDays) return;
  const double most = MostUsual(it.days);
  if (static_cast<double>(it.rows) <= most) return;
  it.told = true;
  Find(Anomaly::Kind::kVolume, entry, time, who,
       absl::StrCat(Grouped(it.rows), " rows this day; on its ", it.days.size(),
                    " active days before ", Grouped(static_cast<int64_t>(most)),
                    " would have been much"));
}

void LogAnomalies::LookAtHours(const LogEntryView& entry, absl::Time time) {
  const std::string kind = entry.CallerKind();
  if (kind.empty()) return;
  const absl::CivilHour hour = absl::ToCivilHour(time, options_.zone);
  const absl::CivilDay day(hour);
  const std::string who = entry.Who();
  const auto tell = [&](std::string what) {
    if (!InWindow(time)) return;
    const auto [told, first] = told_hours_.emplace(who, day);
    if (!first && told->second == day) return;
    told->second = day;
    Find(Anomaly::Kind::kOffHours, entry, time, who, std::move(what));
  };
  if (kind != "system") {
    const absl::Weekday weekday = absl::GetWeekday(day);
    const bool weekend = weekday == absl::Weekday::saturday || weekday == absl::Weekday::sunday;
    if (weekend || hour.hour() < options_.begin_hour || hour.hour() >= options_.end_hour) {
      tell(absl::StrCat(weekend ? "a weekend's " : "at ", HourText(hour.hour()), ", ",
                        entry.What()));
    }
    return;
  }
  if (entry.type() != "disclosure") return;
  Recipient& it = RecipientAt(who, day);
  it.hours_today.insert(hour.hour());
  if (it.active_days < kLeastDays) return;
  for (const int near : {hour.hour(), (hour.hour() + 1) % 24, (hour.hour() + 23) % 24}) {
    if (it.hours.count(near) > 0) return;
  }
  tell(absl::StrCat("at ", HourText(hour.hour()), ", as on none of its ", it.active_days,
                    " active days before"));
}

void LogAnomalies::LookAtDenial(const LogEntryView& entry, absl::Time time) {
  const std::string who = entry.Of("caller", "organization");
  const std::string code = entry.Member("code");
  Denials& it = denials_[absl::StrCat(who, "\n", code)];
  const int64_t count = std::max<int64_t>(entry.Integer("count", 1), 1);
  while (!it.recent.empty() && it.recent.front().first + absl::Hours(1) < time) {
    it.count -= it.recent.front().second;
    it.recent.pop_front();
  }
  // What comes after a pause is another burst.
  if (it.count < options_.denials) it.told = false;
  it.recent.emplace_back(time, count);
  it.count += count;
  if (it.count < options_.denials || it.told) return;
  it.told = InWindow(time);
  Find(Anomaly::Kind::kRepeatedDenials, entry, time, who,
       absl::StrCat(Grouped(it.count), " within an hour, ", code));
}

std::vector<Anomaly> LogAnomalies::Findings() const {
  std::vector<Anomaly> sorted = findings_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Anomaly& a, const Anomaly& b) { return a.index < b.index; });
  return sorted;
}

}  // namespace sluice::client
