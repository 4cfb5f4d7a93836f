// A first mapping for a file, drafted from its header: by the names that Sluice's own mappings
// know, by the names of the fields, by Ed-Fi's names of any version, and by what is spelt nearly
// so. To be read and mended by a person: each guess is marked.
//
// Pure.
#ifndef SLUICE_CLIENT_IMPORT_MAPPING_DRAFT_H_
#define SLUICE_CLIENT_IMPORT_MAPPING_DRAFT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/import/mapping_library.h"
#include "policy/catalog.h"
#include "policy/import_alias.h"

namespace sluice::client {

// The type whose fields most columns look like; null if none does.
const policy::RecordType* NearestType(const policy::Catalog& catalog, const MappingLibrary& library,
                                      const policy::ImportAliases& aliases,
                                      const std::vector<std::string>& columns);

// YAML text. It is well formed, and passes `ReadMapping` if the key was found in the header.
std::string DraftMapping(const policy::RecordType& type, const MappingLibrary& library,
                         const policy::ImportAliases& aliases, absl::string_view file_name,
                         const std::vector<std::string>& columns);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_MAPPING_DRAFT_H_
