#include "server/audit_rpc.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/audit/entry_names.h"
#include "server/entry_filter.h"
#include "server/error.h"
#include "server/page_size.h"

namespace sluice::server {
namespace {

void Put(const std::vector<Hash>& hashes, google::protobuf::RepeatedPtrField<std::string>* out) {
  for (const Hash& hash : hashes) {
    out->Add()->assign(reinterpret_cast<const char*>(hash.data()), hash.size());
  }
}

}  // namespace

absl::Status AuditRpc::Begin(Call& call, grpc::ServerContext* context) {
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return s;
  return calls_.admission->AdmitCall(call.caller(), call.request_id(), call.rpc());
}

absl::Status AuditRpc::List(Call& call, const v1::ListEntriesRequest& request,
                            v1::ListEntriesResponse& response) {
  if (request.start_index() < 0) return Invalid("start_index", "must be 0 or more");
  const absl::StatusOr<Page> page = PageOf(request.page_size(), request.page_token());
  if (!page.ok()) return page.status();
  const absl::StatusOr<EntryFilter> filter = EntryFilter::Create(request);
  if (!filter.ok()) return filter.status();
  const uint64_t size = log_->size();
  const uint64_t begin =
      std::max<uint64_t>(page->begin, static_cast<uint64_t>(request.start_index()));
  const uint64_t end = std::min(size, begin + kLookedAt);
  response.set_log_size(static_cast<int64_t>(size));
  response.set_next_index(static_cast<int64_t>(begin));
  if (begin >= end) return absl::OkStatus();

  // That somebody reads the log is in the log before he does.
  ReadEntry read;
  read.request = call.request_id();
  read.caller = {call.caller().principal(), call.caller().spki()};
  read.operation = std::string(call.rpc());
  read.begin = begin;
  read.end = end;
  if (!log_->Append(std::move(read)).ok()) return AuditUnavailable();

  const bool all = call.caller().kind() == policy::PrincipalKind::kOperator;
  uint64_t next = begin;
  const absl::Status status = store_->ReadLogRows(begin, end, [&](const LogRow& row) {
    if (static_cast<uint64_t>(response.entries_size()) >= page->size) return false;
    next = row.index + 1;
    if (!all || !filter->empty()) {
      const absl::StatusOr<ParsedEntry> parsed = ParseEntry(row.body);
      // It is not known whom it concerns, so its bytes go to nobody here; nor is it passed over in
      // silence, or damage would look like an entry that the filter does not want.
      if (!parsed.ok()) {
        response.add_unread_indexes(static_cast<int64_t>(row.index));
        return true;
      }
      if (!all && !NamesOrganization(*parsed, call.caller().organization())) return true;
      if (!filter->Matches(*parsed)) return true;
    }
    auto* entry = response.add_entries();
    entry->set_index(static_cast<int64_t>(row.index));
    entry->set_body(row.body);
    return true;
  });
  if (!status.ok()) return status;
  response.set_next_index(static_cast<int64_t>(next));
  if (next < size) response.set_next_page_token(absl::StrCat(next));
  return absl::OkStatus();
}

grpc::Status AuditRpc::ListEntries(grpc::ServerContext* context,
                                   const v1::ListEntriesRequest* request,
                                   v1::ListEntriesResponse* response) {
  Call call(calls_, "ListEntries");
  if (const absl::Status s = Begin(call, context); !s.ok()) return call.End(s);
  return call.End(List(call, *request, *response));
}

grpc::Status AuditRpc::GetCheckpoint(grpc::ServerContext* context, const v1::GetCheckpointRequest*,
                                     v1::GetCheckpointResponse* response) {
  Call call(calls_, "GetCheckpoint");
  if (const absl::Status s = Begin(call, context); !s.ok()) return call.End(s);
  response->set_checkpoint(log_->Checkpoint());
  response->set_vkey(log_->Vkey());
  response->set_cosigned_checkpoint(log_->CosignedCheckpoint());
  return call.End(absl::OkStatus());
}

grpc::Status AuditRpc::GetInclusionProof(grpc::ServerContext* context,
                                         const v1::GetInclusionProofRequest* request,
                                         v1::GetInclusionProofResponse* response) {
  Call call(calls_, "GetInclusionProof");
  if (const absl::Status s = Begin(call, context); !s.ok()) return call.End(s);
  if (request->index() < 0 || request->tree_size() <= request->index()) {
    return call.End(Invalid("index", "must be 0 or more and below tree_size"));
  }
  const auto index = static_cast<uint64_t>(request->index());
  const absl::StatusOr<std::vector<Hash>> proof =
      log_->InclusionProof(index, static_cast<uint64_t>(request->tree_size()));
  if (absl::IsInvalidArgument(proof.status())) {
    return call.End(Invalid("tree_size", "must not be above the latest checkpoint's"));
  }
  if (!proof.ok()) return call.End(proof.status());
  const absl::StatusOr<std::vector<Hash>> leaf = store_->ReadLeafHashes(index, index + 1);
  if (!leaf.ok()) return call.End(leaf.status());
  if (leaf->size() != 1) return call.End(absl::DataLossError("a leaf is missing"));
  Put(*proof, response->mutable_hashes());
  response->set_leaf_hash(reinterpret_cast<const char*>((*leaf)[0].data()), (*leaf)[0].size());
  return call.End(absl::OkStatus());
}

grpc::Status AuditRpc::GetConsistencyProof(grpc::ServerContext* context,
                                           const v1::GetConsistencyProofRequest* request,
                                           v1::GetConsistencyProofResponse* response) {
  Call call(calls_, "GetConsistencyProof");
  if (const absl::Status s = Begin(call, context); !s.ok()) return call.End(s);
  if (request->old_size() < 0 || request->new_size() < request->old_size()) {
    return call.End(Invalid("old_size", "must be 0 or more and not above new_size"));
  }
  const absl::StatusOr<std::vector<Hash>> proof = log_->ConsistencyProof(
      static_cast<uint64_t>(request->old_size()), static_cast<uint64_t>(request->new_size()));
  if (absl::IsInvalidArgument(proof.status())) {
    return call.End(Invalid("new_size", "must not be above the latest checkpoint's"));
  }
  if (!proof.ok()) return call.End(proof.status());
  Put(*proof, response->mutable_hashes());
  return call.End(absl::OkStatus());
}

grpc::Status AuditRpc::ListSubjectDisclosures(grpc::ServerContext* context,
                                              const v1::ListSubjectDisclosuresRequest* request,
                                              v1::ListSubjectDisclosuresResponse* response) {
  Call call(calls_, "ListSubjectDisclosures");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<v1::ListSubjectDisclosuresResponse> listed =
      subjects_->List(call.caller(), call.request_id(), *request);
  if (listed.ok()) *response = *std::move(listed);
  return call.End(listed.status());
}

grpc::Status AuditRpc::ListOpenings(grpc::ServerContext* context,
                                    const v1::ListOpeningsRequest* request,
                                    v1::ListOpeningsResponse* response) {
  Call call(calls_, "ListOpenings");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<v1::ListOpeningsResponse> listed =
      openings_->List(call.caller(), call.request_id(), *request);
  if (listed.ok()) *response = *std::move(listed);
  return call.End(listed.status());
}

grpc::Status AuditRpc::EraseSubject(grpc::ServerContext* context,
                                    const v1::EraseSubjectRequest* request,
                                    v1::EraseSubjectResponse* response) {
  Call call(calls_, "EraseSubject");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<v1::EraseSubjectResponse> erased =
      erasure_->Erase(call.caller(), call.request_id(), *request);
  if (erased.ok()) *response = *std::move(erased);
  return call.End(erased.status());
}

}  // namespace sluice::server
