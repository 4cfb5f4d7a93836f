// A strict subset of YAML 1.2, read into a tree in which every value has its place. What the subset
// has not (anchors, aliases, tags, merge keys, complex keys, nulls, several documents, tabs, ...)
// is refused with a finding, never interpreted. No value is typed: `NO` is two letters. Knows
// nothing of MOUs: configuration files are read with it, too.
//
// Pure.
#ifndef SLUICE_POLICY_STRICT_YAML_H_
#define SLUICE_POLICY_STRICT_YAML_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/finding.h"

namespace sluice::policy {

struct YamlNode {
  // kRefused stands where something was refused, so that it is not reported again.
  enum class Kind { kMapping, kSequence, kScalar, kRefused };
  // What is quoted is a string and nothing else; a block (`|`, `>`) is prose.
  enum class Style { kPlain, kQuoted, kBlock };

  Kind kind = Kind::kRefused;
  Style style = Style::kPlain;
  Place place;
  std::string key;  // of a mapping's child
  Place key_place;
  std::string scalar;
  std::vector<YamlNode> children;  // of a mapping or a sequence, in order
};

struct YamlOptions {
  size_t max_bytes = 1 << 20;
  size_t max_depth = 16;
  std::string subset_id = "P021";         // of a finding: not in the subset
  std::string duplicate_key_id = "P022";  // of a finding: a key twice
};

struct YamlRead {
  // A mapping; absent if the text could not be read to its end.
  std::optional<YamlNode> root;
  std::vector<Finding> findings;
};

// Never fails otherwise than by findings, of which it reports 100 at most.
YamlRead ReadStrictYaml(absl::string_view file_name, absl::string_view bytes,
                        const YamlOptions& options = {});

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_STRICT_YAML_H_
