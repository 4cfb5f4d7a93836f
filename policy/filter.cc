#include "policy/filter.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/civil_date.h"
#include "policy/filter_parser.h"
#include "policy/wire.h"

namespace sluice::policy {

namespace {

// The occurrences of a field in a released record, one after the other, to `each`; false ends the
// search.
template <typename Each>
bool ForEach(const std::vector<uint32_t>& path, size_t at, absl::string_view bytes, Each&& each) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr) return true;
    p = e.next;
    if (e.number != path[at]) continue;
    if (at + 1 == path.size()) {
      if (!each(e)) return false;
    } else if (e.type == wire::kBytes && !ForEach(path, at + 1, e.bytes(), each)) {
      return false;
    }
  }
  return true;
}

CivilDate DateOf(absl::string_view bytes) {
  CivilDate date;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr) break;
    p = e.next;
    (e.number == 1   ? date.year
     : e.number == 2 ? date.month
                     : date.day) = static_cast<int32_t>(e.value);
  }
  return date;
}

int Sign(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

// Compares as far as both go: a generalized date has no month to compare.
int Compare(const CivilDate& value, const CivilDate& literal) {
  if (const int sign = Sign(value.year, literal.year)) return sign;
  if (value.month == 0 || literal.month == 0) return 0;
  if (const int sign = Sign(value.month, literal.month)) return sign;
  if (value.day == 0 || literal.day == 0) return 0;
  return Sign(value.day, literal.day);
}

bool Holds(FilterComparison::Operator op, int sign) {
  switch (op) {
    case FilterComparison::Operator::kEqual:
    case FilterComparison::Operator::kHas:
      return sign == 0;
    case FilterComparison::Operator::kNotEqual:
      return sign != 0;
    case FilterComparison::Operator::kLess:
      return sign < 0;
    case FilterComparison::Operator::kLessOrEqual:
      return sign <= 0;
    case FilterComparison::Operator::kGreater:
      return sign > 0;
    case FilterComparison::Operator::kGreaterOrEqual:
      return sign >= 0;
  }
  return false;
}

bool Matches(const FilterComparison& c, const wire::Element& e) {
  switch (c.field->kind) {
    case FieldKind::kString:
    case FieldKind::kCode:
    case FieldKind::kPostalCode: {
      const int order = e.bytes().compare(c.text);
      return Holds(c.op, order < 0 ? -1 : order > 0 ? 1 : 0);
    }
    case FieldKind::kInteger:
      // What a literal cannot say is above all that it can.
      if (wire::IsUnsigned64(c.field->type) &&
          e.value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return Holds(c.op, 1);
      }
      return Holds(c.op, Sign(wire::SignedOf(c.field->type, e.value), c.number));
    case FieldKind::kBool:
      return Holds(c.op, Sign(static_cast<int64_t>(e.value), c.number));
    case FieldKind::kDate:
      return Holds(c.op, Compare(DateOf(e.bytes()), c.date));
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  return false;
}

bool MatchesPacked(const FilterComparison& c, absl::string_view bytes) {
  const wire::Type type = wire::TypeOf(c.field->type);
  const size_t width = type == wire::kFixed64 ? 8 : type == wire::kFixed32 ? 4 : 0;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    wire::Element e{0, type, 0, nullptr, p + width};
    if (width == 0) {
      const wire::Varint v = wire::ReadVarint(p, end);
      if (v.next == nullptr) return false;
      e.value = v.value;
      e.next = v.next;
    } else if (static_cast<size_t>(end - p) >= width) {
      std::memcpy(&e.value, p, width);
    } else {
      return false;
    }
    if (Matches(c, e)) return true;
    p = e.next;
  }
  return false;
}

// An absent field matches nothing, `!=` included, and what stands in another wire type than the
// field's is none of the field. Of a repeated one some element must match.
bool Matches(const FilterComparison& c, absl::string_view record) {
  const wire::Type type = c.field->packed ? wire::kBytes : wire::TypeOf(c.field->type);
  bool matches = false;
  ForEach(c.path, 0, record, [&](const wire::Element& e) {
    if (e.type != type) return true;
    matches = c.presence ? true : c.field->packed ? MatchesPacked(c, e.bytes()) : Matches(c, e);
    return !matches;
  });
  return matches;
}

bool Matches(const FilterNode& node, absl::string_view record) {
  const auto matches = [&](const FilterNode& n) { return Matches(n, record); };
  switch (node.kind) {
    case FilterNode::Kind::kComparison:
      return Matches(node.comparison, record);
    case FilterNode::Kind::kNot:
      return !Matches(node.nodes[0], record);
    case FilterNode::Kind::kAnd:
      return std::all_of(node.nodes.begin(), node.nodes.end(), matches);
    case FilterNode::Kind::kOr:
      return std::any_of(node.nodes.begin(), node.nodes.end(), matches);
  }
  return false;
}

}  // namespace

struct Filter::Rep {
  FilterNode root;
};

Filter::Filter(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Filter::~Filter() = default;

absl::StatusOr<std::unique_ptr<const Filter>> Filter::Parse(
    absl::string_view text, const RecordType& type, const std::vector<PlanField>& released) {
  absl::StatusOr<FilterNode> root = ParseFilter(text, type, released);
  if (!root.ok()) return root.status();
  auto rep = std::make_unique<Rep>();
  rep->root = *std::move(root);
  return std::unique_ptr<const Filter>(new Filter(std::move(rep)));
}

bool Filter::Matches(absl::string_view released_record) const {
  return policy::Matches(rep_->root, released_record);
}

}  // namespace sluice::policy
