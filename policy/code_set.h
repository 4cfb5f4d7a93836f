// Code sets: the known values of a code, how they are written short, and what they become in a
// coarser set or a level of a hierarchy. Sets are open: a value that one does not know is kept by
// `pass` and becomes "other" under a generalization. Read from the data files of code_sets/, which
// are compiled in; a file's digest is part of the digest of each record type that uses it.
//
// Immutable.
#ifndef SLUICE_POLICY_CODE_SET_H_
#define SLUICE_POLICY_CODE_SET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::policy {

// What a code set's values become: in another code set, or on one level of a hierarchy.
struct CodeMap {
  absl::flat_hash_map<std::string, std::string> to;
  std::string other;  // for a value that is not in `to`
};

class CodeSet {
 public:
  // Parses one data file; INVALID_ARGUMENT with file and line if it is not of the form that
  // code_sets/README.md states.
  static absl::StatusOr<CodeSet> Parse(absl::string_view file_name, absl::string_view text);
  // A set of which no value is known.
  static CodeSet Empty(absl::string_view name);

  const std::string& name() const { return name_; }
  const std::string& digest() const { return digest_; }
  // The file that it was read from; empty of an empty set.
  const std::string& text() const { return text_; }
  const std::vector<std::string>& codes() const { return codes_; }
  bool Contains(absl::string_view code) const { return known_.contains(code); }
  // The code's place in codes(); nullopt if the set does not know it.
  std::optional<size_t> PlaceOf(absl::string_view code) const {
    const auto it = known_.find(code);
    if (it == known_.end()) return std::nullopt;
    return it->second;
  }

  // The codes that a short name stands for: none, one, or (an error at `check`) several.
  std::vector<std::string> Resolve(absl::string_view short_name) const;
  // A code's part after '#', in capitals, each run of other characters an '_'.
  static std::string ShortName(absl::string_view code);

  // nullptr if the set has no such coarser set, or hierarchy, or level. Level 1 is the parents.
  const CodeMap* Coarser(absl::string_view code_set) const;
  const CodeMap* Level(absl::string_view hierarchy, uint32_t level) const;
  std::vector<std::string> coarser_sets() const;
  std::vector<std::string> hierarchies() const;
  // How many levels above the value a hierarchy has; 0 if there is no such hierarchy.
  uint32_t levels(absl::string_view hierarchy) const;

 private:
  class Parser;
  CodeSet() = default;

  std::string name_;
  std::string digest_;
  std::string text_;
  std::vector<std::string> codes_;
  absl::flat_hash_map<std::string, size_t> known_;
  absl::flat_hash_map<std::string, std::vector<std::string>> by_short_name_;
  absl::flat_hash_map<std::string, CodeMap> coarser_;
  absl::flat_hash_map<std::string, std::vector<CodeMap>> hierarchies_;
};

class CodeSets {
 public:
  static absl::StatusOr<std::shared_ptr<const CodeSets>> BuiltIn();
  static absl::StatusOr<std::shared_ptr<const CodeSets>> Create(std::vector<CodeSet> sets);

  const CodeSet* Find(absl::string_view name) const;
  // In no order.
  std::vector<const CodeSet*> all() const;

 private:
  absl::flat_hash_map<std::string, std::unique_ptr<CodeSet>> sets_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CODE_SET_H_
