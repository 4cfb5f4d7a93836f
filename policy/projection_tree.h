// The tree of field numbers that a plan compiles to, with an action at each leaf: what one walk
// over a record's bytes does at each number that it meets.
//
// Immutable once built. Refers to the record type's fields.
#ifndef SLUICE_POLICY_PROJECTION_TREE_H_
#define SLUICE_POLICY_PROJECTION_TREE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/field_transform.h"
#include "policy/wire.h"

namespace sluice::policy {

// What becomes of one known field where it stands. A number without a step is not known to the
// type, and is dropped unseen.
struct ProjectionStep {
  enum class Action : uint8_t {
    kUnknown,
    kDrop,
    kDescend,     // into `inside`
    kScopeValue,  // read for the boxes, into `slot`
    kCopyString,
    kCopyNumber,
    kCopyPackedNumbers,
    kPseudonym,
    kInteger,
    kPackedIntegers,
    kDate,
    kDecimal,
    kPrefix,
    kZip3,
    kCode,
  };
  Action action = Action::kUnknown;
  bool repeats = false;  // may stand again at once
  bool subject = false;  // takes the next subject
  wire::Type wire_type = wire::kVarint;
  uint32_t tag = 0;
  uint32_t slot = 0;
  const Field* field = nullptr;
  std::shared_ptr<const FieldTransform> transform;
  std::shared_ptr<const class ProjectionLevel> inside;
};

// One message's steps by number.
class ProjectionLevel {
 public:
  // `leaf` says what to do with a scalar; null steps for all of them, and no subject among them,
  // make no level (nullptr).
  using LeafAction = std::function<void(const Field&, ProjectionStep&)>;
  static std::shared_ptr<const ProjectionLevel> Build(const std::vector<Field>& fields,
                                                      const LeafAction& leaf);

  const ProjectionStep& Find(uint32_t number) const {
    if (number < dense_.size()) return dense_[number];
    return FindSparse(number);
  }

  // Calls `known(step, element, begin)` for each occurrence of a field that the type knows; `begin`
  // is where the element's tag stands. False, and the row is withheld, where `known` says so or the
  // level is not in its form: malformed bytes, known fields out of order, a singular one twice, a
  // wire type that is not the field's. An unknown number is passed over.
  template <typename Known>
  bool ForEachKnown(absl::string_view bytes, Known&& known) const {
    const char* p = bytes.data();
    const char* const end = p + bytes.size();
    uint32_t last = 0;
    while (p < end) {
      const wire::Element element = wire::ReadElement(p, end);
      if (element.next == nullptr) return false;
      const ProjectionStep& step = Find(element.number);
      if (step.action != ProjectionStep::Action::kUnknown) {
        if (element.number < last || (element.number == last && !step.repeats)) return false;
        last = element.number;
        if (element.type != step.wire_type) return false;
        if (!known(step, element, p)) return false;
      }
      p = element.next;
    }
    return true;
  }

 private:
  static constexpr uint32_t kDense = 256;  // higher numbers are rare, and searched

  const ProjectionStep& FindSparse(uint32_t number) const;

  std::vector<ProjectionStep> dense_;
  std::vector<ProjectionStep> sparse_;  // in order of number
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PROJECTION_TREE_H_
