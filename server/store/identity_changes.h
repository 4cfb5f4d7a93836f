// What a change does to whom ids are of: the rows of identity records that go, and those that come.
//
// A value.
#ifndef SLUICE_SERVER_STORE_IDENTITY_CHANGES_H_
#define SLUICE_SERVER_STORE_IDENTITY_CHANGES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/name_hash.h"

namespace sluice::server {

struct IdentityRow {
  Hash16 name{};    // NameHasher::SubjectName
  Hash16 person{};  // NameHasher::Person
};

// As `record.identity` keeps it.
std::string IdentityBytes(const IdentityRow& row);

struct IdentityChanges {
  std::vector<IdentityRow> gone;
  std::vector<IdentityRow> come;

  bool empty() const { return gone.empty() && come.empty(); }
  // Adds what the bytes of a record's identity say, if anything. DATA_LOSS if they are not whole.
  static absl::Status Add(absl::string_view identity, std::vector<IdentityRow>& rows);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_IDENTITY_CHANGES_H_
