#include "server/owner_view.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/explain_row.h"
#include "policy/mou_state.h"
#include "policy/nearest_grants.h"
#include "server/error.h"
#include "server/owner_records.h"

namespace sluice::server {
namespace {

using Outcome = policy::Projector::Outcome;

constexpr absl::string_view kOrganizations = "organizations/";

// No organization where the name has another form: it is told so once it may know.
template <typename Request>
Viewed ViewedOf(const Request& request) {
  Viewed viewed;
  if (absl::StartsWith(request.recipient(), kOrganizations)) {
    viewed.recipient = std::string(absl::StripPrefix(request.recipient(), kOrganizations));
  }
  viewed.mou = request.mou();
  viewed.purpose = request.purpose();
  viewed.record_type = request.record_type();
  return viewed;
}

absl::Status CheckRecipient(const Viewed& viewed) {
  return viewed.recipient.empty() ? Invalid("recipient", "must be organizations/{organization}")
                                  : absl::OkStatus();
}

void AddRow(const StoredRecord& record, Projection& projection,
            v1::PreviewGrantResponse& response) {
  std::string bytes;
  response.set_considered_count(response.considered_count() + 1);
  projection.Begin(absl::MakeConstSpan(&record, 1));
  switch (projection.Project(0, &bytes)) {
    case Outcome::kOutOfScope:
      return;
    case Outcome::kWithheld:
      response.set_withheld_count(response.withheld_count() + 1);
      return;
    case Outcome::kReleased:
      break;
  }
  v1::Row& row = *response.add_rows();
  char id[Projection::kRowIdLength];
  projection.WriteRowId(0, id);
  row.set_row_id(id, sizeof id);
  row.set_record(std::move(bytes));
}

}  // namespace

absl::StatusOr<v1::PreviewGrantResponse> OwnerView::Preview(
    const Caller& caller, RequestId& request_id, const v1::PreviewGrantRequest& request) {
  const Viewed viewed = ViewedOf(request);
  const absl::StatusOr<ViewAdmitted> admitted =
      parts_.admission->AdmitView(caller, request_id, "PreviewGrant", request.parent(), viewed);
  if (!admitted.ok()) return admitted.status();
  if (const absl::Status s = CheckRecipient(viewed); !s.ok()) return s;
  if (request.row_limit() < 0) return Invalid("row_limit", "must be 0 or more");

  v1::PreviewGrantResponse response;
  *response.mutable_decision() = admitted->view;
  response.set_log_index(static_cast<int64_t>(admitted->owner.receipt.index()));
  const auto* permit = std::get_if<policy::Permit>(&admitted->decision);
  if (permit == nullptr) return response;
  const std::string& owner = admitted->owner.permit.owner();
  absl::StatusOr<std::unique_ptr<Projection>> projection =
      Projection::Create({parts_.store, parts_.keys}, *permit, owner, {});
  if (!projection.ok()) return projection.status();
  const absl::StatusOr<LastPublish> as_of =
      parts_.store->LastPublishOf(owner, permit->plan().type->name());
  if (!as_of.ok()) return as_of.status();
  *response.mutable_header() = (*projection)->Header(request_id, *as_of);
  const absl::Status read = AddRows(admitted->owner, request, **projection, response);
  if (!read.ok()) return read;
  return response;
}

absl::Status OwnerView::AddRows(const OwnerAdmitted& owner, const v1::PreviewGrantRequest& request,
                                Projection& projection, v1::PreviewGrantResponse& response) {
  if (!request.key().empty()) {
    const absl::StatusOr<std::string> key = CanonicalKey(*owner.permit.type(), request.key());
    if (!key.ok()) return key.status();
    const absl::Status read =
        parts_.store->ReadOwnOne(owner.permit, owner.receipt, *key,
                                 [&](const StoredRecord& r) { AddRow(r, projection, response); });
    return absl::IsNotFound(read) ? NotFound("record") : read;
  }
  const int limit =
      request.row_limit() == 0 ? kDefaultRows : std::min(request.row_limit(), kMaxRows);
  size_t considered = 0, shown = 0;  // bytes
  return parts_.store->ReadOwn(
      owner.permit, owner.receipt, std::nullopt, [&](const StoredRecord& record) {
        if (response.rows_size() == limit || response.considered_count() == kMaxConsidered ||
            considered >= kMaxConsideredBytes || shown >= kMaxRowBytes) {
          response.set_more(true);
          return false;
        }
        const int rows = response.rows_size();
        AddRow(record, projection, response);
        considered += record.bytes.size();
        if (response.rows_size() > rows) shown += response.rows(rows).record().size();
        return true;
      });
}

absl::StatusOr<v1::ExplainRowResponse> OwnerView::Explain(const Caller& caller,
                                                          RequestId& request_id,
                                                          const v1::ExplainRowRequest& request) {
  const Viewed viewed = ViewedOf(request);
  const absl::StatusOr<ViewAdmitted> admitted =
      parts_.admission->AdmitView(caller, request_id, "ExplainRow", request.parent(), viewed);
  if (!admitted.ok()) return admitted.status();
  if (const absl::Status s = CheckRecipient(viewed); !s.ok()) return s;

  v1::ExplainRowResponse response;
  *response.mutable_decision() = admitted->view;
  response.set_log_index(static_cast<int64_t>(admitted->owner.receipt.index()));
  const std::vector<policy::MouVersion>& versions = admitted->mous->Versions(admitted->view.mou());
  for (const policy::MouVersion& version : versions) {
    if (version.mou->version() != admitted->view.version()) continue;
    const absl::CivilDay day = policy::StateOf(versions, admitted->request.time).day;
    for (v1::NearestGrant& grant : policy::GrantsNotInForce(version, admitted->request, day,
                                                            admitted->owner.permit.owner())) {
      *response.add_not_in_force() = std::move(grant);
    }
  }
  if (!std::holds_alternative<policy::Permit>(admitted->decision)) return response;
  absl::StatusOr<v1::RowExplanation> row = ExplainKey(*admitted, request);
  if (!row.ok()) return row.status();
  *response.mutable_row() = *std::move(row);
  return response;
}

absl::StatusOr<v1::RowExplanation> OwnerView::ExplainKey(const ViewAdmitted& admitted,
                                                         const v1::ExplainRowRequest& request) {
  const policy::Permit& permit = std::get<policy::Permit>(admitted.decision);
  const OwnerPermit& owner = admitted.owner.permit;
  const absl::StatusOr<std::string> key = CanonicalKey(*owner.type(), request.key());
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<Projection>> projection =
      Projection::Create({parts_.store, parts_.keys}, permit, owner.owner(), {});
  if (!projection.ok()) return projection.status();
  v1::RowExplanation row;
  Outcome outcome = Outcome::kWithheld;
  const absl::Status read = parts_.store->ReadOwnOne(
      owner, admitted.owner.receipt, *key, [&](const StoredRecord& record) {
        row = policy::ExplainRow(permit.plan(), owner.owner(), record.bytes, request.show_values());
        if ((*projection)->HasOptedOut(record)) {
          row.set_verdict(v1::ROW_VERDICT_OPTED_OUT);
          row.set_explanation("somebody whom the record is about has opted out");
        }
        std::string released;
        (*projection)->Begin(absl::MakeConstSpan(&record, 1));
        outcome = (*projection)->Project(0, &released);
      });
  if (absl::IsNotFound(read)) return NotFound("record");
  if (!read.ok()) return read;
  // What is said is what a release does, or nothing is.
  if ((row.verdict() == v1::ROW_VERDICT_RELEASED) != (outcome == Outcome::kReleased)) {
    return absl::InternalError("the explanation of a row is not what its projection does");
  }
  return row;
}

}  // namespace sluice::server
