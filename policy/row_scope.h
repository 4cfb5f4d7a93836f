// The scope of a row: which boxes it lies in, of the grants and the prohibitions of a plan. Read
// from the stored bytes by a walk that looks at the fields that the boxes constrain and at no
// others, before anything is done to the row.
//
// RowScope is a value. RowScopeReader: one a release; not thread-safe; refers to the record type
// and the boxes.
#ifndef SLUICE_POLICY_ROW_SCOPE_H_
#define SLUICE_POLICY_ROW_SCOPE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/box.h"
#include "policy/catalog.h"
#include "policy/projection_tree.h"

namespace sluice::policy {

// A bit for each box.
class RowScope {
 public:
  explicit RowScope(size_t boxes = 0) : bits_(boxes / 64 + 1) {}

  void Clear() { std::fill(bits_.begin(), bits_.end(), 0); }
  void Add(size_t box) { bits_[box / 64] |= uint64_t{1} << box % 64; }
  bool Has(size_t box) const { return bits_[box / 64] >> box % 64 & 1; }

  friend bool operator==(const RowScope&, const RowScope&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RowScope& scope) {
    return H::combine(std::move(h), scope.bits_);
  }

 private:
  std::vector<uint64_t> bits_;
};

class RowScopeReader {
 public:
  RowScopeReader(const RecordType& type, const std::vector<const Box*>& boxes);

  // False, and the row is withheld: its bytes are not in the form that ProjectionLevel asks for at
  // a level with a constrained field, or such a field's value is none of its type's, or beyond what
  // a box can say.
  bool Read(absl::string_view record);
  // Of the row that was read last.
  const RowScope& scope() const { return scope_; }

 private:
  // A box that knows each constrained value's slot, and of a code set which of its codes it allows.
  struct CompiledBox {
    struct Constraint {
      size_t slot;
      const ValueSet* values;
      std::vector<bool> codes;  // by the code's place in its set
    };
    Box::Unset unset;
    std::vector<Constraint> constraints;

    bool Contains(const std::vector<Value>& values) const;
  };

  size_t SlotOf(const Field& field) const;
  CompiledBox Compiled(const Box& box) const;
  bool ReadLevel(const ProjectionLevel& level, absl::string_view bytes);
  static bool ReadValue(const Field& field, const wire::Element& element, Value& value);

  // Constant after construction.
  std::vector<const Field*> slots_;  // the constrained fields, each once
  std::vector<CompiledBox> boxes_;
  std::shared_ptr<const ProjectionLevel> level_;  // null: no field is constrained

  // Changes from row to row.
  std::vector<Value> values_;  // of the slots; a code's number is its place in the code set
  RowScope scope_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_ROW_SCOPE_H_
