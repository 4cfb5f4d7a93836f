#include "client/record_value.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "google/type/decimal.pb.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool Digits(absl::string_view& text) {
  size_t n = 0;
  while (n < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[n]))) ++n;
  text.remove_prefix(n);
  return n > 0;
}

bool Sign(absl::string_view& text) {
  if (text.empty() || (text[0] != '-' && text[0] != '+')) return false;
  text.remove_prefix(1);
  return true;
}

template <typename Number>
bool ParseNumber(absl::string_view text, Number* number) {
  // SimpleAtoi forgives white space; a record does not.
  absl::string_view rest = text;
  Sign(rest);
  return Digits(rest) && rest.empty() && absl::SimpleAtoi(text, number);
}

absl::Status Expected(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("must be ", what));
}

}  // namespace

bool IsDate(const FieldDescriptor& field) {
  return field.message_type() != nullptr && field.message_type()->full_name() == "google.type.Date";
}

bool IsDecimal(const FieldDescriptor& field) {
  return field.message_type() != nullptr &&
         field.message_type()->full_name() == "google.type.Decimal";
}

bool IsStructure(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !IsDate(field) && !IsDecimal(field);
}

// sign? digits (. digits)? ((e|E) sign? digits)?
bool IsDecimalText(absl::string_view text) {
  Sign(text);
  if (!Digits(text)) return false;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    if (!Digits(text)) return false;
  }
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    Sign(text);
    if (!Digits(text)) return false;
  }
  return text.empty();
}

absl::StatusOr<google::type::Date> ParseDate(absl::string_view text) {
  const auto wrong = [] {
    return absl::InvalidArgumentError("must be a date: YYYY-MM-DD, or YYYY-MM, or YYYY");
  };
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  if (parts.size() > 3) return wrong();
  int32_t numbers[3] = {0, 0, 0};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].size() != (i == 0 ? 4u : 2u) || !ParseNumber(parts[i], &numbers[i])) {
      return wrong();
    }
    // Signs have no place here, and a part that is unset is left away.
    if (!absl::ascii_isdigit(static_cast<unsigned char>(parts[i][0]))) return wrong();
    if (i > 0 && numbers[i] == 0) return wrong();
  }
  const auto [year, month, day] = numbers;
  if (month > 12) return wrong();
  // A date without a year may be the 29th of February.
  if (day > 0 && absl::CivilDay(year == 0 ? 2000 : year, month, day).day() != day) return wrong();
  google::type::Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

std::string DateText(const google::type::Date& date) {
  if (date.day() != 0) {
    return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
  }
  if (date.month() != 0) return absl::StrFormat("%04d-%02d", date.year(), date.month());
  return absl::StrFormat("%04d", date.year());
}

absl::Status SetFromText(Message& message, const FieldDescriptor& field, absl::string_view text) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  if (IsDate(field)) {
    absl::StatusOr<google::type::Date> date = ParseDate(text);
    if (!date.ok()) return date.status();
    (repeated ? reflection.AddMessage(&message, &field)
              : reflection.MutableMessage(&message, &field))
        ->CopyFrom(*date);
    return absl::OkStatus();
  }
  if (IsDecimal(field)) {
    if (!IsDecimalText(text)) return Expected("a decimal number: -12.50");
    google::type::Decimal decimal;
    decimal.set_value(std::string(text));
    (repeated ? reflection.AddMessage(&message, &field)
              : reflection.MutableMessage(&message, &field))
        ->CopyFrom(decimal);
    return absl::OkStatus();
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t n = 0;
      if (!ParseNumber(text, &n)) return Expected("a whole number of 32 bits");
      repeated ? reflection.AddInt32(&message, &field, n)
               : reflection.SetInt32(&message, &field, n);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t n = 0;
      if (!ParseNumber(text, &n)) return Expected("a whole number of 64 bits");
      repeated ? reflection.AddInt64(&message, &field, n)
               : reflection.SetInt64(&message, &field, n);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t n = 0;
      if (!ParseNumber(text, &n)) return Expected("a whole number of 32 bits, not negative");
      repeated ? reflection.AddUInt32(&message, &field, n)
               : reflection.SetUInt32(&message, &field, n);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t n = 0;
      if (!ParseNumber(text, &n)) return Expected("a whole number of 64 bits, not negative");
      repeated ? reflection.AddUInt64(&message, &field, n)
               : reflection.SetUInt64(&message, &field, n);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      if (text != "true" && text != "false") return Expected("true or false");
      repeated ? reflection.AddBool(&message, &field, text == "true")
               : reflection.SetBool(&message, &field, text == "true");
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() != FieldDescriptor::TYPE_STRING) break;
      repeated ? reflection.AddString(&message, &field, std::string(text))
               : reflection.SetString(&message, &field, std::string(text));
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::InvalidArgumentError("is a message: name the fields inside it");
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_ENUM:
      break;
  }
  return absl::InvalidArgumentError("is of a kind that records don't have");
}

std::string ToText(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  const auto sub_message = [&]() -> const Message& {
    return repeated ? reflection.GetRepeatedMessage(message, &field, index)
                    : reflection.GetMessage(message, &field);
  };
  // Parsed anew, because a dynamic message's Date is no google::type::Date.
  if (IsDate(field)) {
    google::type::Date date;
    date.ParseFromString(sub_message().SerializeAsString());
    return DateText(date);
  }
  if (IsDecimal(field)) {
    google::type::Decimal decimal;
    decimal.ParseFromString(sub_message().SerializeAsString());
    return decimal.value();
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                   : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(repeated ? reflection.GetRepeatedInt64(message, &field, index)
                                   : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                                   : reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(repeated ? reflection.GetRepeatedUInt64(message, &field, index)
                                   : reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? reflection.GetRepeatedBool(message, &field, index)
                       : reflection.GetBool(message, &field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? reflection.GetRepeatedString(message, &field, index)
                      : reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

std::vector<std::string> TextsAt(const Message& message, absl::string_view path) {
  const std::pair<absl::string_view, absl::string_view> split =
      absl::StrSplit(path, absl::MaxSplits('.', 1));
  const FieldDescriptor* field = FindField(*message.GetDescriptor(), split.first);
  if (field == nullptr) return {};
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<std::string> texts;
  const int count = field->is_repeated() ? reflection.FieldSize(message, field)
                                         : static_cast<int>(reflection.HasField(message, field));
  for (int i = 0; i < count; ++i) {
    const int index = field->is_repeated() ? i : -1;
    if (!IsStructure(*field)) {
      texts.push_back(ToText(message, *field, index));
      continue;
    }
    const Message& inner = index < 0 ? reflection.GetMessage(message, field)
                                     : reflection.GetRepeatedMessage(message, field, index);
    for (std::string& text : TextsAt(inner, split.second)) texts.push_back(std::move(text));
  }
  return texts;
}

const FieldDescriptor* FindField(const google::protobuf::Descriptor& type, absl::string_view name) {
  const std::string key(name);
  const FieldDescriptor* field = type.FindFieldByName(key);
  if (field != nullptr) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

absl::Status NoSuchField(const google::protobuf::Descriptor& type, absl::string_view name) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return absl::InvalidArgumentError(absl::StrCat("there is no field \"", name, "\" in ",
                                                 type.name(), policy::DidYouMean(name, names)));
}

}  // namespace sluice::client
