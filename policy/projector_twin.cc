#include "policy/projector_twin.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/numeric/int128.h"
#include "google/type/date.pb.h"
#include "google/type/decimal.pb.h"
#include "policy/projector_twin_parse.h"
#include "policy/projector_twin_values.h"

namespace sluice::policy {

using absl::int128;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::type::Date;
using namespace twin;  // NOLINT: the twin's own parts

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
        const std::optional<std::string> three = ThreeDigits(value);
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
    scope = ParseNeeded(prototype_, record, [&](const std::string& path) {
      return constrained.count(path) > 0 ? Need::kValue : Need::kNothing;
    });
    if (scope == nullptr) return Outcome::kWithheld;
    for (const std::string& path : constrained) row.ValueOf(*scope, *plan_.type->Find(path));
    if (row.withheld) return Outcome::kWithheld;
  }
  row.FindRules(*scope);
  if (row.withheld) return Outcome::kWithheld;
  if (row.rules.empty()) return Outcome::kOutOfScope;

  const std::unique_ptr<Message> message =
      ParseNeeded(prototype_, record, [&](const std::string& path) {
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
