// Binds the tree of an MOU's YAML to its message: keys, types, forms and limits. Whether names mean
// something is asked by `check`. Pure.
#ifndef SLUICE_POLICY_MOU_BINDING_H_
#define SLUICE_POLICY_MOU_BINDING_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "policy/strict_yaml.h"
#include "policy/yaml_binder.h"
#include "sluice/v1/field_rule.pb.h"
#include "sluice/v1/mou.pb.h"

namespace sluice::policy {

struct BoundMou {
  v1::Mou mou;
  // The paths of those values of constraints that were quoted.
  absl::flat_hash_set<std::string> quoted;
};

// As much as could be read; what is wrong is among the binder's findings.
BoundMou BindMou(YamlBinder& binder, const YamlNode& root);

// `pass`, `pseudonymize`, `generalize: {...}`; `shift` and `token` are refused with P029. A message
// without a rule if it could not be read.
v1::FieldRule BindFieldRule(YamlBinder& binder, const YamlNode& node, absl::string_view path);

// What YAML calls the values of an enum of ours: without the prefix, without UNSPECIFIED.
std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor& type,
                                   absl::string_view prefix);

// The number of an enum's value, 0 (UNSPECIFIED) if it could not be read.
int BindEnum(YamlBinder& binder, const YamlNode& node, absl::string_view path,
             const google::protobuf::EnumDescriptor& type, absl::string_view prefix);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_BINDING_H_
