// What a text in an entry may be: closed words, so that nothing personal stands in the log and no
// text of an entry needs an escape.
//
// Pure.
#ifndef SLUICE_SERVER_AUDIT_ENTRY_WORDS_H_
#define SLUICE_SERVER_AUDIT_ENTRY_WORDS_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "policy/field_rule.h"

namespace sluice::server {

// The shape of every name that an entry holds.
bool IsClosedName(absl::string_view name);

bool IsLowerHex(absl::string_view text, size_t size);

// 64 hexadecimal digits, with or without "sha256:".
bool IsDigest(absl::string_view text);

bool IsBase64(absl::string_view text);

// A field's path, or a code set's name: from the catalog, never from a request.
bool IsCatalogName(absl::string_view text);

// A field rule in closed words.
std::string RuleText(const policy::FieldRule& rule);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_ENTRY_WORDS_H_
