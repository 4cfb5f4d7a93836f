// Crosswalks: what a value of another namespace, or another spelling, is in one of our code sets.
// They are used where an import mapping names them and nowhere else: what a record holds is
// compared whole. Read from the data files of crosswalks/, which are compiled in.
//
// Immutable.
#ifndef SLUICE_POLICY_CROSSWALK_H_
#define SLUICE_POLICY_CROSSWALK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/code_set.h"

namespace sluice::policy {

class Crosswalk {
 public:
  // Parses one data file; INVALID_ARGUMENT with file and line if it is not of the form that
  // crosswalks/README.md states.
  static absl::StatusOr<Crosswalk> Parse(absl::string_view file_name, absl::string_view text,
                                         const CodeSets& code_sets);

  const std::string& name() const { return name_; }
  // Of the results.
  const std::string& code_set() const { return code_set_; }
  // `sha256:` of the file's bytes.
  const std::string& digest() const { return digest_; }
  size_t size() const { return to_.size(); }
  // The code that `from`, compared to the letter, is; nullptr if no line says so.
  const std::string* Find(absl::string_view from) const;

 private:
  class Parser;
  Crosswalk() = default;

  std::string name_;
  std::string code_set_;
  std::string digest_;
  absl::flat_hash_map<std::string, std::string> to_;
};

class Crosswalks {
 public:
  static absl::StatusOr<std::shared_ptr<const Crosswalks>> BuiltIn(const CodeSets& code_sets);
  static absl::StatusOr<std::shared_ptr<const Crosswalks>> Create(std::vector<Crosswalk> all);

  // nullptr if there is none.
  const Crosswalk* Find(absl::string_view name) const;
  // In order of name.
  const std::vector<Crosswalk>& all() const { return all_; }

 private:
  std::vector<Crosswalk> all_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CROSSWALK_H_
