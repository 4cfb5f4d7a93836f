// The JSON Schema of an MOU document: what an editor completes and checks by while one types. It
// knows the document's form, the catalog's record types, fields and codes, and which rule fits
// which field; what a document means is `check`'s to say. It refuses nothing that `check` takes.
//
// Pure.
#ifndef SLUICE_POLICY_MOU_SCHEMA_H_
#define SLUICE_POLICY_MOU_SCHEMA_H_

#include <string>

#include "policy/catalog.h"

namespace sluice::policy {

// JSON Schema, draft 7 (https://json-schema.org/draft-07/json-schema-release-notes): the one that
// editors' YAML modes read. Ends with a line feed.
std::string MouSchema(const Catalog& catalog);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_SCHEMA_H_
