#include "server/entry_filter.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/audit/entry_names.h"
#include "server/audit/entry_words.h"
#include "server/error.h"

namespace sluice::server {
namespace {

// The range that a Timestamp has: the years 1 to 9999.
constexpr int64_t kFirstSecond = -62135596800;
constexpr int64_t kLastSecond = 253402300799;

absl::StatusOr<absl::Time> TimeOf(absl::string_view field,
                                  const google::protobuf::Timestamp& timestamp) {
  if (timestamp.seconds() < kFirstSecond || timestamp.seconds() > kLastSecond ||
      timestamp.nanos() < 0 || timestamp.nanos() > 999'999'999) {
    return Invalid(field, "is no time of the years 1 to 9999");
  }
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

}  // namespace

absl::Status EntryFilter::SetName(absl::string_view field, absl::string_view key,
                                  absl::string_view name) {
  if (name.empty()) return absl::OkStatus();
  if (!IsClosedName(name)) return Invalid(field, "is no name that an entry can hold");
  members_.emplace_back(key, name);
  return absl::OkStatus();
}

absl::Status EntryFilter::SetPrincipal(absl::string_view principal) {
  if (principal.empty()) return absl::OkStatus();
  if (principal.front() != '/') {
    spki_ = absl::AsciiStrToLower(absl::StripPrefix(principal, "sha256:"));
    if (IsLowerHex(spki_, 64)) return absl::OkStatus();
    return Invalid("filter.principal",
                   "must be \"/org/{organization}/system/{name}\", or the 64 hexadecimal digits of "
                   "the SHA-256 of a certificate's key");
  }
  const std::vector<std::string> parts = absl::StrSplit(principal, '/');
  const bool is_system = parts.size() == 5 && parts[1] == "org" && parts[3] == "system";
  if (!is_system || !IsClosedName(parts[2]) || !IsClosedName(parts[4])) {
    return Invalid("filter.principal",
                   "is no system's path; a person is found by the SHA-256 of the certificate's key "
                   "alone");
  }
  system_ = {parts[2], parts[4]};
  return absl::OkStatus();
}

absl::Status EntryFilter::SetDecision(const v1::EntryFilter& filter) {
  switch (filter.result()) {
    case v1::ENTRY_RESULT_UNSPECIFIED:
      break;
    case v1::ENTRY_RESULT_PERMIT:
      members_.emplace_back("result", "PERMIT");
      break;
    case v1::ENTRY_RESULT_DENIAL:
      members_.emplace_back("result", "DENIAL");
      break;
    default:  // of a newer client, or none
      return Invalid("filter.result", "is none that this gateway knows");
  }
  if (filter.code() == v1::DENIAL_CODE_UNSPECIFIED) return absl::OkStatus();
  if (!v1::DenialCode_IsValid(filter.code())) {
    return Invalid("filter.code", "is none that this gateway knows");
  }
  members_.emplace_back("code",
                        absl::StripPrefix(v1::DenialCode_Name(filter.code()), "DENIAL_CODE_"));
  return absl::OkStatus();
}

absl::Status EntryFilter::SetPeriod(const v1::EntryFilter& filter) {
  if (filter.has_start_time()) {
    const absl::StatusOr<absl::Time> start = TimeOf("filter.start_time", filter.start_time());
    if (!start.ok()) return start.status();
    start_ = *start;
  }
  if (filter.has_end_time()) {
    const absl::StatusOr<absl::Time> end = TimeOf("filter.end_time", filter.end_time());
    if (!end.ok()) return end.status();
    end_ = *end;
  }
  if (end_ <= start_) return Invalid("filter.end_time", "must be after start_time");
  return absl::OkStatus();
}

absl::StatusOr<EntryFilter> EntryFilter::Create(const v1::ListEntriesRequest& request) {
  const v1::EntryFilter& wanted = request.filter();
  EntryFilter filter;
  if (!request.type().empty() && !IsClosedName(request.type())) {
    return Invalid("type", "is no type that an entry can have");
  }
  filter.type_ = request.type();
  if (!wanted.organization().empty() && !IsClosedName(wanted.organization())) {
    return Invalid("filter.organization", "is no name that an entry can hold");
  }
  filter.organization_ = wanted.organization();
  for (const absl::Status& set : {
           filter.SetPrincipal(wanted.principal()),
           filter.SetName("filter.mou", "mou", wanted.mou()),
           filter.SetName("filter.purpose", "purpose", wanted.purpose()),
           filter.SetDecision(wanted),
           filter.SetName("filter.record_type", "record", wanted.record_type()),
           filter.SetName("filter.operation", "operation", wanted.operation()),
           filter.SetPeriod(wanted),
       }) {
    if (!set.ok()) return set;
  }
  return filter;
}

bool EntryFilter::empty() const {
  return type_.empty() && organization_.empty() && system_.first.empty() && spki_.empty() &&
         members_.empty() && start_ == absl::InfinitePast() && end_ == absl::InfiniteFuture();
}

bool EntryFilter::Matches(const ParsedEntry& entry) const {
  if (!type_.empty() && entry.type != type_) return false;
  const absl::Time time = absl::FromUnixMillis(entry.time_ms);
  if (time < start_ || time >= end_) return false;
  if (!organization_.empty() && !NamesOrganization(entry, organization_)) return false;
  if (!system_.first.empty() && !NamesSystem(entry, system_.first, system_.second)) return false;
  if (!spki_.empty() && !NamesKey(entry, spki_)) return false;
  return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
    return entry.json.FindString(member.first) == member.second;
  });
}

}  // namespace sluice::server
