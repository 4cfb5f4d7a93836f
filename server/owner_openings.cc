#include "server/owner_openings.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/error.h"
#include "server/page_size.h"

namespace sluice::server {

absl::StatusOr<v1::ListOpeningsResponse> OwnerOpenings::List(
    const Caller& caller, RequestId& request_id, const v1::ListOpeningsRequest& request) {
  const absl::StatusOr<OwnerAdmitted> owner = parts_.admission->AdmitOwner(
      caller, request_id, "ListOpenings", request.parent(), std::nullopt);
  if (!owner.ok()) return owner.status();
  if (request.start_index() < 0) return Invalid("start_index", "must be 0 or more");
  const absl::StatusOr<Page> page = PageOf(request.page_size(), request.page_token());
  if (!page.ok()) return page.status();
  const uint64_t size = parts_.log->size();
  if (page->begin > size) return Invalid("page_token", "is none that a list gave");
  const uint64_t begin =
      std::max<uint64_t>(page->begin, static_cast<uint64_t>(request.start_index()));
  const uint64_t end = std::min(size, begin + kLookedAt);
  v1::ListOpeningsResponse response;
  response.set_log_size(static_cast<int64_t>(size));
  if (begin >= end) return response;

  ReadEntry read;
  read.request = request_id;
  read.caller = {caller.principal(), caller.spki()};
  read.operation = "ListOpenings";
  read.begin = begin;
  read.end = end;
  if (!parts_.log->Append(std::move(read)).ok()) return AuditUnavailable();

  uint64_t next = end;
  size_t bytes = 0, looked_at = 0;
  uint64_t last = begin;
  int64_t destroyed = 0;
  // A page ends before an entry: what opens one entry stands on one page.
  const auto visit = [&](uint64_t index, const LogRow::Opening& opening) {
    if (index != last && looked_at >= kLookedAtBytes) {
      next = index;
      return false;
    }
    last = index;
    looked_at += opening.value.size();
    const bool is_full =
        bytes >= kPageBytes || static_cast<uint64_t>(response.openings_size()) >= page->size;
    if (is_full && response.openings().rbegin()->index() != static_cast<int64_t>(index)) {
      next = index;
      return false;
    }
    if (opening.salt.empty()) {
      ++destroyed;
      return true;
    }
    bytes += opening.value.size();
    v1::Opening& out = *response.add_openings();
    out.set_index(static_cast<int64_t>(index));
    out.set_field(opening.field);
    out.set_salt(opening.salt);
    out.set_value(opening.value);
    return true;
  };
  const absl::Status status = parts_.store->ReadOwnOpenings(owner->permit, owner->receipt,
                                                            request.field(), begin, end, visit);
  if (!status.ok()) return status;
  response.set_destroyed_count(destroyed);
  if (next < size) response.set_next_page_token(absl::StrCat(next));
  return response;
}

}  // namespace sluice::server
