#include "server/exchange.h"

#include <optional>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "server/error.h"
#include "server/outcome.h"
#include "server/read_ahead.h"

namespace sluice::server {
namespace {

// Of rows whose disclosure is not in the log.
absl::Status NotLogged(const absl::Status& status) {
  return absl::IsAborted(status) ? RecordsRetracted() : AuditUnavailable();
}

}  // namespace

absl::Status Exchange::Read(const Caller& caller, RequestId& request_id,
                            const v1::ReadRecordsRequest& request, Answer& answer) {
  const Asked asked{request.mou(), request.purpose(), request.record_type(), v1::OPERATION_READ,
                    request.filter()};

  // Decide, and have the decision in the log before anything is looked at.
  absl::StatusOr<Admitted> admitted = admission_->Admit(caller, request_id, asked);
  if (!admitted.ok()) return admitted.status();
  Outcome outcome(log_, *admitted);

  // From here on a request that is wrong is told so: the caller may know.
  absl::StatusOr<std::unique_ptr<Release>> release =
      Release::Create(parts_, caller, *admitted, request);
  if (!release.ok()) return outcome.Close(release.status());
  outcome.Owner((*release)->owner());
  if (const absl::Status begun = answer.Begin((*release)->Header()); !begun.ok()) {
    return outcome.Close(begun);
  }

  // Asked by who reads and by who sends; the first no is for good, and in the log once.
  absl::Mutex asking;
  absl::Status permitted;
  const auto still_permitted = [&]() -> absl::Status {
    absl::MutexLock lock(&asking);
    if (permitted.ok() && answer.cancelled()) permitted = Cancelled();
    if (!permitted.ok()) return permitted;
    permitted = admission_->StillPermitted(caller, request_id, asked, *admitted);
    return permitted;
  };
  // Read from the store, project, order: what comes out may leave once it is in the log.
  ReadAhead chunks(spare_cores_, [&]() -> ReadAhead::Made {
    absl::StatusOr<std::optional<Releasable>> chunk = (*release)->Next(still_permitted);
    return {std::move(chunk), (*release)->considered(), (*release)->withheld()};
  });
  while (true) {
    auto [chunk, considered, withheld] = chunks.Next();
    outcome.Considered(considered, withheld);
    if (!chunk.ok()) return outcome.Close(chunk.status());
    if (!chunk->has_value()) break;
    // It may have been made a while ago.
    if (const absl::Status still = still_permitted(); !still.ok()) return outcome.Close(still);

    // Whose rows these are is durable before the first of them leaves.
    absl::StatusOr<AuditReceipt> receipt =
        log_->AppendDisclosure(**chunk, (*release)->Disclosure(**chunk));
    if (!receipt.ok()) return outcome.Close(NotLogged(receipt.status()));

    // Send, asking before each batch whether it may still leave.
    const ReleasedRows& rows = (*chunk)->rows();
    const auto token = [&release, &rows](absl::string_view row_id) {
      return (*release)->PageToken(rows, row_id);
    };
    const auto may_leave = [&]() -> absl::Status {
      if (const absl::Status still = still_permitted(); !still.ok()) return still;
      const bool is_past = parts_.store->RetractionsSeen((*release)->owner()) > rows.retractions;
      return is_past ? RecordsRetracted() : absl::OkStatus();
    };
    const absl::Status sent =
        answer.Send(std::move(**chunk), *std::move(receipt), may_leave, token);
    outcome.Released(answer.rows(), answer.bytes());
    if (!sent.ok()) return outcome.Close(sent);
  }
  return outcome.Close(answer.End());
}

absl::StatusOr<v1::GetRecordResponse> Exchange::Get(const Caller& caller, RequestId& request_id,
                                                    const v1::GetRecordRequest& request) {
  const Asked asked{request.mou(), request.purpose(), request.record_type(), v1::OPERATION_READ,
                    /*filter=*/""};
  absl::StatusOr<Admitted> admitted = admission_->Admit(caller, request_id, asked);
  if (!admitted.ok()) return admitted.status();
  Outcome outcome(log_, *admitted);

  absl::StatusOr<std::unique_ptr<Release>> release =
      Release::CreateOne(parts_, caller, *admitted, request);
  if (!release.ok()) return outcome.Close(release.status());
  outcome.Owner((*release)->owner());
  absl::StatusOr<std::optional<Releasable>> chunk =
      (*release)->Next([] { return absl::OkStatus(); });
  outcome.Considered((*release)->considered(), (*release)->withheld());
  if (!chunk.ok()) return outcome.Close(chunk.status());
  // Whether it is not there or does not leave: the caller is told no more than that.
  if (!chunk->has_value()) return outcome.Close(NotFound("row"));

  absl::StatusOr<AuditReceipt> receipt =
      log_->AppendDisclosure(**chunk, (*release)->Disclosure(**chunk));
  if (!receipt.ok()) return outcome.Close(NotLogged(receipt.status()));
  // Log and store may have kept it waiting.
  if (const absl::Status still = admission_->StillPermitted(caller, request_id, asked, *admitted);
      !still.ok()) {
    return outcome.Close(still);
  }

  v1::GetRecordResponse response;
  *response.mutable_header() = (*release)->Header();
  response.set_log_index(static_cast<int64_t>(receipt->index()));
  absl::StatusOr<v1::Row> row = Answer::SendOne(std::move(**chunk), *std::move(receipt));
  if (!row.ok()) return outcome.Close(row.status());
  outcome.Released(1, static_cast<int64_t>(row->record().size()));
  *response.mutable_row() = *std::move(row);
  if (const absl::Status closed = outcome.Close(absl::OkStatus()); !closed.ok()) return closed;
  return response;
}

}  // namespace sluice::server
