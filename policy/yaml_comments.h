// What a strict YAML text holds beside its values: comments, and the blank lines between its parts,
// each with the node that it belongs to. The parser's events have neither.
//
// Pure.
#ifndef SLUICE_POLICY_YAML_COMMENTS_H_
#define SLUICE_POLICY_YAML_COMMENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/strict_yaml.h"

namespace sluice::policy {

// A node without its place, with its comments ("# ...", without blanks at the end).
struct CommentedNode {
  YamlNode::Kind kind = YamlNode::Kind::kScalar;
  bool quoted = false;
  std::string key;  // of a mapping's child
  std::string scalar;
  std::vector<CommentedNode> children;

  // The lines above it; an empty one is a blank line.
  std::vector<std::string> above;
  // At the end of its first or last line; empty if there is none. What else stood there is in
  // `above`.
  std::string beside;
  // Of a collection: the lines behind its last child, which are indented like its children.
  std::vector<std::string> below;
};

// `root` is what ReadStrictYaml made of `bytes`, without a finding. What stands at the document's
// top, before a blank line, is above the root.
CommentedNode ReadComments(absl::string_view bytes, const YamlNode& root);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_YAML_COMMENTS_H_
