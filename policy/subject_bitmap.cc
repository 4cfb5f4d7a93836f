#include "policy/subject_bitmap.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <roaring/roaring.hh>

namespace sluice::policy {
namespace {

// The format's numbers.
constexpr uint32_t kWithoutRuns = 12346;
constexpr uint32_t kWithRuns = 12347;
constexpr size_t kFewContainers = 4;  // of which those with runs have no offsets
constexpr size_t kMostValues = 4096;  // in an array
constexpr size_t kBitsBytes = 8192;

uint32_t Little(absl::string_view bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  }
  return value;
}

uint32_t ValueAt(absl::string_view values, size_t i) { return Little(values, 2 * i, 2); }

// Runs are pairs: the first value, and how many follow it.
struct Run {
  uint32_t first, last;
};
Run RunAt(absl::string_view runs, size_t i) {
  const uint32_t first = ValueAt(runs, 2 * i);
  return {first, first + ValueAt(runs, 2 * i + 1)};
}

bool Ascends(absl::string_view values) {
  for (size_t i = 1; i < values.size() / 2; ++i) {
    if (ValueAt(values, i) <= ValueAt(values, i - 1)) return false;
  }
  return true;
}

uint32_t CountBits(absl::string_view bits) {
  uint32_t count = 0;
  for (size_t at = 0; at < bits.size(); at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bits.data() + at, sizeof(word));
    count += static_cast<uint32_t>(std::popcount(word));
  }
  return count;
}

// How many values; nullopt if the runs do not ascend, or leave their container.
std::optional<uint32_t> CountRuns(absl::string_view runs) {
  uint32_t count = 0;
  for (size_t i = 0; i < runs.size() / 4; ++i) {
    const Run run = RunAt(runs, i);
    if (run.last > 0xffff || (i > 0 && run.first <= RunAt(runs, i - 1).last)) return std::nullopt;
    count += run.last - run.first + 1;
  }
  return count;
}

}  // namespace

std::string SubjectBitmap::Write(const std::vector<uint32_t>& ordinals) {
  Roaring bitmap(ordinals.size(), ordinals.data());
  bitmap.runOptimize();
  std::string bytes(bitmap.getSizeInBytes(/*portable=*/true), '\0');
  bytes.resize(bitmap.write(bytes.data(), /*portable=*/true));
  return bytes;
}

// From front to back: cookie, which containers are runs, keys with counts, offsets, containers.
class SubjectBitmap::Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  bool ReadTo(SubjectBitmap& bitmap) {
    uint32_t containers = 0;
    const std::optional<uint32_t> cookie = Next(4);
    if (!cookie) return false;
    const bool with_runs = (*cookie & 0xffff) == kWithRuns;
    absl::string_view is_run;
    if (with_runs) {
      containers = (*cookie >> 16) + 1;
      if (!Take((containers + 7) / 8, is_run)) return false;
    } else {
      const std::optional<uint32_t> count = Next(4);
      if (*cookie != kWithoutRuns || !count || *count > (1 << 16)) return false;
      containers = *count;
    }
    absl::string_view keys, offsets;
    if (!Take(4 * size_t{containers}, keys)) return false;
    const bool with_offsets = !with_runs || containers >= kFewContainers;
    if (with_offsets && !Take(4 * size_t{containers}, offsets)) return false;
    bitmap.containers_.reserve(containers);
    for (uint32_t i = 0; i < containers; ++i) {
      if (with_offsets && Little(offsets, 4 * size_t{i}, 4) != at_) return false;
      const uint32_t key = ValueAt(keys, 2 * size_t{i});
      if (i > 0 && key <= bitmap.containers_.back().key) return false;
      const uint32_t count = ValueAt(keys, 2 * size_t{i} + 1) + 1;
      const bool runs = with_runs && (static_cast<uint8_t>(is_run[i / 8]) >> (i % 8) & 1) != 0;
      if (!ReadContainer({.key = key}, count, runs, bitmap)) return false;
    }
    return at_ == bytes_.size();
  }

 private:
  bool ReadContainer(Container container, uint32_t count, bool runs, SubjectBitmap& bitmap) {
    std::optional<uint32_t> counted = count;
    if (runs) {
      container.kind = Kind::kRuns;
      const std::optional<uint32_t> pairs = Next(2);
      if (!pairs || !Take(4 * size_t{*pairs}, container.content)) return false;
      counted = CountRuns(container.content);
    } else if (count <= kMostValues) {
      container.kind = Kind::kArray;
      if (!Take(2 * size_t{count}, container.content) || !Ascends(container.content)) return false;
    } else {
      container.kind = Kind::kBits;
      if (!Take(kBitsBytes, container.content)) return false;
      counted = CountBits(container.content);
    }
    if (counted != count) return false;
    bitmap.size_ += count;
    bitmap.containers_.push_back(container);
    return true;
  }

  bool Take(size_t size, absl::string_view& taken) {
    if (size > bytes_.size() - at_) return false;
    taken = bytes_.substr(at_, size);
    at_ += size;
    return true;
  }
  std::optional<uint32_t> Next(size_t size) {
    absl::string_view taken;
    if (!Take(size, taken)) return std::nullopt;
    return Little(taken, 0, size);
  }

  const absl::string_view bytes_;
  size_t at_ = 0;
};

absl::StatusOr<SubjectBitmap> SubjectBitmap::Read(absl::string_view bytes) {
  SubjectBitmap bitmap;
  if (!Reader(bytes).ReadTo(bitmap)) {
    return absl::DataLossError("whom a disclosure is about can't be read");
  }
  return bitmap;
}

bool SubjectBitmap::Contains(uint32_t ordinal) const {
  const auto container =
      std::lower_bound(containers_.begin(), containers_.end(), ContainerOf(ordinal),
                       [](const Container& it, uint32_t key) { return it.key < key; });
  if (container == containers_.end() || container->key != ContainerOf(ordinal)) return false;
  const uint32_t value = ordinal & 0xffff;
  const absl::string_view content = container->content;
  switch (container->kind) {
    case Kind::kBits:
      return (static_cast<uint8_t>(content[value / 8]) >> (value % 8) & 1) != 0;
    case Kind::kArray:
    case Kind::kRuns:
      break;
  }
  const bool runs = container->kind == Kind::kRuns;
  size_t begin = 0, end = content.size() / (runs ? 4 : 2);
  while (begin < end) {
    const size_t middle = (begin + end) / 2;
    const Run run =
        runs ? RunAt(content, middle) : Run{ValueAt(content, middle), ValueAt(content, middle)};
    if (value < run.first) {
      end = middle;
    } else if (value > run.last) {
      begin = middle + 1;
    } else {
      return true;
    }
  }
  return false;
}

std::vector<uint32_t> SubjectBitmap::Containers() const {
  std::vector<uint32_t> keys;
  for (const Container& container : containers_) keys.push_back(container.key);
  return keys;
}

}  // namespace sluice::policy
