#include "policy/explain_row.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/stubs/logging.h"
#include "policy/canonical_form.h"
#include "policy/civil_date.h"
#include "policy/field_transform.h"
#include "policy/wire.h"

namespace sluice::policy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Beyond these a sentence is no help.
constexpr size_t kMaxValuesNamed = 8;

int32_t PartOf(const Message& date, const char* part) {
  return date.GetReflection()->GetInt32(date, date.GetDescriptor()->FindFieldByName(part));
}

CivilDate DateOf(const Message& message) {
  return {PartOf(message, "year"), PartOf(message, "month"), PartOf(message, "day")};
}

// An integer or bool as a box sees it; nullopt: beyond what a box can say.
std::optional<int64_t> NumberOf(const Message& message, const FieldDescriptor* field) {
  const Reflection& r = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return r.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return r.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return r.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64: {
      const auto value = static_cast<int64_t>(r.GetUInt64(message, field));
      return value < 0 ? std::nullopt : std::optional(value);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetBool(message, field) ? 1 : 0;
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return std::nullopt;
}

// What a condition sees of a row.
struct Seen {
  Value value;
  v1::RowConditionFailure unset = v1::ROW_CONDITION_FAILURE_UNSPECIFIED;  // why it is unset
  std::string code;                                                       // what `value` refers to
  std::string text;  // as a person reads it; empty: absent
  bool readable = true;
};

// What the type's own fields have of a record, the others left out: a document may pin a version
// of the type that is older than the record. Nullopt if fields do not come in order.
std::optional<std::string> KnownPart(const std::vector<Field>& fields, absl::string_view bytes) {
  std::string known;
  uint32_t last = 0;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr || e.number < last) return std::nullopt;
    last = e.number;
    const absl::string_view whole(p, e.next - p);
    p = e.next;
    const auto field = absl::c_find_if(
        fields, [&](const Field& f) { return static_cast<uint32_t>(f.number) == e.number; });
    if (field == fields.end()) continue;
    if (field->kind != FieldKind::kMessage || e.type != wire::kBytes) {
      absl::StrAppend(&known, whole);
      continue;
    }
    const std::optional<std::string> inside = KnownPart(field->fields, e.bytes());
    if (!inside) return std::nullopt;
    wire::Writer writer;
    writer.String(wire::Tag(e.number, wire::kBytes), *inside);
    absl::StrAppend(&known, writer.bytes());
  }
  return known;
}

class Row {
 public:
  // Null if the bytes are no record in its canonical form.
  static std::unique_ptr<Row> Parse(const RecordType& type, absl::string_view bytes) {
    std::unique_ptr<Row> row(new Row(type));
    const google::protobuf::LogSilencer silence;
    const std::optional<std::string> known = KnownPart(type.fields(), bytes);
    if (!known || !row->record_->ParseFromString(*known) ||
        row->record_->SerializeAsString() != *known) {
      return nullptr;
    }
    row->FindValues(*row->record_, type.fields());
    return row;
  }

  Seen See(const Field& field) const;
  bool HasValue(const Field& leaf) const { return present_.count(&leaf) > 0; }
  // Whether a field rule can be applied to every value of the leaf.
  bool Readable(const Field& leaf, const FieldRule& rule) const {
    if (unreadable_.count(&leaf) > 0) return false;
    if (rule.kind() != FieldRule::Kind::kZip3) return true;
    const auto codes = texts_.find(&leaf);
    const FieldTransform transform(rule, leaf);
    return codes == texts_.end() ||
           std::all_of(codes->second.begin(), codes->second.end(),
                       [&](const std::string& code) { return transform.Zip3(code).has_value(); });
  }

 private:
  explicit Row(const RecordType& type)
      : factory_(type.descriptor().file()->pool()),
        record_(factory_.GetPrototype(&type.descriptor())->New()) {}

  // Which leaves have values, and which of those no rule can read.
  void FindValues(const Message& message, const std::vector<Field>& fields);

  google::protobuf::DynamicMessageFactory factory_;
  const std::unique_ptr<Message> record_;
  std::set<const Field*> present_;
  std::set<const Field*> unreadable_;
  absl::flat_hash_map<const Field*, std::vector<std::string>> texts_;  // of postal codes
};

void Row::FindValues(const Message& message, const std::vector<Field>& fields) {
  const Reflection& r = *message.GetReflection();
  for (const Field& field : fields) {
    const FieldDescriptor* descriptor = message.GetDescriptor()->FindFieldByNumber(field.number);
    const int count = descriptor->is_repeated()         ? r.FieldSize(message, descriptor)
                      : r.HasField(message, descriptor) ? 1
                                                        : 0;
    if (count > 0 && field.kind != FieldKind::kMessage) present_.insert(&field);
    for (int i = 0; i < count; ++i) {
      const auto inside = [&]() -> const Message& {
        return descriptor->is_repeated() ? r.GetRepeatedMessage(message, descriptor, i)
                                         : r.GetMessage(message, descriptor);
      };
      const auto text = [&] {
        return descriptor->is_repeated() ? r.GetRepeatedString(message, descriptor, i)
                                         : r.GetString(message, descriptor);
      };
      switch (field.kind) {
        case FieldKind::kMessage:
          FindValues(inside(), field.fields);
          break;
        case FieldKind::kDate:
          if (!DateOf(inside()).IsValid()) unreadable_.insert(&field);
          break;
        case FieldKind::kDecimal: {
          const Message& decimal = inside();
          const std::string value = decimal.GetReflection()->GetString(
              decimal, decimal.GetDescriptor()->FindFieldByName("value"));
          if (!IsDecimal(value)) unreadable_.insert(&field);
          break;
        }
        case FieldKind::kPostalCode:
          texts_[&field].push_back(text());
          break;
        case FieldKind::kString:
        case FieldKind::kCode:
        case FieldKind::kInteger:
        case FieldKind::kBool:
          break;
      }
    }
  }
}

Seen Row::See(const Field& field) const {
  Seen seen;
  seen.unset = v1::ROW_CONDITION_FAILURE_ABSENT;
  const Message* message = record_.get();
  const std::vector<absl::string_view> steps = absl::StrSplit(field.path, '.');
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    const FieldDescriptor* step = message->GetDescriptor()->FindFieldByName(std::string(steps[i]));
    if (!message->GetReflection()->HasField(*message, step)) return seen;
    message = &message->GetReflection()->GetMessage(*message, step);
  }
  const FieldDescriptor* descriptor =
      message->GetDescriptor()->FindFieldByName(std::string(steps.back()));
  if (!message->GetReflection()->HasField(*message, descriptor)) return seen;
  switch (field.kind) {
    case FieldKind::kInteger:
    case FieldKind::kBool:
      if (const std::optional<int64_t> number = NumberOf(*message, descriptor)) {
        seen.value = Value::Number(*number);
        seen.text = NumberText(*number, field);
      } else {
        seen.readable = false;
      }
      return seen;
    case FieldKind::kDate: {
      const CivilDate date = DateOf(message->GetReflection()->GetMessage(*message, descriptor));
      seen.readable = date.IsValid();
      if (!seen.readable) return seen;
      if (date.IsWhole()) {
        seen.value = Value::Number(date.year * 10000 + date.month * 100 + date.day);
        seen.text = NumberText(seen.value.number, field);
      } else {
        seen.unset = v1::ROW_CONDITION_FAILURE_PARTIAL_DATE;
        seen.text = date.month == 0
                        ? absl::StrCat(date.year)
                        : absl::StrCat(date.year, "-", date.month < 10 ? "0" : "", date.month);
      }
      return seen;
    }
    case FieldKind::kCode:
      seen.text = seen.code = message->GetReflection()->GetString(*message, descriptor);
      if (field.code_set->Contains(seen.code)) {
        seen.value = Value::Code(seen.code);
      } else {
        seen.unset = v1::ROW_CONDITION_FAILURE_UNKNOWN_CODE;
      }
      return seen;
    case FieldKind::kString:
    case FieldKind::kPostalCode:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  seen.readable = false;
  return seen;
}

v1::RowConditionFailure FailureOf(const Seen& seen, const ValueSet& asked) {
  if (seen.value.kind == Value::Kind::kUnset) return seen.unset;
  if (!asked.is_interval()) return v1::ROW_CONDITION_FAILURE_NOT_LISTED;
  return asked.at_least().has_value() && seen.value.number < *asked.at_least()
             ? v1::ROW_CONDITION_FAILURE_BELOW
             : v1::ROW_CONDITION_FAILURE_ABOVE;
}

std::string ConditionText(const ValueSet& asked, const Field& field) {
  if (asked.is_interval()) {
    std::vector<std::string> ends;
    if (asked.at_least()) ends.push_back("at least " + NumberText(*asked.at_least(), field));
    if (asked.below()) ends.push_back("below " + NumberText(*asked.below(), field));
    return absl::StrJoin(ends, ", ");
  }
  std::vector<std::string> values;
  for (const std::string& code : asked.codes()) values.push_back(CodeSet::ShortName(code));
  for (const int64_t number : asked.numbers()) values.push_back(NumberText(number, field));
  const size_t more = values.size() - std::min(values.size(), kMaxValuesNamed);
  values.resize(values.size() - more);
  return absl::StrCat("one of ", absl::StrJoin(values, ", "),
                      more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

absl::string_view FailureText(v1::RowConditionFailure failure) {
  switch (failure) {
    case v1::ROW_CONDITION_FAILURE_ABSENT:
      return "the record has no value";
    case v1::ROW_CONDITION_FAILURE_UNKNOWN_CODE:
      return "the value is no code that the catalog knows";
    case v1::ROW_CONDITION_FAILURE_PARTIAL_DATE:
      return "the value is a date without its month or day";
    case v1::ROW_CONDITION_FAILURE_NOT_LISTED:
      return "the value is another";
    case v1::ROW_CONDITION_FAILURE_BELOW:
      return "the value is below";
    case v1::ROW_CONDITION_FAILURE_ABOVE:
      return "the value is not below";
    case v1::ROW_CONDITION_FAILURE_UNSPECIFIED:
    case v1::RowConditionFailure_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::RowConditionFailure_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return "";
}

class Explainer {
 public:
  Explainer(const Plan& plan, absl::string_view owner, bool show_values)
      : plan_(plan), show_values_(show_values) {
    for (const PlanGrant& grant : plan.grants) {
      if (grant.owner == owner) grants_.push_back(&grant);
    }
    for (const PlanProhibition& prohibition : plan.prohibitions) {
      const auto& owners = prohibition.owners;
      if (owners.empty() || std::find(owners.begin(), owners.end(), owner) != owners.end()) {
        prohibitions_.push_back(&prohibition);
      }
    }
  }

  v1::RowExplanation Explain(absl::string_view record) {
    const std::unique_ptr<Row> row = Row::Parse(*plan_.type, record);
    readable_ = row != nullptr;
    if (row != nullptr) {
      for (const PlanProhibition* prohibition : prohibitions_) AskProhibition(*prohibition, *row);
      for (const PlanGrant* grant : grants_) AskGrant(*grant, *row);
      result_.set_verdict(VerdictOf(*row));
    }
    if (!readable_) result_.set_verdict(v1::ROW_VERDICT_MALFORMED);
    result_.set_explanation(Sentence());
    return std::move(result_);
  }

 private:
  void AskProhibition(const PlanProhibition& prohibition, const Row& row) {
    v1::ProhibitionOnRow asked;
    asked.set_prohibition(prohibition.name);
    bool matches = true;
    for (const Box::Constraint& c : prohibition.rows.constraints()) {
      const Seen seen = row.See(*c.field);
      readable_ = readable_ && seen.readable;
      if (seen.value.kind == Value::Kind::kUnset) {
        asked.add_matched_unset(c.field->path);
      } else {
        matches = matches && c.values.Contains(seen.value);
      }
    }
    if (!matches) return;
    if (prohibition.fields) {
      for (const Field* field : *prohibition.fields) asked.add_fields(field->path);
    }
    matching_.push_back(&prohibition);
    *result_.add_prohibitions() = std::move(asked);
  }

  void AskGrant(const PlanGrant& grant, const Row& row) {
    v1::GrantOnRow& asked = *result_.add_grants();
    asked.set_grant(grant.name);
    asked.set_line(grant.line);
    for (const Box::Constraint& c : grant.rows.constraints()) {
      const Seen seen = row.See(*c.field);
      readable_ = readable_ && seen.readable;
      if (seen.value.kind != Value::Kind::kUnset && c.values.Contains(seen.value)) continue;
      v1::FailedRowCondition& failed = *asked.add_failed();
      failed.set_field(c.field->path);
      failed.set_failure(FailureOf(seen, c.values));
      failed.set_condition(ConditionText(c.values, *c.field));
      if (show_values_) failed.set_value(seen.text);
    }
    if (asked.failed_size() > 0) return;
    in_scope_.push_back(&grant);
    for (const PlanField& field : grant.fields) {
      if (Prohibited(*field.field)) {
        prohibited_ = true;
        continue;
      }
      asked.add_fields(field.field->path);
      if (!row.HasValue(*field.field)) asked.add_empty_fields(field.field->path);
    }
  }

  bool Prohibited(const Field& field) const {
    return std::any_of(matching_.begin(), matching_.end(), [&](const PlanProhibition* p) {
      return !p->fields ||
             std::find(p->fields->begin(), p->fields->end(), &field) != p->fields->end();
    });
  }

  v1::RowVerdict VerdictOf(const Row& row) {
    bool any_field = false;
    bool any_value = false;
    bool unreadable = false;
    for (const Field* leaf : plan_.type->leaves()) {
      if (Prohibited(*leaf)) continue;
      std::optional<FieldRule> rule;
      bool conflict = false;
      for (const PlanGrant* grant : in_scope_) {
        for (const PlanField& field : grant->fields) {
          if (field.field != leaf) continue;
          conflict = conflict || (rule && *rule != field.rule);
          rule = field.rule;
        }
      }
      if (conflict) result_.add_conflicting_fields(leaf->path);
      if (!rule) continue;
      any_field = true;
      any_value = any_value || row.HasValue(*leaf);
      unreadable = unreadable || !row.Readable(*leaf, *rule);
    }
    if (result_.conflicting_fields_size() > 0) return v1::ROW_VERDICT_CONFLICT;
    if (in_scope_.empty()) return v1::ROW_VERDICT_OUT_OF_SCOPE;
    if (!any_field) return prohibited_ ? v1::ROW_VERDICT_PROHIBITED : v1::ROW_VERDICT_NO_VALUE;
    if (unreadable) return v1::ROW_VERDICT_MALFORMED;
    return any_value ? v1::ROW_VERDICT_RELEASED : v1::ROW_VERDICT_NO_VALUE;
  }

  std::string NamesInScope() const {
    return absl::StrJoin(in_scope_, ", ", [](std::string* out, const PlanGrant* grant) {
      absl::StrAppend(out, grant->name);
    });
  }

  std::string FailuresText() const {
    const auto condition = [](std::string* out, const v1::FailedRowCondition& failed) {
      absl::StrAppend(out, failed.field(), " (asked: ", failed.condition(), "; ",
                      FailureText(failed.failure()), ")");
    };
    return absl::StrJoin(
        result_.grants(), "; ", [&](std::string* out, const v1::GrantOnRow& grant) {
          absl::StrAppend(out, grant.grant(),
                          " fails only: ", absl::StrJoin(grant.failed(), " and ", condition));
        });
  }

  std::string Sentence() const {
    const auto name = [](std::string* out, const auto& p) {
      absl::StrAppend(out, "\"", p.prohibition(), "\"");
    };
    switch (result_.verdict()) {
      case v1::ROW_VERDICT_RELEASED:
        return absl::StrCat("the row is in the release under ", NamesInScope());
      case v1::ROW_VERDICT_OUT_OF_SCOPE:
        return grants_.empty()
                   ? "no grant of this owner is in force for the request"
                   : absl::StrCat("no grant has the row in its scope: ", FailuresText());
      case v1::ROW_VERDICT_PROHIBITED:
        return absl::StrCat("prohibited by ", absl::StrJoin(result_.prohibitions(), ", ", name),
                            ": nothing is left of what ", NamesInScope(), " lists");
      case v1::ROW_VERDICT_NO_VALUE:
        return absl::StrCat("the record has no value in any field that may leave under ",
                            NamesInScope());
      case v1::ROW_VERDICT_CONFLICT:
        return absl::StrCat("withheld: ", NamesInScope(), " give different rules for ",
                            absl::StrJoin(result_.conflicting_fields(), ", "));
      case v1::ROW_VERDICT_MALFORMED:
        return "withheld: the stored record can't be read as a release reads it; publish it again";
      case v1::ROW_VERDICT_OPTED_OUT:  // no plan's
      case v1::ROW_VERDICT_UNSPECIFIED:
      case v1::RowVerdict_INT_MIN_SENTINEL_DO_NOT_USE_:
      case v1::RowVerdict_INT_MAX_SENTINEL_DO_NOT_USE_:
        break;
    }
    return "";
  }

  const Plan& plan_;
  const bool show_values_;
  std::vector<const PlanGrant*> grants_;              // the owner's
  std::vector<const PlanProhibition*> prohibitions_;  // that name the owner, or nobody
  std::vector<const PlanGrant*> in_scope_;
  std::vector<const PlanProhibition*> matching_;
  bool readable_ = true;
  bool prohibited_ = false;  // a field that a grant in scope lists
  v1::RowExplanation result_;
};

}  // namespace

v1::RowExplanation ExplainRow(const Plan& plan, absl::string_view owner, absl::string_view record,
                              bool show_values) {
  return Explainer(plan, owner, show_values).Explain(record);
}

}  // namespace sluice::policy
