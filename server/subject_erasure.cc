#include "server/subject_erasure.h"

#include <algorithm>
#include <optional>

#include "absl/cleanup/cleanup.h"
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
  if (busy_.exchange(true)) return Exhausted("erasures_at_once", absl::Seconds(1));
  const absl::Cleanup free = [this] { busy_ = false; };
  const SubjectQuestion question(*parts_.catalog, asked);
  const uint64_t size = parts_.log->size();
  const absl::StatusOr<std::vector<uint64_t>> openings = AskedBy(*owner, question, 0, size);
  if (!openings.ok()) return openings.status();

  ErasureEntry entry;
  entry.request = request_id;
  entry.caller = {caller.principal(), caller.spki()};
  entry.owner = owner->permit.owner();
  entry.reason = ReasonName(request.reason());
  v1::EraseSubjectResponse response;
  response.set_index(-1);
  const auto erase = [&](Transaction& transaction) -> absl::Status {
    const absl::StatusOr<std::vector<uint32_t>> ordinals =
        transaction.EraseSubject(entry.owner, *names);
    // Whom no record names any more may still have been asked for.
    const bool asked_only = absl::IsNotFound(ordinals.status()) && !openings->empty();
    if (!ordinals.ok() && !asked_only) return ordinals.status();
    if (ordinals.ok()) entry.subjects = *ordinals;
    response.set_ordinal_count(static_cast<int32_t>(entry.subjects.size()));
    response.set_opening_count(static_cast<int32_t>(openings->size()));
    // What was done to be counted is undone.
    if (request.validate_only()) return absl::CancelledError("validated");
    return EraseIn(transaction, *openings, entry, response);
  };
  const absl::Status erased = parts_.store->Commit({.apply = erase});
  if (request.validate_only() && absl::IsCancelled(erased)) return response;
  if (!erased.ok()) return ErasureError(erased);

  // What was asked meanwhile.
  const absl::StatusOr<std::vector<uint64_t>> more =
      AskedBy(*owner, question, size, parts_.log->size());
  if (!more.ok()) return more.status();
  if (more->empty()) return response;
  entry.subjects.clear();
  const absl::Status also = parts_.store->Commit({.apply = [&](Transaction& transaction) {
    return EraseIn(transaction, *more, entry, response);
  }});
  if (!also.ok()) return ErasureError(also);
  response.set_opening_count(static_cast<int32_t>(openings->size() + more->size()));
  return response;
}

absl::Status SubjectErasure::EraseIn(Transaction& transaction,
                                     const std::vector<uint64_t>& openings, ErasureEntry entry,
                                     v1::EraseSubjectResponse& response) const {
  const auto append = [&]() -> absl::Status {
    const absl::StatusOr<uint64_t> index = parts_.log->AppendIn(transaction, entry);
    if (!index.ok()) return index.status();
    response.set_index(static_cast<int64_t>(*index));
    entry.openings.clear();
    return absl::OkStatus();
  };
  // Whose subject it is stands in the last entry.
  std::vector<uint32_t> subjects;
  subjects.swap(entry.subjects);
  for (const uint64_t index : openings) {
    if (entry.openings.size() == kOpeningsAnEntry) {
      if (absl::Status status = append(); !status.ok()) return status;
    }
    const absl::Status status =
        transaction.EraseOpenings(entry.owner, kFilter, index, index + 1).status();
    if (!status.ok()) return status;
    entry.openings.push_back({kFilter, index, index + 1});
  }
  entry.subjects.swap(subjects);
  return append();
}

absl::StatusOr<std::vector<uint64_t>> SubjectErasure::AskedBy(const OwnerAdmitted& owner,
                                                              const SubjectQuestion& question,
                                                              uint64_t begin, uint64_t end) const {
  std::vector<uint64_t> entries;
  const auto visit = [&](uint64_t index, const LogRow::Opening& opening) {
    if (question.IsAskedBy(opening.value)) entries.push_back(index);
    return true;
  };
  const absl::Status status =
      parts_.store->ReadOwnOpenings(owner.permit, owner.receipt, kFilter, begin, end, visit);
  if (!status.ok()) return status;
  return entries;
}

}  // namespace sluice::server
