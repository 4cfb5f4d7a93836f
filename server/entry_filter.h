// Which of the log's entries a caller asks for, of those that he may see anyway. It looks at the
// members of a parsed entry, never at its bytes, so no value passes for another member's.
//
// Immutable.
#ifndef SLUICE_SERVER_ENTRY_FILTER_H_
#define SLUICE_SERVER_ENTRY_FILTER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/entry_encoding.h"
#include "sluice/v1/audit_service.pb.h"

namespace sluice::server {

class EntryFilter {
 public:
  // INVALID_ARGUMENT names the field that can't be what an entry holds.
  static absl::StatusOr<EntryFilter> Create(const v1::ListEntriesRequest& request);

  // Nothing is asked for: every entry matches.
  bool empty() const;
  bool Matches(const ParsedEntry& entry) const;

 private:
  absl::Status SetName(absl::string_view field, absl::string_view key, absl::string_view name);
  absl::Status SetPrincipal(absl::string_view principal);
  absl::Status SetDecision(const v1::EntryFilter& filter);
  absl::Status SetPeriod(const v1::EntryFilter& filter);

  std::string type_;
  std::string organization_;
  std::pair<std::string, std::string> system_;  // its organization, its name
  std::string spki_;
  std::vector<std::pair<std::string, std::string>> members_;  // that an entry has, as they are here
  absl::Time start_ = absl::InfinitePast();
  absl::Time end_ = absl::InfiniteFuture();
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ENTRY_FILTER_H_
