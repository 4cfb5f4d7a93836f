#include "policy/projector_twin.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/time/civil_time.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/type/date.pb.h"
#include "google/type/decimal.pb.h"
#include "re2/re2.h"

namespace sluice::policy {

namespace {

using absl::int128;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;
using google::type::Date;

// Without a value: the row is withheld.
template <typename T>
using OrWithheld = std::optional<T>;

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

enum class Need { kNothing, kPresence, kValue };
using NeedOf = std::function<Need(const std::string& path)>;

bool IsScalarMessage(const FieldDescriptor& field) {
  return field.message_type() != nullptr &&
         (field.message_type() == Date::descriptor() ||
          field.message_type() == google::type::Decimal::descriptor());
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

// The bytes of what is needed and nothing else; nothing if the form is wrong at a level that is
// looked at. What is needed for its presence alone has some other value.
OrWithheld<std::string> Pruned(const google::protobuf::Descriptor& type, const std::string& bytes,
                               const std::string& around, const NeedOf& need) {
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
      OrWithheld<std::string> inside =
          Pruned(*field->message_type(), element.length_delimited(), path + ".", need);
      if (!inside) return std::nullopt;
      kept.AddLengthDelimited(element.number(), *inside);
    } else if (need(path) == Need::kPresence) {
      kept.AddLengthDelimited(element.number(), "x");
    } else if (need(path) == Need::kValue && IsScalarMessage(*field)) {
      OrWithheld<std::string> inside = Pruned(*field->message_type(), element.length_delimited(),
                                              "", [](const std::string&) { return Need::kValue; });
      if (!inside) return std::nullopt;
      kept.AddLengthDelimited(element.number(), *inside);
    } else if (need(path) == Need::kValue) {
      kept.AddField(element);
    }
  }
  return Bytes(kept);
}

// The message that has what is needed, if that is in the form in which protobuf writes it.
std::unique_ptr<Message> Parsed(const Message& prototype, absl::string_view record,
                                const NeedOf& need) {
  const OrWithheld<std::string> pruned =
      Pruned(*prototype.GetDescriptor(), std::string(record), "", need);
  if (!pruned) return nullptr;
  std::unique_ptr<Message> message(prototype.New());
  const google::protobuf::LogSilencer silence;
  if (!message->ParseFromString(*pruned) || Deterministic(*message) != *pruned) return nullptr;
  return message;
}

bool IsDay(int64_t year, int64_t month, int64_t day) {
  return absl::CivilDay(year, month, day) > absl::CivilDay(0, 12, 31) &&
         absl::CivilDay(year, month, day) < absl::CivilDay(10000, 1, 1) &&
         absl::CivilDay(year, month, day).year() == year &&
         absl::CivilDay(year, month, day).month() == month &&
         absl::CivilDay(year, month, day).day() == day;
}

bool IsDate(const Date& date) {
  if (date.year() == 0 || (date.month() == 0 && date.day() != 0)) return false;
  return IsDay(date.year(), date.month() == 0 ? 1 : date.month(), date.day() == 0 ? 1 : date.day());
}

bool IsNumber(const std::string& text) {
  static const RE2* const kNumber =
      new RE2("[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?");
  return RE2::FullMatch(text, *kNumber);
}

// The integer in a field, or in its element `i`.
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

// Band, then cap, then floor; not below the lowest value that there is.
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

OrWithheld<std::string> ThreeDigits(const std::string& value) {
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

}  // namespace

ProjectorTwin::ProjectorTwin(const Plan& plan, absl::string_view owner,
                             std::vector<std::string> read_mask, const Pseudonymizer& pseudonyms,
                             const Message& prototype)
    : plan_(plan),
      owner_(owner),
      read_mask_(std::move(read_mask)),
      pseudonyms_(pseudonyms),
      prototype_(prototype) {}

// One record on its way.
struct ProjectorTwin::Row {
  const ProjectorTwin& twin;
  absl::Span<const SubjectId> subjects;
  std::map<std::string, FieldRule> rules;  // by path, of what leaves
  size_t subject = 0;
  bool withheld = false;

  bool IsSubject(const std::string& path) const {
    return twin.plan_.type->Find(path)->names_subject();
  }

  // The row's value for a box.
  Value ValueOf(const Message& root, const Field& field) {
    const Message* message = &root;
    std::string rest = field.path;
    for (size_t dot; (dot = rest.find('.')) != std::string::npos; rest = rest.substr(dot + 1)) {
      const FieldDescriptor* const step =
          message->GetDescriptor()->FindFieldByName(rest.substr(0, dot));
      if (!message->GetReflection()->HasField(*message, step)) return Value::Unset();
      message = &message->GetReflection()->GetMessage(*message, step);
    }
    const FieldDescriptor* const leaf = message->GetDescriptor()->FindFieldByName(rest);
    const Reflection& r = *message->GetReflection();
    if (!r.HasField(*message, leaf)) return Value::Unset();
    if (field.kind == FieldKind::kCode) {
      std::string scratch;
      const std::string& code = r.GetStringReference(*message, leaf, &scratch);
      const auto& codes = field.code_set->codes();
      if (std::find(codes.begin(), codes.end(), code) == codes.end()) return Value::Unset();
      return Value::Code(code);
    }
    if (field.kind == FieldKind::kDate) {
      const auto& date = dynamic_cast<const Date&>(r.GetMessage(*message, leaf));
      if (!IsDate(date)) withheld = true;
      if (date.month() == 0 || date.day() == 0) return Value::Unset();
      return Value::Number(int64_t{date.year()} * 10000 + int64_t{date.month()} * 100 + date.day());
    }
    const int128 number = Integer(*message, leaf, 0);
    if (number > INT64_MAX) withheld = true;
    return Value::Number(static_cast<int64_t>(number));
  }

  bool In(const Box& box, const Message& row) {
    bool in = true;
    for (const Box::Constraint& c : box.constraints()) {
      const Value value = ValueOf(row, *c.field);
      if (value.kind == Value::Kind::kUnset) {
        in = in && box.unset() == Box::Unset::kIncluded;
      } else {
        in = in && c.values.Contains(value);
      }
    }
    return in;
  }

  // Steps 2 and 3 of a plan, row by row.
  void FindRules(const Message& row) {
    for (const Field* const field : twin.plan_.type->leaves()) {
      std::vector<FieldRule> given;
      for (const PlanGrant& grant : twin.plan_.grants) {
        if (grant.owner != twin.owner_ || !In(grant.rows, row)) continue;
        for (const PlanField& f : grant.fields) {
          if (f.field == field) given.push_back(f.rule);
        }
      }
      bool prohibited = false;
      for (const PlanProhibition& p : twin.plan_.prohibitions) {
        const bool owner =
            p.owners.empty() || std::count(p.owners.begin(), p.owners.end(), twin.owner_) > 0;
        const bool names = !p.fields || std::count(p.fields->begin(), p.fields->end(), field) > 0;
        if (owner && In(p.rows, row) && names) prohibited = true;
      }
      if (prohibited || given.empty()) continue;
      for (const FieldRule& rule : given) withheld = withheld || rule != given[0];
      const auto& mask = twin.read_mask_;
      if (mask.empty() || std::count(mask.begin(), mask.end(), field->path) > 0) {
        rules.emplace(field->path, given[0]);
      }
    }
  }

  // Leaves of the message what leaves, as it leaves.
  void Release(const std::string& around, Message* message) {
    const Reflection& r = *message->GetReflection();
    std::vector<const FieldDescriptor*> fields;
    r.ListFields(*message, &fields);
    for (const FieldDescriptor* const field : fields) {
      const std::string path = around + field->name();
      const int n = field->is_repeated() ? r.FieldSize(*message, field) : 1;
      if (field->message_type() != nullptr && !IsScalarMessage(*field)) {
        ReleaseInside(path, field, n, message);
        continue;
      }
      const auto rule = rules.find(path);
      for (int i = 0; i < n; ++i) {
        const size_t of = subject;
        if (IsSubject(path) && ++subject > subjects.size()) withheld = true;
        if (withheld) return;
        if (rule != rules.end()) {
          ReleaseOne(*twin.plan_.type->Find(path), rule->second, field, i, of, message);
        }
      }
      if (rule == rules.end()) r.ClearField(message, field);
    }
  }

  void ReleaseInside(const std::string& path, const FieldDescriptor* field, int n,
                     Message* message) {
    const Reflection& r = *message->GetReflection();
    std::vector<std::unique_ptr<Message>> left;
    for (int i = 0; i < n; ++i) {
      Message* const inside = field->is_repeated() ? r.MutableRepeatedMessage(message, field, i)
                                                   : r.MutableMessage(message, field);
      Release(path + ".", inside);
      if (inside->ByteSizeLong() == 0) continue;
      left.emplace_back(inside->New());
      left.back()->CopyFrom(*inside);
    }
    r.ClearField(message, field);
    for (const auto& inside : left) {
      (field->is_repeated() ? r.AddMessage(message, field) : r.MutableMessage(message, field))
          ->CopyFrom(*inside);
    }
  }

  void ReleaseOne(const Field& field, const FieldRule& rule, const FieldDescriptor* descriptor,
                  int i, size_t of, Message* message) {
    const Reflection& r = *message->GetReflection();
    const bool repeated = descriptor->is_repeated();
    if (field.kind == FieldKind::kDate || field.kind == FieldKind::kDecimal) {
      Message* const scalar = repeated ? r.MutableRepeatedMessage(message, descriptor, i)
                                       : r.MutableMessage(message, descriptor);
      if (field.kind == FieldKind::kDate) return ReleaseDate(rule, dynamic_cast<Date*>(scalar));
      if (!IsNumber(dynamic_cast<google::type::Decimal*>(scalar)->value())) withheld = true;
      return;
    }
    if (descriptor->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      if (rule.kind() != FieldRule::Kind::kInteger) return;
      const int128 coarser = Coarser(Integer(*message, descriptor, i), rule, LowestOf(*descriptor));
      return SetInteger(descriptor, i, coarser, message);
    }
    const std::string value =
        repeated ? r.GetRepeatedString(*message, descriptor, i) : r.GetString(*message, descriptor);
    std::string released = value;
    switch (rule.kind()) {
      case FieldRule::Kind::kPseudonymize:
        released = twin.pseudonyms_.Of(subjects[of]);
        break;
      case FieldRule::Kind::kKeepPrefix:
        released = FirstCodePointsOf(value, rule.keep_prefix());
        break;
      case FieldRule::Kind::kZip3: {
        const OrWithheld<std::string> three = ThreeDigits(value);
        if (!three) withheld = true;
        released = three.value_or("");
        break;
      }
      case FieldRule::Kind::kCodeSet:
      case FieldRule::Kind::kHierarchy:
        released = CodeOf(value, rule, field);
        break;
      case FieldRule::Kind::kPass:
      case FieldRule::Kind::kDate:
      case FieldRule::Kind::kInteger:
        break;
    }
    if (repeated) {
      r.SetRepeatedString(message, descriptor, i, released);
    } else {
      r.SetString(message, descriptor, released);
    }
  }

  void ReleaseDate(const FieldRule& rule, Date* date) {
    if (!IsDate(*date)) {
      withheld = true;
      return;
    }
    if (rule.kind() != FieldRule::Kind::kDate) return;
    date->set_day(0);
    if (rule.precision() == v1::DATE_PRECISION_MONTH) return;
    date->set_month(0);
    date->set_year(static_cast<int32_t>(Coarser(date->year(), rule, 1)));
  }
};

Projector::Outcome ProjectorTwin::Project(absl::string_view record,
                                          absl::Span<const SubjectId> subjects, std::string* out) {
  using Outcome = Projector::Outcome;
  Row row{*this, subjects};

  // The fields that boxes look at, and nothing else.
  std::set<std::string> constrained;
  const auto add = [&](const Box& box) {
    for (const Box::Constraint& c : box.constraints()) constrained.insert(c.field->path);
  };
  for (const PlanGrant& grant : plan_.grants) {
    if (grant.owner == owner_) add(grant.rows);
  }
  for (const PlanProhibition& p : plan_.prohibitions) {
    if (p.owners.empty() || std::count(p.owners.begin(), p.owners.end(), owner_) > 0) add(p.rows);
  }
  std::unique_ptr<Message> scope(prototype_.New());
  if (!constrained.empty()) {
    scope = Parsed(prototype_, record, [&](const std::string& path) {
      return constrained.count(path) > 0 ? Need::kValue : Need::kNothing;
    });
    if (scope == nullptr) return Outcome::kWithheld;
    for (const std::string& path : constrained) row.ValueOf(*scope, *plan_.type->Find(path));
    if (row.withheld) return Outcome::kWithheld;
  }
  row.FindRules(*scope);
  if (row.withheld) return Outcome::kWithheld;
  if (row.rules.empty()) return Outcome::kOutOfScope;

  const std::unique_ptr<Message> message = Parsed(prototype_, record, [&](const std::string& path) {
    const auto rule = row.rules.find(path);
    if (rule != row.rules.end()) return Need::kValue;
    return row.IsSubject(path) ? Need::kPresence : Need::kNothing;
  });
  if (message == nullptr) return Outcome::kWithheld;
  row.Release("", message.get());
  if (row.withheld || row.subject != subjects.size()) return Outcome::kWithheld;
  if (message->ByteSizeLong() == 0) return Outcome::kOutOfScope;
  *out += Deterministic(*message);
  return Outcome::kReleased;
}

}  // namespace sluice::policy
