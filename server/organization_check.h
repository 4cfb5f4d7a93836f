// What an operator gives of an organization, checked whole and brought to one form: the PEM of each
// certificate once, of each CA the one revocation list that counts, and nothing between them. So a
// bundle has one digest, whatever was written around its blocks.
//
// Pure.
#ifndef SLUICE_SERVER_ORGANIZATION_CHECK_H_
#define SLUICE_SERVER_ORGANIZATION_CHECK_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace sluice::server {

// `before`: what is in force of it; null: nothing. INVALID_ARGUMENT that may leave, with the field
// and every problem of it. What others' CAs have to say, Trust says.
absl::StatusOr<StoredOrganization> CheckOrganization(StoredOrganization organization,
                                                     const StoredOrganization* before,
                                                     absl::Duration crl_grace, absl::Time now);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ORGANIZATION_CHECK_H_
