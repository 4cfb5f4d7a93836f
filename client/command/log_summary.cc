#include "client/command/log_summary.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/output.h"

namespace sluice::client {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kStretches[] = {
    1,         5,          15,   kMinute,  5 * kMinute, 15 * kMinute, kHour,
    3 * kHour, 12 * kHour, kDay, 7 * kDay, 28 * kDay,   91 * kDay,    365 * kDay};
constexpr int64_t kMostBuckets = 24;
// In text, so many of a group; JSON and CSV have all.
constexpr size_t kMostShown = 20;
constexpr size_t kTimeWidth = 19;
constexpr int kWidestBar = 60;
constexpr int kNarrowestBar = 8;

int64_t FloorTo(int64_t seconds, int64_t stretch) {
  // 1970 began on a Thursday; stretches of whole weeks begin on a Monday.
  const int64_t shift = stretch % (7 * kDay) == 0 ? 4 * kDay : 0;
  const int64_t from = seconds - shift;
  return from - ((from % stretch) + stretch) % stretch + shift;
}

std::string BucketText(absl::Time begin) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", begin, absl::UTCTimeZone());
}

}  // namespace

std::string Bar(int64_t eighths, bool blocks) {
  static const char* const kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string bar;
  if (!blocks) return std::string(static_cast<size_t>((eighths + 7) / 8), '#');
  for (int64_t i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kParts[eighths % 8];
}

bool EnvironmentIsUtf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string lower = absl::AsciiStrToLower(value);
    return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
  }
  return false;
}

void LogSummary::Add(const LogEntryView& entry) {
  ++entries_;
  const auto count = [this](size_t group, const std::string& name) {
    if (!name.empty()) ++groups_[group].second[name];
  };
  count(0, entry.is_entry() ? entry.type() : "(not an entry)");
  count(1, entry.Member("result"));
  count(2, entry.Member("code"));
  for (const std::string& organization : entry.Organizations()) count(3, organization);
  count(4, entry.Member("mou"));
  if (const auto time = entry.time(); time.has_value()) {
    seconds_.push_back(absl::ToUnixSeconds(*time));
  }
}

std::vector<std::pair<std::string, int64_t>> LogSummary::Sorted(const Counts& counts) {
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::vector<LogSummary::Bucket> LogSummary::Buckets() const {
  if (seconds_.empty()) return {};
  const auto [first, last] = std::minmax_element(seconds_.begin(), seconds_.end());
  const auto count_of = [first = *first, last = *last](int64_t stretch) {
    return (FloorTo(last, stretch) - FloorTo(first, stretch)) / stretch + 1;
  };
  int64_t stretch = 0;
  for (const int64_t candidate : kStretches) {
    stretch = candidate;
    if (count_of(stretch) <= kMostBuckets) break;
  }
  while (count_of(stretch) > kMostBuckets) stretch *= 2;
  const int64_t begin = FloorTo(*first, stretch);
  std::vector<Bucket> buckets(static_cast<size_t>(count_of(stretch)));
  for (size_t i = 0; i < buckets.size(); ++i) {
    buckets[i].begin = absl::FromUnixSeconds(begin + static_cast<int64_t>(i) * stretch);
  }
  for (const int64_t second : seconds_) {
    ++buckets[static_cast<size_t>((second - begin) / stretch)].count;
  }
  return buckets;
}

std::string LogSummary::Text(const Terminal& terminal, bool blocks) const {
  std::string text = absl::StrCat(Grouped(entries_), " entries\n");
  for (const auto& [group, counts] : groups_) {
    if (counts.empty()) continue;
    Table table({{absl::AsciiStrToUpper(group), Table::Fit::kMayShorten}, {"ENTRIES"}});
    const std::vector<std::pair<std::string, int64_t>> sorted = Sorted(counts);
    for (size_t i = 0; i < std::min(sorted.size(), kMostShown); ++i) {
      table.Add({sorted[i].first, Grouped(sorted[i].second)});
    }
    absl::StrAppend(&text, "\n", table.Text(terminal));
    if (sorted.size() > kMostShown) {
      absl::StrAppend(&text, "and ", Grouped(static_cast<int64_t>(sorted.size() - kMostShown)),
                      " more\n");
    }
  }
  const std::vector<Bucket> buckets = Buckets();
  if (buckets.empty()) return text;
  int64_t most = 1;
  for (const Bucket& bucket : buckets) most = std::max(most, bucket.count);
  const std::string count_title = "ENTRIES";
  const size_t digits = std::max(Grouped(most).size(), count_title.size());
  const int room = terminal.width - static_cast<int>(kTimeWidth + digits) - 4;
  const int64_t widest = 8 * std::clamp(room, kNarrowestBar, kWidestBar);
  const auto line_of = [digits](const std::string& from, const std::string& count,
                                const std::string& bar) {
    std::string line = absl::StrCat(from, std::string(kTimeWidth - from.size() + 2, ' '),
                                    std::string(digits - count.size(), ' '), count, "  ", bar);
    absl::StripTrailingAsciiWhitespace(&line);
    return line;
  };
  absl::StrAppend(&text, "\n",
                  Colored(terminal, Color::kBold, line_of("FROM (UTC)", count_title, "")), "\n");
  for (const Bucket& bucket : buckets) {
    // What is there is seen, however little.
    const int64_t eighths =
        bucket.count == 0 ? 0 : std::max<int64_t>(1, widest * bucket.count / most);
    absl::StrAppend(&text,
                    line_of(BucketText(bucket.begin), Grouped(bucket.count), Bar(eighths, blocks)),
                    "\n");
  }
  return text;
}

Table::Json LogSummary::ToJson() const {
  Table::Json json = {{"entries", entries_}};
  for (const auto& [group, counts] : groups_) {
    Table::Json object = Table::Json::object();
    for (const auto& [name, count] : Sorted(counts)) object[name] = count;
    json[group] = std::move(object);
  }
  json["time"] = Table::Json::array();
  for (const Bucket& bucket : Buckets()) {
    json["time"].push_back(
        {{"from", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", bucket.begin, absl::UTCTimeZone())},
         {"entries", bucket.count}});
  }
  return json;
}

bool LogSummary::Print(const std::string& form, const Terminal& terminal, bool blocks) const {
  if (form == "text") return PrintColored(Text(terminal, blocks));
  const Table::Json json = ToJson();
  if (form == "json") return client::Print(JsonText(json, 2));
  Table table({{"group"}, {"name"}, {"entries"}});
  const auto add = [&table](const std::string& group, const std::string& name, int64_t count) {
    table.Add({group, name, absl::StrCat(count)},
              {{"group", group}, {"name", name}, {"entries", count}});
  };
  add("all", "", entries_);
  for (const auto& [group, counts] : groups_) {
    for (const auto& [name, count] : Sorted(counts)) add(group, name, count);
  }
  for (const auto& bucket : json["time"]) {
    add("time", bucket["from"].get<std::string>(), bucket["entries"].get<int64_t>());
  }
  return table.Print(form);
}

}  // namespace sluice::client
