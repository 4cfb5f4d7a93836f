// Binds the tree of a mapping's YAML: keys, types, forms and limits. Whether names mean something
// is asked by `CheckMapping`. Pure.
#ifndef SLUICE_CLIENT_IMPORT_MAPPING_BINDING_H_
#define SLUICE_CLIENT_IMPORT_MAPPING_BINDING_H_

#include "client/import/mapping.h"
#include "policy/strict_yaml.h"
#include "policy/yaml_binder.h"

namespace sluice::client {

// As much as could be read; what is wrong is among the binder's findings.
Mapping BindMapping(policy::YamlBinder& binder, const policy::YamlNode& root);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_MAPPING_BINDING_H_
