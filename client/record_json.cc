#include "client/record_json.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/record_value.h"

namespace sluice::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 32;

absl::Status At(absl::string_view path, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", status.message()));
}

absl::Status FillMessage(const Json& json, Message& message, const std::string& path);

std::string Join(const std::string& path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

// `add`: the field is repeated, and this is one of its values.
absl::Status FillValue(const Json& json, Message& message, const FieldDescriptor& field,
                       const std::string& path) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (json.is_object() && field.message_type() != nullptr) {
    Message* inner = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                         : reflection.MutableMessage(&message, &field);
    return FillMessage(json, *inner, path);
  }
  if (IsStructure(field)) return absl::InvalidArgumentError(path + ": must be an object");
  const bool text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING || IsDate(field);
  std::string value;
  if (json.is_string()) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
      return absl::InvalidArgumentError(path + ": must be true or false, without quotes");
    }
    value = json.get_ref<const std::string&>();
  } else if (json.is_number_unsigned() && !text) {
    value = absl::StrCat(json.get<uint64_t>());
  } else if (json.is_number_integer() && !text) {
    value = absl::StrCat(json.get<int64_t>());
  } else if (json.is_boolean() && field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    value = json.get<bool>() ? "true" : "false";
  } else if (json.is_number_float() && IsDecimal(field)) {
    return absl::InvalidArgumentError(path + ": must be a decimal in quotes, to stay exact");
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": must be ",
                     text || IsDecimal(field)                            ? "a string"
                     : field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL ? "true or false"
                                                                         : "a whole number"));
  }
  const absl::Status set = SetFromText(message, field, value);
  return set.ok() ? set : At(path, set);
}

absl::Status FillMessage(const Json& json, Message& message, const std::string& path) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::set<const FieldDescriptor*> seen;
  for (const auto& [name, value] : json.items()) {
    const FieldDescriptor* field = FindField(type, name);
    if (field == nullptr) {
      return path.empty() ? NoSuchField(type, name) : At(path, NoSuchField(type, name));
    }
    const std::string here = Join(path, field->name());
    if (!seen.insert(field).second) return absl::InvalidArgumentError(here + ": is there twice");
    if (value.is_null()) continue;
    if (!field->is_repeated()) {
      if (const absl::Status filled = FillValue(value, message, *field, here); !filled.ok()) {
        return filled;
      }
      continue;
    }
    if (!value.is_array()) return absl::InvalidArgumentError(here + ": must be an array");
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string element = absl::StrCat(here, "[", i, "]");
      if (const absl::Status filled = FillValue(value[i], message, *field, element); !filled.ok()) {
        return filled;
      }
    }
  }
  return absl::OkStatus();
}

Json ValueToJson(const Message& message, const FieldDescriptor& field, int index);

Json MessageToJson(const Message& message) {
  Json json = Json::object();
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!field->is_repeated()) {
      json[field->name()] = ValueToJson(message, *field, -1);
      continue;
    }
    Json array = Json::array();
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      array.push_back(ValueToJson(message, *field, i));
    }
    json[field->name()] = std::move(array);
  }
  return json;
}

Json ValueToJson(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (IsStructure(field)) {
    return MessageToJson(index < 0 ? reflection.GetMessage(message, &field)
                                   : reflection.GetRepeatedMessage(message, &field, index));
  }
  std::string text = ToText(message, field, index);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return text == "true";
    case FieldDescriptor::CPPTYPE_INT32:
      return index < 0 ? reflection.GetInt32(message, &field)
                       : reflection.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return index < 0 ? reflection.GetUInt32(message, &field)
                       : reflection.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:   // proto3 JSON writes 64 bits as a string: JavaScript's
    case FieldDescriptor::CPPTYPE_UINT64:  // numbers can't hold them
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_ENUM:
      return text;
  }
  return text;
}

}  // namespace

absl::Status RecordFromJson(absl::string_view text, Message& record) {
  std::vector<std::set<std::string>> names;
  std::string flaw;
  // The parser forgives doubled names; this watches for them, and for depth.
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) flaw = "is nested too deeply";
    switch (event) {
      case Json::parse_event_t::object_start:
        names.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        names.pop_back();
        break;
      case Json::parse_event_t::key:
        if (!names.back().insert(parsed.get<std::string>()).second) flaw = "has a name twice";
        break;
      case Json::parse_event_t::array_start:
      case Json::parse_event_t::array_end:
      case Json::parse_event_t::value:
        break;
    }
    return flaw.empty();
  };
  Json json;
  try {
    json = Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::parse_error& error) {
    // Its own text quotes what it read.
    return absl::InvalidArgumentError(absl::StrCat("is no JSON from column ", error.byte, " on"));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("is no JSON: a number is out of range");
  }
  if (!flaw.empty()) return absl::InvalidArgumentError(flaw);
  if (!json.is_object()) return absl::InvalidArgumentError("must be one JSON object");
  return FillMessage(json, record, "");
}

std::string RecordToJson(const Message& record, absl::string_view row_id) {
  Json json = Json::object();
  if (!row_id.empty()) json["row_id"] = std::string(row_id);
  json.update(MessageToJson(record));
  // What is stored is valid UTF-8; a stranger's bytes are replaced rather than thrown over.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sluice::client
