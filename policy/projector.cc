#include "policy/projector.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "policy/canonical_form.h"
#include "policy/civil_date.h"
#include "policy/projection_tree.h"
#include "policy/wire.h"

namespace sluice::policy {

namespace {

using Action = ProjectionStep::Action;

// Which grants have a row in scope and which prohibitions match it, a bit each: grants first.
using RowScope = std::vector<uint64_t>;

void Set(size_t bit, RowScope& scope) { scope[bit / 64] |= uint64_t{1} << bit % 64; }
bool Has(size_t bit, const RowScope& scope) { return scope[bit / 64] >> bit % 64 & 1; }

// What becomes of all rows of one scope.
struct Effect {
  bool conflict = false;                         // two rules for one field
  std::shared_ptr<const ProjectionLevel> level;  // null: no field is left
};

// A box, ready to be asked of a row: each constraint knows its value's slot, and a constraint on a
// code which of the code set's codes it allows.
class CompiledBox {
 public:
  // `slots`: the constrained fields.
  CompiledBox(const Box& box, const std::vector<const Field*>& slots) : unset_(box.unset()) {
    for (const Box::Constraint& c : box.constraints()) {
      Constraint compiled{
          static_cast<size_t>(std::find(slots.begin(), slots.end(), c.field) - slots.begin()),
          &c.values,
          {}};
      if (c.field->kind == FieldKind::kCode) {
        for (const std::string& code : c.field->code_set->codes()) {
          compiled.codes.push_back(c.values.Contains(Value::Code(code)));
        }
      }
      constraints_.push_back(std::move(compiled));
    }
  }

  // A code stands in `values` as its place in the code set.
  bool Contains(const std::vector<Value>& values) const {
    for (const Constraint& c : constraints_) {
      const Value& value = values[c.slot];
      switch (value.kind) {
        case Value::Kind::kUnset:
          if (unset_ == Box::Unset::kExcluded) return false;
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

 private:
  struct Constraint {
    size_t slot;
    const ValueSet* values;
    std::vector<bool> codes;
  };
  Box::Unset unset_;
  std::vector<Constraint> constraints_;
};

// The cache of effects is bounded: a document's boxes can cut rows into more scopes than fit.
constexpr size_t kMaxEffects = 4096;

Action ActionOf(const FieldRule& rule, const Field& field) {
  switch (rule.kind()) {
    case FieldRule::Kind::kPass:
      break;
    case FieldRule::Kind::kPseudonymize:
      return Action::kPseudonym;
    case FieldRule::Kind::kDate:
      return Action::kDate;
    case FieldRule::Kind::kInteger:
      return field.packed ? Action::kPackedIntegers : Action::kInteger;
    case FieldRule::Kind::kKeepPrefix:
      return Action::kPrefix;
    case FieldRule::Kind::kZip3:
      return Action::kZip3;
    case FieldRule::Kind::kCodeSet:
    case FieldRule::Kind::kHierarchy:
      return Action::kCode;
  }
  switch (field.kind) {
    case FieldKind::kString:
    case FieldKind::kCode:
    case FieldKind::kPostalCode:
      return Action::kCopyString;
    case FieldKind::kInteger:
    case FieldKind::kBool:
      return field.packed ? Action::kCopyPackedNumbers : Action::kCopyNumber;
    case FieldKind::kDate:
      return Action::kDate;
    case FieldKind::kDecimal:
      return Action::kDecimal;
    case FieldKind::kMessage:
      break;
  }
  return Action::kDrop;
}

// Calls `known(step, element)` for each occurrence of a field that the type knows. False, and the
// row is withheld: malformed bytes, known fields out of order, a singular one twice, a wire type
// that is not the field's. An unknown number is passed over.
template <typename Known>
bool ForEachKnown(const ProjectionLevel& level, absl::string_view bytes, Known&& known) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  uint32_t last = 0;
  while (p < end) {
    const wire::Element element = wire::ReadElement(p, end);
    if (element.next == nullptr) return false;
    const ProjectionStep& step = level.Find(element.number);
    if (step.action != Action::kUnknown) {
      if (element.number < last || (element.number == last && !step.repeats)) return false;
      last = element.number;
      if (element.type != step.wire_type) return false;
      if (!known(step, element, p)) return false;
    }
    p = element.next;
  }
  return true;
}

std::optional<CivilDate> ReadDate(absl::string_view bytes) {
  CivilDate date;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  uint32_t last = 0;
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr) return std::nullopt;
    p = e.next;
    if (e.number > 3) continue;
    // A part that is zero is not written.
    if (e.number <= last || e.type != wire::kVarint || e.value == 0 ||
        !wire::IsCanonical(wire::Field::TYPE_INT32, e.value)) {
      return std::nullopt;
    }
    last = e.number;
    (e.number == 1   ? date.year
     : e.number == 2 ? date.month
                     : date.day) = static_cast<int32_t>(e.value);
  }
  if (!date.IsValid()) return std::nullopt;
  return date;
}

std::optional<absl::string_view> ReadDecimal(absl::string_view bytes) {
  std::optional<absl::string_view> value;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr) return std::nullopt;
    p = e.next;
    if (e.number != 1) continue;
    if (value || e.type != wire::kBytes) return std::nullopt;
    value = e.bytes();
  }
  if (!value || !IsDecimal(*value)) return std::nullopt;
  return value;
}

}  // namespace

struct Projector::Rep {
  Rep(std::shared_ptr<const Plan> p, Pseudonymizer n)
      : plan(std::move(p)), pseudonyms(std::move(n)) {}

  // Constant after construction.
  std::shared_ptr<const Plan> plan;
  std::vector<const PlanGrant*> grants;              // the owner's
  std::vector<const PlanProhibition*> prohibitions;  // that name the owner, or nobody
  std::vector<CompiledBox> boxes;                    // of the grants, then of the prohibitions
  std::vector<const Field*> mask;                    // empty: all
  std::vector<PlanField> fields;
  Pseudonymizer pseudonyms;
  std::vector<const Field*> slots;                     // the fields that boxes constrain
  std::shared_ptr<const ProjectionLevel> scope_level;  // reads them; null: there are none

  // Changes from row to row.
  std::vector<Value> values;  // of the slots
  RowScope scope;
  absl::flat_hash_map<RowScope, Effect> effects;
  const Effect* effect = nullptr;  // of `effect_scope`
  RowScope effect_scope;
  wire::Writer out;
  absl::Span<const SubjectId> subjects;
  size_t subjects_used = 0;

  void Prepare();
  bool Lists(const Field& leaf) const {
    return mask.empty() || std::find(mask.begin(), mask.end(), &leaf) != mask.end();
  }
  bool Prohibits(const PlanProhibition& prohibition, const Field& leaf) const {
    return !prohibition.fields || std::find(prohibition.fields->begin(), prohibition.fields->end(),
                                            &leaf) != prohibition.fields->end();
  }
  std::optional<FieldRule> RuleOf(const Field& leaf, const RowScope& rows, bool& conflict) const;
  Effect EffectOf(const RowScope& rows) const;
  const Effect& CurrentEffect();

  bool ReadScope(absl::string_view record);
  bool ReadScopeLevel(const ProjectionLevel& level, absl::string_view bytes);
  bool ReadValue(const ProjectionStep& step, const wire::Element& element);
  bool Walk(const ProjectionLevel& level, absl::string_view bytes);
  bool Apply(const ProjectionStep& step, const wire::Element& element);
  bool CopyPacked(const ProjectionStep& step, absl::string_view bytes);
  void WriteNumber(const ProjectionStep& step, uint64_t raw);
  uint64_t Transformed(const ProjectionStep& step, uint64_t raw) const;
  bool WriteDate(const ProjectionStep& step, absl::string_view bytes);
};

absl::StatusOr<std::unique_ptr<Projector>> Projector::Create(
    std::shared_ptr<const Plan> plan, absl::string_view owner,
    const std::vector<std::string>& read_mask, Pseudonymizer pseudonyms) {
  auto rep = std::make_unique<Rep>(std::move(plan), std::move(pseudonyms));
  const Plan& p = *rep->plan;
  for (const PlanGrant& grant : p.grants) {
    if (grant.owner != owner) continue;
    rep->grants.push_back(&grant);
    for (const PlanField& field : grant.fields) {
      const absl::Status fits = Fits(field.rule, *field.field);
      if (!fits.ok()) return fits;
    }
  }
  for (const PlanProhibition& prohibition : p.prohibitions) {
    const auto& owners = prohibition.owners;
    if (owners.empty() || std::find(owners.begin(), owners.end(), owner) != owners.end()) {
      rep->prohibitions.push_back(&prohibition);
    }
  }
  for (const std::string& path : read_mask) {
    const bool listed =
        std::any_of(rep->grants.begin(), rep->grants.end(), [&](const PlanGrant* grant) {
          return std::any_of(grant->fields.begin(), grant->fields.end(),
                             [&](const PlanField& f) { return f.field->path == path; });
        });
    // One message for a field that is not granted and one that is not there.
    if (!listed) {
      return absl::InvalidArgumentError(
          absl::StrCat("read_mask: no grant lists a field \"", path, "\""));
    }
    rep->mask.push_back(p.type->Find(path));
  }
  rep->Prepare();
  return std::unique_ptr<Projector>(new Projector(std::move(rep)));
}

Projector::Projector(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Projector::~Projector() = default;

const std::vector<PlanField>& Projector::fields() const { return rep_->fields; }

Projector::Outcome Projector::Project(absl::string_view record,
                                      absl::Span<const SubjectId> subjects, std::string* out) {
  Rep& rep = *rep_;
  if (!rep.ReadScope(record)) return Outcome::kWithheld;
  const Effect& effect = rep.CurrentEffect();
  if (effect.conflict) return Outcome::kWithheld;
  if (effect.level == nullptr) return Outcome::kOutOfScope;
  rep.out.Clear();
  rep.subjects = subjects;
  rep.subjects_used = 0;
  if (!rep.Walk(*effect.level, record)) return Outcome::kWithheld;
  if (rep.subjects_used != subjects.size()) return Outcome::kWithheld;
  if (rep.out.size() == 0) return Outcome::kOutOfScope;
  out->append(rep.out.bytes().data(), rep.out.size());
  return Outcome::kReleased;
}

void Projector::Rep::Prepare() {
  const auto add_slots = [&](const Box& box) {
    for (const Box::Constraint& c : box.constraints()) {
      if (std::find(slots.begin(), slots.end(), c.field) == slots.end()) slots.push_back(c.field);
    }
  };
  for (const PlanGrant* const grant : grants) add_slots(grant->rows);
  for (const PlanProhibition* const prohibition : prohibitions) add_slots(prohibition->rows);
  for (const PlanGrant* const grant : grants) boxes.emplace_back(grant->rows, slots);
  for (const PlanProhibition* const prohibition : prohibitions) {
    boxes.emplace_back(prohibition->rows, slots);
  }
  values.resize(slots.size());
  scope.resize((grants.size() + prohibitions.size()) / 64 + 1);
  scope_level =
      ProjectionLevel::Build(plan->type->fields(), [&](const Field& f, ProjectionStep& s) {
        const auto slot = std::find(slots.begin(), slots.end(), &f);
        if (slot == slots.end()) return;
        s.action = Action::kScopeValue;
        s.slot = static_cast<uint32_t>(slot - slots.begin());
      });

  // What can leave: what a grant lists and no prohibition of every row takes.
  for (const Field* const leaf : plan->type->leaves()) {
    if (!Lists(*leaf)) continue;
    if (std::any_of(prohibitions.begin(), prohibitions.end(), [&](const PlanProhibition* p) {
          return p->rows.constraints().empty() && Prohibits(*p, *leaf);
        })) {
      continue;
    }
    for (const PlanGrant* const grant : grants) {
      const auto it = std::find_if(grant->fields.begin(), grant->fields.end(),
                                   [&](const PlanField& f) { return f.field == leaf; });
      if (it == grant->fields.end()) continue;
      fields.push_back(*it);
      break;
    }
  }
}

// The one rule that grants in scope give the field, unless a prohibition that matches takes it.
std::optional<FieldRule> Projector::Rep::RuleOf(const Field& leaf, const RowScope& rows,
                                                bool& conflict) const {
  for (size_t i = 0; i < prohibitions.size(); ++i) {
    if (Has(grants.size() + i, rows) && Prohibits(*prohibitions[i], leaf)) return std::nullopt;
  }
  std::optional<FieldRule> rule;
  for (size_t i = 0; i < grants.size(); ++i) {
    if (!Has(i, rows)) continue;
    for (const PlanField& field : grants[i]->fields) {
      if (field.field != &leaf) continue;
      if (rule && *rule != field.rule) conflict = true;
      rule = field.rule;
    }
  }
  return rule;
}

Effect Projector::Rep::EffectOf(const RowScope& rows) const {
  Effect effect;
  bool any = false;
  effect.level =
      ProjectionLevel::Build(plan->type->fields(), [&](const Field& leaf, ProjectionStep& step) {
        step.subject = leaf.names_subject();
        const std::optional<FieldRule> rule = RuleOf(leaf, rows, effect.conflict);
        if (!rule || !Lists(leaf)) return;
        step.action = ActionOf(*rule, leaf);
        step.transform = std::make_shared<FieldTransform>(*rule, leaf);
        any = true;
      });
  if (!any) effect.level = nullptr;
  return effect;
}

const Effect& Projector::Rep::CurrentEffect() {
  if (effect != nullptr && scope == effect_scope) return *effect;
  auto it = effects.find(scope);
  if (it == effects.end()) {
    if (effects.size() >= kMaxEffects) effects.clear();
    it = effects.emplace(scope, EffectOf(scope)).first;
  }
  effect = &it->second;
  effect_scope = scope;
  return *effect;
}

bool Projector::Rep::ReadScope(absl::string_view record) {
  std::fill(values.begin(), values.end(), Value::Unset());
  std::fill(scope.begin(), scope.end(), 0);
  if (scope_level != nullptr && !ReadScopeLevel(*scope_level, record)) return false;
  for (size_t i = 0; i < boxes.size(); ++i) {
    if (boxes[i].Contains(values)) Set(i, scope);
  }
  return true;
}

bool Projector::Rep::ReadScopeLevel(const ProjectionLevel& level, absl::string_view bytes) {
  return ForEachKnown(level, bytes,
                      [&](const ProjectionStep& step, const wire::Element& e, const char*) {
                        if (step.action == Action::kDescend) {
                          return ReadScopeLevel(*step.inside, e.bytes());
                        }
                        return step.action != Action::kScopeValue || ReadValue(step, e);
                      });
}

bool Projector::Rep::ReadValue(const ProjectionStep& step, const wire::Element& element) {
  const Field& field = *step.field;
  Value& value = values[step.slot];
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

// Fields that are copied and follow each other leave as one run.
bool Projector::Rep::Walk(const ProjectionLevel& level, absl::string_view bytes) {
  const char* run = nullptr;
  const char* run_end = nullptr;
  const auto flush = [&] {
    if (run != nullptr) out.Bytes({run, static_cast<size_t>(run_end - run)});
    run = nullptr;
  };
  const bool walked = ForEachKnown(
      level, bytes, [&](const ProjectionStep& step, const wire::Element& e, const char* begin) {
        const size_t subject = subjects_used;
        if (step.subject && ++subjects_used > subjects.size()) return false;
        switch (step.action) {
          case Action::kDrop:
            return true;
          case Action::kCopyString:
            if (!IsValidUtf8(e.bytes())) return false;
            break;
          case Action::kCopyNumber:
            if (!wire::IsCanonical(step.field->type, e.value)) return false;
            break;
          case Action::kPseudonym:
            if (!IsValidUtf8(e.bytes())) return false;
            flush();
            out.Number(step.tag);
            *out.Grow(1) = kPseudonymLength;
            pseudonyms.Write(subjects[subject].bytes, out.Grow(kPseudonymLength));
            return true;
          case Action::kDescend: {
            flush();
            const size_t opened = out.Open(step.tag);
            if (!Walk(*step.inside, e.bytes())) return false;
            out.Close(opened, step.tag);
            return true;
          }
          default:
            flush();
            return Apply(step, e);
        }
        if (run != nullptr && run_end != begin) flush();
        if (run == nullptr) run = begin;
        run_end = e.next;
        return true;
      });
  flush();
  return walked;
}

bool Projector::Rep::Apply(const ProjectionStep& step, const wire::Element& element) {
  switch (step.action) {
    case Action::kCopyPackedNumbers:
    case Action::kPackedIntegers:
      return CopyPacked(step, element.bytes());
    case Action::kInteger:
      if (!wire::IsCanonical(step.field->type, element.value)) return false;
      out.Number(step.tag);
      WriteNumber(step, Transformed(step, element.value));
      return true;
    case Action::kDate:
      return WriteDate(step, element.bytes());
    case Action::kDecimal: {
      const std::optional<absl::string_view> value = ReadDecimal(element.bytes());
      if (!value) return false;
      const size_t opened = out.Open(step.tag);
      out.String(wire::Tag(1, wire::kBytes), *value);
      out.Close(opened, step.tag);
      return true;
    }
    case Action::kPrefix:
      if (!IsValidUtf8(element.bytes())) return false;
      out.String(step.tag, step.transform->Prefix(element.bytes()));
      return true;
    case Action::kZip3: {
      const auto area = step.transform->Zip3(element.bytes());
      if (!area) return false;
      out.String(step.tag, {area->data(), area->size()});
      return true;
    }
    case Action::kCode:
      if (!IsValidUtf8(element.bytes())) return false;
      out.String(step.tag, step.transform->Code(element.bytes()));
      return true;
    case Action::kUnknown:
    case Action::kDrop:
    case Action::kDescend:
    case Action::kScopeValue:
    case Action::kCopyString:
    case Action::kCopyNumber:
    case Action::kPseudonym:
      break;
  }
  return false;
}

uint64_t Projector::Rep::Transformed(const ProjectionStep& step, uint64_t raw) const {
  if (step.action == Action::kCopyPackedNumbers) return raw;
  const wire::FieldType type = step.field->type;
  if (wire::IsUnsigned64(type)) return step.transform->Unsigned(raw);
  return wire::RawOf(type, step.transform->Signed(wire::SignedOf(type, raw)));
}

void Projector::Rep::WriteNumber(const ProjectionStep& step, uint64_t raw) {
  switch (wire::TypeOf(step.field->type)) {
    case wire::kFixed64:
      return out.Fixed(raw, 8);
    case wire::kFixed32:
      return out.Fixed(raw, 4);
    case wire::kVarint:
    case wire::kBytes:
      return out.Number(raw);
  }
}

bool Projector::Rep::CopyPacked(const ProjectionStep& step, absl::string_view bytes) {
  if (bytes.empty()) return false;
  const wire::Type type = wire::TypeOf(step.field->type);
  const size_t width = type == wire::kFixed64 ? 8 : type == wire::kFixed32 ? 4 : 0;
  const size_t opened = out.Open(step.tag);
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    wire::Varint v{0, p + width};
    if (width == 0) {
      v = wire::ReadVarint(p, end);
    } else if (static_cast<size_t>(end - p) >= width) {
      std::memcpy(&v.value, p, width);
    } else {
      return false;
    }
    if (v.next == nullptr || !wire::IsCanonical(step.field->type, v.value)) return false;
    WriteNumber(step, Transformed(step, v.value));
    p = v.next;
  }
  out.Close(opened, step.tag);
  return true;
}

bool Projector::Rep::WriteDate(const ProjectionStep& step, absl::string_view bytes) {
  std::optional<CivilDate> date = ReadDate(bytes);
  if (!date) return false;
  *date = step.transform->Date(*date);
  const size_t opened = out.Open(step.tag);
  uint32_t number = 0;
  for (const int32_t part : {date->year, date->month, date->day}) {
    ++number;
    if (part == 0) continue;
    out.Number(wire::Tag(number, wire::kVarint));
    out.Number(static_cast<uint64_t>(part));
  }
  out.Close(opened, step.tag);
  return true;
}

}  // namespace sluice::policy
