// The projector's twin: the same answers from the same plan, written from the meaning of a plan
// row by row, by protobuf's own parser and reflection, slow and obvious. It shares no code with the
// projector; a difference between the two is a defect of one of them. For tests.
//
// Not thread-safe.
#ifndef SLUICE_POLICY_PROJECTOR_TWIN_H_
#define SLUICE_POLICY_PROJECTOR_TWIN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "policy/plan.h"
#include "policy/projector.h"
#include "policy/pseudonym.h"

namespace sluice::policy {

class ProjectorTwin {
 public:
  // `prototype`: of the plan's record type.
  ProjectorTwin(const Plan& plan, absl::string_view owner, std::vector<std::string> read_mask,
                const Pseudonymizer& pseudonyms, const google::protobuf::Message& prototype);

  Projector::Outcome Project(absl::string_view record, absl::Span<const SubjectId> subjects,
                             std::string* out);

 private:
  struct Row;

  const Plan& plan_;
  const std::string owner_;
  const std::vector<std::string> read_mask_;
  const Pseudonymizer& pseudonyms_;
  const google::protobuf::Message& prototype_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PROJECTOR_TWIN_H_
