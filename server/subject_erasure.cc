#include "server/subject_erasure.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/error.h"
#include "server/subject_names.h"

namespace sluice::server {
namespace {

constexpr char kFilter[] = "filter";

std::string ReasonName(v1::ErasureReason reason) {
  absl::string_view name = v1::ErasureReason_Name(reason);
  absl::ConsumePrefix(&name, "ERASURE_REASON_");
  return std::string(name);
}

// Of a transaction that did not take place.
absl::Status ErasureError(const absl::Status& status) {
  if (absl::IsNotFound(status)) return NotFound("subject");
  if (absl::IsFailedPrecondition(status)) return SubjectHasRecords();
  if (absl::IsUnavailable(status)) return AuditUnavailable();
  return status;
}

}  // namespace

bool Mentions(absl::string_view text, absl::string_view id) {
  const std::string in = absl::AsciiStrToLower(text), sought = absl::AsciiStrToLower(id);
  const auto is_word = [&in](size_t at) {
    return at < in.size() && absl::ascii_isalnum(static_cast<unsigned char>(in[at]));
  };
  for (size_t at = in.find(sought); at != in.npos; at = in.find(sought, at + 1)) {
    if ((at == 0 || !is_word(at - 1)) && !is_word(at + sought.size())) return true;
  }
  return false;
}

absl::StatusOr<v1::EraseSubjectResponse> SubjectErasure::Erase(
    const Caller& caller, RequestId& request_id, const v1::EraseSubjectRequest& request) {
  // Whom it is about is not written down once more.
  const absl::StatusOr<OwnerAdmitted> owner = parts_.admission->AdmitOwner(
      caller, request_id, "EraseSubject", request.parent(), std::nullopt);
  if (!owner.ok()) return owner.status();
  if (request.reason() == v1::ERASURE_REASON_UNSPECIFIED ||
      !v1::ErasureReason_IsValid(request.reason())) {
    return Invalid("reason", "must be given");
  }
  const AskedSubject asked{request.id_space(), request.id(), request.source_system()};
  const absl::StatusOr<std::vector<policy::SubjectName>> names = NamesOf(*parts_.catalog, asked);
  if (!names.ok()) return names.status();
  const absl::StatusOr<std::vector<uint64_t>> openings =
      AskedBy(*owner, FormsOf(*parts_.catalog, asked));
  if (!openings.ok()) return openings.status();

  ErasureEntry entry;
  entry.request = request_id;
  entry.caller = {caller.principal(), caller.spki()};
  entry.owner = owner->permit.owner();
  entry.reason = ReasonName(request.reason());
  v1::EraseSubjectResponse response;
  response.set_index(-1);
  response.set_opening_count(static_cast<int32_t>(openings->size()));
  const auto append = [&](Transaction& transaction) -> absl::Status {
    const absl::StatusOr<uint64_t> index = parts_.log->AppendIn(transaction, entry);
    if (!index.ok()) return index.status();
    response.set_index(static_cast<int64_t>(*index));
    entry.openings.clear();
    return absl::OkStatus();
  };
  const auto erase = [&](Transaction& transaction) -> absl::Status {
    const absl::StatusOr<std::vector<uint32_t>> ordinals =
        transaction.EraseSubject(entry.owner, *names);
    if (!ordinals.ok()) return ordinals.status();
    response.set_ordinal_count(static_cast<int32_t>(ordinals->size()));
    // What was done to be counted is undone.
    if (request.validate_only()) return absl::CancelledError("validated");
    for (const uint64_t index : *openings) {
      if (entry.openings.size() == kOpeningsAnEntry) {
        if (absl::Status status = append(transaction); !status.ok()) return status;
      }
      const absl::Status status =
          transaction.EraseOpenings(entry.owner, kFilter, index, index + 1).status();
      if (!status.ok()) return status;
      entry.openings.push_back({kFilter, index, index + 1});
    }
    entry.subjects = *ordinals;
    return append(transaction);
  };
  const absl::Status erased = parts_.store->Commit({.apply = erase});
  if (request.validate_only() && absl::IsCancelled(erased)) return response;
  if (!erased.ok()) return ErasureError(erased);
  return response;
}

absl::StatusOr<std::vector<uint64_t>> SubjectErasure::AskedBy(
    const OwnerAdmitted& owner, const std::set<std::string>& ids) const {
  std::vector<uint64_t> entries;
  const auto visit = [&](uint64_t index, const LogRow::Opening& opening) {
    const bool named = std::any_of(
        ids.begin(), ids.end(), [&](const std::string& id) { return Mentions(opening.value, id); });
    if (named) entries.push_back(index);
    return true;
  };
  const absl::Status status = parts_.store->ReadOwnOpenings(owner.permit, owner.receipt, kFilter, 0,
                                                            parts_.log->size(), visit);
  if (!status.ok()) return status;
  return entries;
}

}  // namespace sluice::server
