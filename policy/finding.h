// What `check` finds in a document: a stable id, a place, a sentence, and a hint on how to mend it.
//
// A value.
#ifndef SLUICE_POLICY_FINDING_H_
#define SLUICE_POLICY_FINDING_H_

#include <string>
#include <vector>

namespace sluice::policy {

// A place in a file; line and column from 1, 0 if not known.
struct Place {
  int line = 0;
  int column = 0;
};

enum class Severity { kError, kWarning };

struct Finding {
  std::string id;  // "P012"
  Severity severity = Severity::kError;
  std::string file;
  Place place;
  std::string path;  // "grants[2].rows"; empty: the document
  std::string message;
  std::string hint;  // may be empty

  // `mou.yaml:21:7: error P012: message`, and the hint on a line of its own.
  std::string ToString() const;
};

bool HasError(const std::vector<Finding>& findings);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_FINDING_H_
