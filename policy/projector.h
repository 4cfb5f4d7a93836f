// The projector: from a stored record's wire bytes to what leaves, in one walk. A plan becomes
// trees of field numbers with an action at each leaf; a number that is not in the tree is dropped
// at every depth, so unknown fields and fields added later never leave. No reflection, no
// allocation a record.
//
// One a release; not thread-safe. The plan must outlive it.
#ifndef SLUICE_POLICY_PROJECTOR_H_
#define SLUICE_POLICY_PROJECTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/plan.h"
#include "policy/pseudonym.h"

namespace sluice::policy {

class Projector {
 public:
  enum class Outcome {
    kReleased,
    kOutOfScope,  // no grant has the row in its box, or no field is left
    kWithheld,  // an error in the row: malformed bytes, two rules for one field, a subject missing
  };

  // Of the plan's grants from one owner. `read_mask`: paths of leaves; empty: all. Fails with
  // INVALID_ARGUMENT on a path that no grant of the owner lists.
  static absl::StatusOr<std::unique_ptr<Projector>> Create(
      std::shared_ptr<const Plan> plan, absl::string_view owner,
      const std::vector<std::string>& read_mask, Pseudonymizer pseudonyms);
  ~Projector();

  // Appends what leaves of `record` to `*out`, which is unchanged unless kReleased. `subjects`: of
  // the record's subject fields, one for each occurrence, in the order in which the bytes carry
  // them.
  Outcome Project(absl::string_view record, absl::Span<const Pseudonym> subjects, std::string* out);
  Outcome Project(absl::string_view record, absl::Span<const SubjectId> subjects, std::string* out);
  // The subjects' pseudonyms: those of many records are had at once, which costs less.
  void Permute(absl::Span<const SubjectId> subjects, std::vector<Pseudonym>& out) const;

  // The fields that can leave, in order of number, each under its rule. Where grants differ by rule
  // between rows, the first grant's.
  const std::vector<PlanField>& fields() const;

 private:
  struct Rep;
  explicit Projector(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PROJECTOR_H_
