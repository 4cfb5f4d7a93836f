#include "server/store/identity_changes.h"

#include <algorithm>

namespace sluice::server {

std::string IdentityBytes(const IdentityRow& row) {
  std::string bytes(row.name.begin(), row.name.end());
  bytes.append(row.person.begin(), row.person.end());
  return bytes;
}

absl::Status IdentityChanges::Add(absl::string_view identity, std::vector<IdentityRow>& rows) {
  if (identity.empty()) return absl::OkStatus();
  IdentityRow row;
  if (identity.size() != row.name.size() + row.person.size()) {
    return absl::DataLossError("a record's stored identity has another length");
  }
  std::copy_n(identity.begin(), row.name.size(), row.name.begin());
  std::copy_n(identity.begin() + row.name.size(), row.person.size(), row.person.begin());
  rows.push_back(row);
  return absl::OkStatus();
}

}  // namespace sluice::server
