#include "policy/projector.h"

#include <utility>

#include "policy/canonical_form.h"
#include "policy/plan_effects.h"
#include "policy/projection_tree.h"
#include "policy/row_scope.h"
#include "policy/scalar_message.h"
#include "policy/wire.h"

namespace sluice::policy {

using Action = ProjectionStep::Action;

struct Projector::Rep {
  Rep(std::shared_ptr<const Plan> p, PlanEffects e, Pseudonymizer n)
      : plan(std::move(p)),
        pseudonyms(std::move(n)),
        effects(std::move(e)),
        scope(*plan->type, effects.Boxes()) {}

  // Constant after construction.
  const std::shared_ptr<const Plan> plan;
  const Pseudonymizer pseudonyms;

  // Changes from row to row.
  PlanEffects effects;
  RowScopeReader scope;
  wire::Writer out;
  std::vector<Pseudonym> permuted;  // of a record that comes with its subjects' ids
  absl::Span<const Pseudonym> subjects;
  size_t subjects_used = 0;

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
  absl::StatusOr<PlanEffects> effects = PlanEffects::Create(*plan, owner, read_mask);
  if (!effects.ok()) return effects.status();
  return std::unique_ptr<Projector>(new Projector(
      std::make_unique<Rep>(std::move(plan), *std::move(effects), std::move(pseudonyms))));
}

Projector::Projector(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Projector::~Projector() = default;

const std::vector<PlanField>& Projector::fields() const { return rep_->effects.fields(); }

void Projector::Permute(absl::Span<const SubjectId> subjects, std::vector<Pseudonym>& out) const {
  rep_->pseudonyms.Permute(subjects, out);
}

Projector::Outcome Projector::Project(absl::string_view record,
                                      absl::Span<const SubjectId> subjects, std::string* out) {
  Permute(subjects, rep_->permuted);
  return Project(record, rep_->permuted, out);
}

Projector::Outcome Projector::Project(absl::string_view record,
                                      absl::Span<const Pseudonym> subjects, std::string* out) {
  Rep& rep = *rep_;
  if (!rep.scope.Read(record)) return Outcome::kWithheld;
  const Effect& effect = rep.effects.Of(rep.scope.scope());
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

// Fields that are copied and follow each other leave as one run.
bool Projector::Rep::Walk(const ProjectionLevel& level, absl::string_view bytes) {
  const char* run = nullptr;
  const char* run_end = nullptr;
  const auto flush = [&] {
    if (run != nullptr) out.Bytes({run, static_cast<size_t>(run_end - run)});
    run = nullptr;
  };
  const bool walked = level.ForEachKnown(
      bytes, [&](const ProjectionStep& step, const wire::Element& e, const char* begin) {
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
            subjects[subject].Write(out.Grow(kPseudonymLength));
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
