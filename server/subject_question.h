// Whether somebody asked for a person, by what the log's opening of the question says: a reader's
// filter, or the request of a report on a person.
//
// One for each person; immutable; refers to the catalog.
#ifndef SLUICE_SERVER_SUBJECT_QUESTION_H_
#define SLUICE_SERVER_SUBJECT_QUESTION_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/filter_parser.h"
#include "server/subject_names.h"

namespace sluice::server {

// As the log has it that a report on a person was asked for; cut, because it was not looked at yet.
std::string ReportQuestion(const AskedSubject& asked);

class SubjectQuestion {
 public:
  SubjectQuestion(const policy::Catalog& catalog, const AskedSubject& asked);

  // Of a report's question: whether it is for this id, of whatever source. Of a filter: whether a
  // field of the id space is compared with the id; of one that is none, whether it mentions the id.
  // Letters of either case are the same.
  bool IsAskedBy(absl::string_view text) const;

 private:
  bool IsId(absl::string_view id) const;
  bool IsIn(const policy::FilterNode& node) const;
  // Whether the id stands in a text, and not as a part of a longer word or number.
  bool IsMentioned(absl::string_view text) const;

  std::string id_space_;
  std::set<std::string> id_spaces_;       // all that there are
  std::set<std::string> ids_;             // in each form, in lower case
  std::vector<v1::CanonicalForm> forms_;  // of the id space's fields
  struct Type {
    const policy::RecordType* type;
    std::vector<policy::PlanField> fields;  // all that a filter could be about
    bool has_ids;                           // of the id space
  };
  std::vector<Type> types_;  // those that have, first
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_SUBJECT_QUESTION_H_
