// Whom an entry names: organizations, systems, and the keys of certificates. Names of persons are
// commitments, so nobody is found by one.
//
// Pure.
#ifndef SLUICE_SERVER_AUDIT_ENTRY_NAMES_H_
#define SLUICE_SERVER_AUDIT_ENTRY_NAMES_H_

#include "absl/strings/string_view.h"
#include "server/audit/entry_encoding.h"

namespace sluice::server {

// As the caller's, as owner, as a party, or as what an administrative act was about. Nothing names
// the empty organization.
bool NamesOrganization(const ParsedEntry& entry, absl::string_view organization);

// As the caller.
bool NamesSystem(const ParsedEntry& entry, absl::string_view organization, absl::string_view name);

// As the caller's or a signer's. `spki`: 64 hexadecimal digits.
bool NamesKey(const ParsedEntry& entry, absl::string_view spki);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_ENTRY_NAMES_H_
