#include "tests/bench/figure.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace sluice::bench {

void Print(const Figure& figure) {
  // Four digits are more than a repeated measurement gives again.
  const auto rounded = [](double value) {
    if (value == 0 || !std::isfinite(value)) return value;
    const double scale = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
    return scale < 1 ? std::round(value) : std::round(value * scale) / scale;
  };
  nlohmann::ordered_json json = {{"name", figure.name},
                                 {"records", figure.records},
                                 {"value", rounded(figure.value)},
                                 {"unit", figure.unit},
                                 {"baseline", figure.baseline},
                                 {"baseline_value", rounded(figure.baseline_value)},
                                 {"ratio", rounded(figure.ratio)},
                                 {"details", nlohmann::ordered_json::object()}};
  for (const auto& [name, value] : figure.details) json["details"][name] = rounded(value);
  std::printf("%s\n", json.dump().c_str());
  std::fflush(stdout);
}

void Say(absl::string_view what) {
  std::fprintf(stderr, "  %.*s\n", static_cast<int>(what.size()), what.data());
}

double Quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const auto at = static_cast<size_t>(part * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

bool Flags::Wants(absl::string_view figure) const {
  return only.empty() || std::find(only.begin(), only.end(), std::string(figure)) != only.end();
}

int64_t Flags::RecordsOf(absl::string_view figure) const {
  for (const Measured& measured : known) {
    if (measured.name == std::string(figure)) return measured.records;
  }
  std::abort();
}

Flags ParseFlags(int argc, char** argv, const std::string& description,
                 std::vector<Measured> figures) {
  Flags flags;
  std::vector<std::string> names;
  bool sized = false;
  for (const Measured& figure : figures) {
    names.push_back(figure.name);
    sized = sized || figure.records > 0;
  }
  int64_t records = 0;
  CLI::App app{description};
  if (sized) {
    app.add_option("--records", records, "measure at this many records")
        ->check(CLI::Range(int64_t{1000}, int64_t{100'000'000}));
  }
  app.add_option("--only", flags.only, "this figure and no other; repeatable")
      ->check(CLI::IsMember(names))
      ->expected(1)
      ->take_all();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  for (Measured& figure : figures) {
    if (records > 0 && figure.records > 0) figure.records = records;
  }
  flags.known = std::move(figures);
  return flags;
}

}  // namespace sluice::bench
