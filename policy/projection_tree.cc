#include "policy/projection_tree.h"

#include <algorithm>

namespace sluice::policy {

std::shared_ptr<const ProjectionLevel> ProjectionLevel::Build(const std::vector<Field>& fields,
                                                              const LeafAction& leaf) {
  auto level = std::make_shared<ProjectionLevel>();
  bool needed = false;
  for (const Field& field : fields) {
    ProjectionStep step;
    step.action = ProjectionStep::Action::kDrop;
    step.repeats = field.repeated && !field.packed;
    step.wire_type = field.packed ? wire::kBytes : wire::TypeOf(field.type);
    step.tag = wire::Tag(static_cast<uint32_t>(field.number), step.wire_type);
    step.field = &field;
    if (field.kind == FieldKind::kMessage) {
      step.inside = Build(field.fields, leaf);
      if (step.inside != nullptr) step.action = ProjectionStep::Action::kDescend;
    } else {
      leaf(field, step);
    }
    needed |= step.action != ProjectionStep::Action::kDrop || step.subject;
    const auto number = static_cast<uint32_t>(field.number);
    if (number < kDense) {
      if (level->dense_.size() <= number) level->dense_.resize(number + 1);
      level->dense_[number] = std::move(step);
    } else {
      level->sparse_.push_back(std::move(step));
    }
  }
  return needed ? level : nullptr;
}

const ProjectionStep& ProjectionLevel::FindSparse(uint32_t number) const {
  static const ProjectionStep* const kUnknown = new ProjectionStep;
  const auto it = std::lower_bound(sparse_.begin(), sparse_.end(), number,
                                   [](const ProjectionStep& step, uint32_t n) {
                                     return static_cast<uint32_t>(step.field->number) < n;
                                   });
  if (it == sparse_.end() || static_cast<uint32_t>(it->field->number) != number) return *kUnknown;
  return *it;
}

}  // namespace sluice::policy
