// How an MOU stands, as its parties are told.
//
// Pure.
#ifndef SLUICE_SERVER_MOU_STATUS_H_
#define SLUICE_SERVER_MOU_STATUS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/decide.h"
#include "server/audit/entry_encoding.h"
#include "server/mou_version.h"
#include "sluice/v1/mou_service.pb.h"

namespace sluice::server {

// The MOU without history, for a party of some of its versions. `proposed`: those of its versions
// that were not taken in. `whole`: with documents and signatures.
v1::MouStatus StatusOf(absl::string_view mou, absl::string_view party, const TakenVersions& taken,
                       const std::vector<policy::MouVersion>& proposed, bool whole);

// What an entry says of a version's step; `log_index` is left to the caller.
v1::MouEvent EventOf(const ParsedEntry& entry);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_STATUS_H_
