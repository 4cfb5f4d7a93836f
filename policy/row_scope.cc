#include "policy/row_scope.h"

#include <algorithm>
#include <optional>

#include "policy/canonical_form.h"
#include "policy/scalar_message.h"

namespace sluice::policy {

RowScopeReader::RowScopeReader(const RecordType& type, const std::vector<const Box*>& boxes)
    : scope_(boxes.size()) {
  for (const Box* const box : boxes) {
    for (const Box::Constraint& c : box->constraints()) {
      if (SlotOf(*c.field) == slots_.size()) slots_.push_back(c.field);
    }
  }
  for (const Box* const box : boxes) boxes_.push_back(Compiled(*box));
  values_.resize(slots_.size());
  level_ = ProjectionLevel::Build(type.fields(), [&](const Field& field, ProjectionStep& step) {
    const size_t slot = SlotOf(field);
    if (slot == slots_.size()) return;
    step.action = ProjectionStep::Action::kScopeValue;
    step.slot = static_cast<uint32_t>(slot);
  });
}

// The number of slots if it has none.
size_t RowScopeReader::SlotOf(const Field& field) const {
  return static_cast<size_t>(std::find(slots_.begin(), slots_.end(), &field) - slots_.begin());
}

RowScopeReader::CompiledBox RowScopeReader::Compiled(const Box& box) const {
  CompiledBox compiled{box.unset(), {}};
  for (const Box::Constraint& c : box.constraints()) {
    CompiledBox::Constraint constraint{SlotOf(*c.field), &c.values, {}};
    if (c.field->kind == FieldKind::kCode) {
      for (const std::string& code : c.field->code_set->codes()) {
        constraint.codes.push_back(c.values.Contains(Value::Code(code)));
      }
    }
    compiled.constraints.push_back(std::move(constraint));
  }
  return compiled;
}

bool RowScopeReader::CompiledBox::Contains(const std::vector<Value>& row) const {
  for (const Constraint& c : constraints) {
    const Value& value = row[c.slot];
    switch (value.kind) {
      case Value::Kind::kUnset:
        if (unset == Box::Unset::kExcluded) return false;
        break;
      case Value::Kind::kCode:
        if (!c.codes[static_cast<size_t>(value.number)]) return false;
        break;
      case Value::Kind::kNumber:
        if (!c.values->Contains(value)) return false;
        break;
    }
  }
  return true;
}

bool RowScopeReader::Read(absl::string_view record) {
  std::fill(values_.begin(), values_.end(), Value::Unset());
  scope_.Clear();
  if (level_ != nullptr && !ReadLevel(*level_, record)) return false;
  for (size_t i = 0; i < boxes_.size(); ++i) {
    if (boxes_[i].Contains(values_)) scope_.Add(i);
  }
  return true;
}

bool RowScopeReader::ReadLevel(const ProjectionLevel& level, absl::string_view bytes) {
  using Action = ProjectionStep::Action;
  return level.ForEachKnown(
      bytes, [&](const ProjectionStep& step, const wire::Element& e, const char*) {
        if (step.action == Action::kDescend) return ReadLevel(*step.inside, e.bytes());
        return step.action != Action::kScopeValue || ReadValue(*step.field, e, values_[step.slot]);
      });
}

bool RowScopeReader::ReadValue(const Field& field, const wire::Element& element, Value& value) {
  switch (field.kind) {
    case FieldKind::kInteger:
    case FieldKind::kBool:
      if (!wire::IsCanonical(field.type, element.value)) return false;
      value = Value::Number(wire::SignedOf(field.type, element.value));
      // Beyond what a box can say: no box is right about it.
      return !wire::IsUnsigned64(field.type) || value.number >= 0;
    case FieldKind::kDate: {
      const std::optional<CivilDate> date = ReadDate(element.bytes());
      if (!date) return false;
      if (date->IsWhole())
        value = Value::Number(date->year * 10000 + date->month * 100 + date->day);
      return true;
    }
    case FieldKind::kCode:
      if (const std::optional<size_t> place = field.code_set->PlaceOf(element.bytes())) {
        value = {Value::Kind::kCode, static_cast<int64_t>(*place), {}};
        return true;
      }
      return IsValidUtf8(element.bytes());
    case FieldKind::kString:
    case FieldKind::kPostalCode:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  return false;
}

}  // namespace sluice::policy
