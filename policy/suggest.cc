#include "policy/suggest.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::policy {
namespace {

// Longer names are nobody's typing mistake, and the distance costs their product.
constexpr size_t kMaxLength = 128;

// Levenshtein's distance, with a swap of neighbors as one edit.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string Nearest(absl::string_view name, const std::vector<std::string>& known) {
  if (name.empty() || name.size() > kMaxLength) return "";
  const std::string wanted = absl::AsciiStrToLower(name);
  std::string nearest;
  size_t smallest = std::clamp<size_t>(name.size() / 3, 2, 4) + 1;
  for (const std::string& k : known) {
    if (k.empty() || k.size() > kMaxLength) continue;
    const size_t distance = EditDistance(wanted, absl::AsciiStrToLower(k));
    // As many edits as the name has letters make any name of any other.
    if (distance < smallest && distance < k.size()) {
      smallest = distance;
      nearest = k;
    }
  }
  return nearest;
}

std::string DidYouMean(absl::string_view name, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(name, known);
  return nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?");
}

}  // namespace sluice::policy
