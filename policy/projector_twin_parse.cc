#include "policy/projector_twin_parse.h"

#include <optional>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/type/date.pb.h"
#include "google/type/decimal.pb.h"

namespace sluice::policy::twin {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

std::string Bytes(const UnknownFieldSet& set) {
  std::string out;
  set.SerializeToString(&out);
  return out;
}

// Every field of the message as it stands on the wire, known or not. Nothing if it is not in
// protobuf's shortest form, or has groups, which no record type has.
std::unique_ptr<UnknownFieldSet> Raw(const std::string& bytes) {
  auto set = std::make_unique<UnknownFieldSet>();
  if (!set->ParseFromString(bytes) || Bytes(*set) != bytes) return nullptr;
  for (int i = 0; i < set->field_count(); ++i) {
    if (set->field(i).type() == UnknownField::TYPE_GROUP) return nullptr;
  }
  return set;
}

UnknownField::Type WireType(const FieldDescriptor& field) {
  if (field.is_packed()) return UnknownField::TYPE_LENGTH_DELIMITED;
  switch (field.type()) {
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return UnknownField::TYPE_FIXED32;
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return UnknownField::TYPE_FIXED64;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_MESSAGE:
      return UnknownField::TYPE_LENGTH_DELIMITED;
    default:
      return UnknownField::TYPE_VARINT;
  }
}

bool NeedsInside(const google::protobuf::Descriptor& type, const std::string& around,
                 const NeedOf& need) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = around + field.name();
    if (field.message_type() != nullptr && !IsScalarMessage(field)
            ? NeedsInside(*field.message_type(), path + ".", need)
            : need(path) != Need::kNothing) {
      return true;
    }
  }
  return false;
}

std::optional<std::string> Pruned(const google::protobuf::Descriptor& type,
                                  const std::string& bytes, const std::string& around,
                                  const NeedOf& need) {
  const std::unique_ptr<UnknownFieldSet> raw = Raw(bytes);
  if (raw == nullptr) return std::nullopt;
  UnknownFieldSet kept;
  int last = 0;
  for (int i = 0; i < raw->field_count(); ++i) {
    const UnknownField& element = raw->field(i);
    const FieldDescriptor* const field = type.FindFieldByNumber(element.number());
    if (field == nullptr) continue;
    if (element.type() != WireType(*field) || element.number() < last) return std::nullopt;
    if (element.number() == last && (!field->is_repeated() || field->is_packed())) {
      return std::nullopt;
    }
    last = element.number();
    const std::string path = around + field->name();
    if (field->message_type() != nullptr && !IsScalarMessage(*field)) {
      if (!NeedsInside(*field->message_type(), path + ".", need)) continue;
      std::optional<std::string> inside =
          Pruned(*field->message_type(), element.length_delimited(), path + ".", need);
      if (!inside) return std::nullopt;
      kept.AddLengthDelimited(element.number(), *inside);
    } else if (need(path) == Need::kPresence) {
      kept.AddLengthDelimited(element.number(), "x");
    } else if (need(path) == Need::kValue && IsScalarMessage(*field)) {
      std::optional<std::string> inside =
          Pruned(*field->message_type(), element.length_delimited(), "",
                 [](const std::string&) { return Need::kValue; });
      if (!inside) return std::nullopt;
      kept.AddLengthDelimited(element.number(), *inside);
    } else if (need(path) == Need::kValue) {
      kept.AddField(element);
    }
  }
  return Bytes(kept);
}

}  // namespace

bool IsScalarMessage(const FieldDescriptor& field) {
  return field.message_type() != nullptr &&
         (field.message_type() == google::type::Date::descriptor() ||
          field.message_type() == google::type::Decimal::descriptor());
}

std::unique_ptr<Message> ParseNeeded(const Message& prototype, absl::string_view record,
                                     const NeedOf& need) {
  const std::optional<std::string> pruned =
      Pruned(*prototype.GetDescriptor(), std::string(record), "", need);
  if (!pruned) return nullptr;
  std::unique_ptr<Message> message(prototype.New());
  const google::protobuf::LogSilencer silence;
  if (!message->ParseFromString(*pruned) || Deterministic(*message) != *pruned) return nullptr;
  return message;
}

std::string Deterministic(const Message& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return out;
}

}  // namespace sluice::policy::twin
