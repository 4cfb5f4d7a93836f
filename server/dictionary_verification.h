// Folds an owner's dictionary again from what the store has of it (whom names name and named, and
// the openings of the log's commitments), and compares it with its head and with what the log says.
//
// A function.
#ifndef SLUICE_SERVER_DICTIONARY_VERIFICATION_H_
#define SLUICE_SERVER_DICTIONARY_VERIFICATION_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "server/key_encryption_keys.h"
#include "server/log_verification.h"
#include "server/store/sql.h"
#include "server/store/store_findings.h"

namespace sluice::server {

// Not OK: the store could not be read.
absl::Status VerifyDictionaries(
    SqlConnection* connection, const KeyEncryptionKeys* keks,
    const std::map<std::string, LogVerification::Dictionary>& said_by_log, StoreFindings* findings);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_DICTIONARY_VERIFICATION_H_
