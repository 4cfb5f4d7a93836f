#include "policy/projector_twin_values.h"

#include <set>

#include "absl/time/civil_time.h"
#include "re2/re2.h"

namespace sluice::policy::twin {

namespace {

using absl::int128;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::type::Date;

bool IsDay(int64_t year, int64_t month, int64_t day) {
  return absl::CivilDay(year, month, day) > absl::CivilDay(0, 12, 31) &&
         absl::CivilDay(year, month, day) < absl::CivilDay(10000, 1, 1) &&
         absl::CivilDay(year, month, day).year() == year &&
         absl::CivilDay(year, month, day).month() == month &&
         absl::CivilDay(year, month, day).day() == day;
}

}  // namespace

bool IsDate(const Date& date) {
  if (date.year() == 0 || (date.month() == 0 && date.day() != 0)) return false;
  return IsDay(date.year(), date.month() == 0 ? 1 : date.month(), date.day() == 0 ? 1 : date.day());
}

bool IsNumber(const std::string& text) {
  static const RE2* const kNumber =
      new RE2("[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?");
  return RE2::FullMatch(text, *kNumber);
}

int128 Integer(const Message& message, const FieldDescriptor* field, int i) {
  const Reflection& r = *message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? r.GetRepeatedInt32(message, field, i) : r.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return repeated ? r.GetRepeatedInt64(message, field, i) : r.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? r.GetRepeatedUInt32(message, field, i) : r.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? r.GetRepeatedUInt64(message, field, i) : r.GetUInt64(message, field);
    default:
      return (repeated ? r.GetRepeatedBool(message, field, i) : r.GetBool(message, field)) ? 1 : 0;
  }
}

void SetInteger(const FieldDescriptor* field, int i, int128 value, Message* message) {
  const Reflection& r = *message->GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      const auto v = static_cast<int32_t>(value);
      return repeated ? r.SetRepeatedInt32(message, field, i, v) : r.SetInt32(message, field, v);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const auto v = static_cast<int64_t>(value);
      return repeated ? r.SetRepeatedInt64(message, field, i, v) : r.SetInt64(message, field, v);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const auto v = static_cast<uint32_t>(value);
      return repeated ? r.SetRepeatedUInt32(message, field, i, v) : r.SetUInt32(message, field, v);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const auto v = static_cast<uint64_t>(value);
      return repeated ? r.SetRepeatedUInt64(message, field, i, v) : r.SetUInt64(message, field, v);
    }
    default:
      return;
  }
}

int128 LowestOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return -2147483648LL;
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::int128(INT64_MIN);
    default:
      return 0;
  }
}

int128 Coarser(int128 value, const FieldRule& rule, int128 lowest) {
  if (rule.band()) {
    int128 remainder = value % *rule.band();
    if (remainder < 0) remainder += *rule.band();
    value -= remainder;
    if (value < lowest) value = lowest;
  }
  if (rule.cap() && value > *rule.cap()) value = *rule.cap();
  if (rule.floor() && value < *rule.floor()) value = *rule.floor();
  return value;
}

std::string FirstCodePointsOf(const std::string& text, uint32_t count) {
  std::string out;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (begins && count-- == 0) break;
    out.push_back(c);
  }
  return out;
}

std::optional<std::string> ThreeDigits(const std::string& value) {
  static const auto* const kSmall =
      new std::set<std::string>{"036", "059", "063", "102", "203", "556", "692", "790", "821",
                                "823", "830", "831", "878", "879", "884", "890", "893"};
  static const RE2* const kZip = new RE2(
      "[ \\t\\n\\v\\f\\r]*(?:([0-9]{3,5})(?:-[0-9]{4})?|([0-9]{5})[0-9]{4})[ \\t\\n\\v\\f\\r]*");
  std::string zip, long_zip;
  if (!RE2::FullMatch(value, *kZip, &zip, &long_zip)) return std::nullopt;
  zip += long_zip;
  while (zip.size() < 5) zip = "0" + zip;
  const std::string area = zip.substr(0, 3);
  return kSmall->count(area) > 0 ? "000" : area;
}

std::string CodeOf(const std::string& code, const FieldRule& rule, const Field& field) {
  const CodeMap& map = rule.kind() == FieldRule::Kind::kCodeSet
                           ? *field.code_set->Coarser(rule.name())
                           : *field.code_set->Level(rule.name(), rule.level());
  for (const auto& [from, to] : map.to) {
    if (from == code) return to;
  }
  return map.other;
}

}  // namespace sluice::policy::twin
