#include "server/row_order.h"

#include <endian.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::server {
namespace {

// A row's place by the first two characters of its id, in the order of all that base32 may begin
// with: digits, then letters.
constexpr size_t kPlaces = 32 * 32;

size_t PlaceOf(char c) {
  const auto letter = static_cast<uint8_t>(c);
  return (letter < 'a' ? letter - '2' : letter - 'a' + 6) & 31;
}

size_t PlaceOf(const ReleasedRow& row) {
  return PlaceOf(row.row_id[0]) * 32 + PlaceOf(row.row_id[1]);
}

// The first eight characters, as one number, nearly always tell two apart.
uint64_t HeadOf(const ReleasedRow& row) {
  uint64_t head;
  std::memcpy(&head, row.row_id, sizeof head);
  return be64toh(head);
}

bool IsBefore(const ReleasedRow& a, const ReleasedRow& b) {
  const uint64_t of_a = HeadOf(a), of_b = HeadOf(b);
  return of_a != of_b ? of_a < of_b : std::memcmp(a.row_id, b.row_id, sizeof a.row_id) < 0;
}

// By eleven bits at a time, the lowest first: a comparison of random numbers costs more, because
// nobody can foretell it.
constexpr size_t kBits = 11, kDigits = size_t{1} << kBits;

void OrderByDigits(std::vector<uint32_t>& numbers) {
  std::vector<uint32_t> ordered(numbers.size());
  for (size_t shift = 0; shift < 32; shift += kBits) {
    const auto digit = [shift](uint32_t number) { return number >> shift & (kDigits - 1); };
    std::array<size_t, kDigits + 1> next{};
    for (const uint32_t number : numbers) ++next[digit(number) + 1];
    for (size_t i = 1; i <= kDigits; ++i) next[i] += next[i - 1];
    for (const uint32_t number : numbers) ordered[next[digit(number)]++] = number;
    numbers.swap(ordered);
  }
}

}  // namespace

// Ids are random: put where their beginnings say, few are left to compare with each other.
void OrderById(std::vector<ReleasedRow>& rows) {
  if (rows.size() < kPlaces) {
    std::sort(rows.begin(), rows.end(), IsBefore);
    return;
  }
  std::array<size_t, kPlaces + 1> end{};
  for (const ReleasedRow& row : rows) ++end[PlaceOf(row) + 1];
  for (size_t place = 1; place <= kPlaces; ++place) end[place] += end[place - 1];
  std::array<size_t, kPlaces> next;
  std::copy_n(end.begin(), kPlaces, next.begin());
  std::vector<ReleasedRow> ordered(rows.size());
  for (const ReleasedRow& row : rows) ordered[next[PlaceOf(row)]++] = row;
  for (size_t place = 0; place < kPlaces; ++place) {
    const auto begin = ordered.begin();
    std::sort(begin + end[place], begin + end[place + 1], IsBefore);
  }
  rows = std::move(ordered);
}

void OrderOnce(std::vector<uint32_t>& numbers) {
  if (numbers.size() < kDigits) {
    std::sort(numbers.begin(), numbers.end());
  } else {
    OrderByDigits(numbers);
  }
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace sluice::server
