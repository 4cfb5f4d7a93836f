#include "server/exchange_rpc.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "policy/explain.h"
#include "policy/record_validator.h"
#include "server/bounded_message.h"
#include "server/error.h"
#include "server/grpc_error.h"
#include "server/page_size.h"
#include "server/publish_stream.h"

namespace sluice::server {
namespace {

// A filter, a mask and a token fit in; what is larger costs nobody a thread.
constexpr size_t kMaxReadRequestBytes = 64 << 10;
// Of the others: a record may stand where its key is asked for.
constexpr size_t kMaxRequestBytes = policy::kMaxRecordBytes + kMaxReadRequestBytes;

// As the service numbers its methods, in the order of the proto.
constexpr int kPublishRecords = 0;

}  // namespace

ExchangeRpc::ExchangeRpc(const Parts& parts)
    : BoundedService(kMaxRequestBytes, {"ReadRecords", "ReadOwnRecords", "DeleteRecords"}),
      parts_(parts) {
  using grpc::internal::BidiStreamingHandler;
  // The service owns its handlers.
  MarkMethodStreamed(
      kPublishRecords,
      new BidiStreamingHandler<ExchangeRpc, grpc::ByteBuffer, v1::PublishRecordsResponse>(
          std::mem_fn(&ExchangeRpc::PublishBytes), this));
}

template <typename Request, typename Serve>
grpc::ServerWriteReactor<grpc::ByteBuffer>* ExchangeRpc::Stream(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes, const char* rpc,
    Serve serve) {
  if (bytes->Length() > kMaxReadRequestBytes) {
    return ReleaseStream::Refuse(ToGrpc(Invalid("request", "is larger than 64 KiB"), ""));
  }
  auto request = std::make_shared<Request>();
  grpc::ByteBuffer copy(*bytes);
  const bool parsed = HasFewFields(copy, *Request::descriptor(), kMaxRequestFields) &&
                      grpc::SerializationTraits<Request>::Deserialize(&copy, request.get()).ok();
  return ReleaseStream::Start(
      *parts_.threads, context, parts_.reader_within,
      [this, context, request, parsed, rpc, serve](MessageSink& sink) -> grpc::Status {
        Call call(parts_.calls, rpc);
        if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) {
          return call.End(s);
        }
        if (!parsed) {
          return call.End(
              Invalid("request", absl::StrCat("is no ", rpc, "Request, or has more than ",
                                              kMaxRequestFields, " fields")));
        }
        if (const absl::Status s = call.BeginStream(); !s.ok()) return call.End(s);
        return call.End(serve(call, *request, sink));
      });
}

template <typename Response, typename Answering>
grpc::Status ExchangeRpc::Unary(grpc::ServerContext* context, const char* rpc, Response* response,
                                Answering answer) {
  Call call(parts_.calls, rpc);
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<Response> answered = answer(call);
  if (answered.ok()) *response = *std::move(answered);
  return call.End(answered.status());
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ExchangeRpc::ReadRecords(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  return Stream<v1::ReadRecordsRequest>(
      context, bytes, "ReadRecords",
      [this](Call& call, const v1::ReadRecordsRequest& request, MessageSink& sink) {
        Answer answer(&sink);
        const absl::Status status =
            parts_.exchange->Read(call.caller(), call.request_id(), request, answer);
        parts_.calls.metrics->CountRowsReleased(answer.rows());
        return status;
      });
}

grpc::Status ExchangeRpc::GetRecord(grpc::ServerContext* context,
                                    const v1::GetRecordRequest* request,
                                    v1::GetRecordResponse* response) {
  return Unary(context, "GetRecord", response, [&](Call& call) {
    absl::StatusOr<v1::GetRecordResponse> got =
        parts_.exchange->Get(call.caller(), call.request_id(), *request);
    if (got.ok()) parts_.calls.metrics->CountRowsReleased(1);
    return got;
  });
}

grpc::Status ExchangeRpc::GetRecordStatus(grpc::ServerContext* context,
                                          const v1::GetRecordStatusRequest* request,
                                          v1::GetRecordStatusResponse* response) {
  return Unary(context, "GetRecordStatus", response, [&](Call& call) {
    return parts_.owner_records->Status(call.caller(), call.request_id(), *request);
  });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ExchangeRpc::ReadOwnRecords(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  return Stream<v1::ReadOwnRecordsRequest>(
      context, bytes, "ReadOwnRecords",
      [this](Call& call, const v1::ReadOwnRecordsRequest& request, MessageSink& sink) {
        return parts_.owner_records->Read(call.caller(), call.request_id(), request, sink);
      });
}

grpc::Status ExchangeRpc::WithdrawRecords(grpc::ServerContext* context,
                                          const v1::WithdrawRecordsRequest* request,
                                          v1::WithdrawRecordsResponse* response) {
  return Unary(context, "WithdrawRecords", response, [&](Call& call) {
    return parts_.owner_records->Withdraw(call.caller(), call.request_id(), *request);
  });
}

grpc::Status ExchangeRpc::PreviewGrant(grpc::ServerContext* context,
                                       const v1::PreviewGrantRequest* request,
                                       v1::PreviewGrantResponse* response) {
  return Unary(context, "PreviewGrant", response, [&](Call& call) {
    return parts_.owner_view->Preview(call.caller(), call.request_id(), *request);
  });
}

grpc::Status ExchangeRpc::ExplainRow(grpc::ServerContext* context,
                                     const v1::ExplainRowRequest* request,
                                     v1::ExplainRowResponse* response) {
  return Unary(context, "ExplainRow", response, [&](Call& call) {
    return parts_.owner_view->Explain(call.caller(), call.request_id(), *request);
  });
}

grpc::Status ExchangeRpc::PublishBytes(grpc::ServerContext* context,
                                       BytesIn<v1::PublishRecordsResponse>* stream) {
  Call call(parts_.calls, "PublishRecords");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  if (const absl::Status s = call.BeginStream(); !s.ok()) return call.End(s);
  return call.End(PublishStream(parts_.calls, parts_.publication, parts_.publish_budget, &call,
                                stream, context, parts_.reader_within)
                      .Run());
}

grpc::ServerUnaryReactor* ExchangeRpc::DeleteRecords(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* bytes,
                                                     grpc::ByteBuffer* answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const bool runs = parts_.threads->TryRun([this, context, bytes, answer, reactor] {
    v1::DeleteRecordsResponse response;
    grpc::Status status = Delete(*context->auth_context(), *bytes, response);
    bool own = false;
    if (status.ok()) {
      status =
          grpc::SerializationTraits<v1::DeleteRecordsResponse>::Serialize(response, answer, &own);
    }
    // From here on all of these belong to gRPC.
    reactor->Finish(status);
  });
  if (!runs) reactor->Finish(ToGrpc(Exhausted("total_streams", absl::Seconds(1)), ""));
  return reactor;
}

grpc::Status ExchangeRpc::Delete(const grpc::AuthContext& auth, grpc::ByteBuffer bytes,
                                 v1::DeleteRecordsResponse& response) {
  Call call(parts_.calls, "DeleteRecords");
  if (const absl::Status s = call.Begin(auth); !s.ok()) return call.End(s);
  if (const absl::Status s = call.BeginStream(); !s.ok()) return call.End(s);
  v1::DeleteRecordsRequest request;
  const Parsed parsed = ParseBounded(bytes, Publication::kMaxFields, request);
  bytes.Clear();
  if (parsed == Parsed::kGarbled) {
    return call.End(Invalid("request", "is no DeleteRecordsRequest"));
  }
  const absl::StatusOr<OwnerAdmitted> admitted = parts_.calls.admission->AdmitOwner(
      call.caller(), call.request_id(), call.rpc(), request.parent(), request.record_type());
  if (!admitted.ok()) return call.End(admitted.status());
  if (parsed == Parsed::kCut) return call.End(TooManyRecords("keys"));
  absl::StatusOr<v1::DeleteRecordsResponse> deleted =
      parts_.publication->Delete(admitted->permit, request);
  if (deleted.ok()) response = *std::move(deleted);
  return call.End(deleted.status());
}

grpc::Status ExchangeRpc::ListGrants(grpc::ServerContext* context,
                                     const v1::ListGrantsRequest* request,
                                     v1::ListGrantsResponse* response) {
  Call call(parts_.calls, "ListGrants");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  if (const absl::Status s =
          parts_.calls.admission->AdmitCall(call.caller(), call.request_id(), call.rpc());
      !s.ok()) {
    return call.End(s);
  }
  const absl::StatusOr<absl::Time> now = parts_.calls.clock->Now();
  if (!now.ok()) return call.End(now.status());
  std::vector<v1::GrantView> grants =
      policy::GrantsTo(*parts_.mous->Current(), call.caller().organization(), *now);
  if (!request->mou().empty()) {
    grants.erase(std::remove_if(grants.begin(), grants.end(),
                                [&](const v1::GrantView& g) { return g.mou() != request->mou(); }),
                 grants.end());
  }
  const absl::StatusOr<Page> page = PageOf(request->page_size(), request->page_token());
  if (!page.ok()) return call.End(page.status());
  const size_t begin = std::min<size_t>(page->begin, grants.size());
  const size_t end = std::min<size_t>(begin + page->size, grants.size());
  for (size_t i = begin; i < end; ++i) *response->add_grants() = std::move(grants[i]);
  if (end < grants.size()) response->set_next_page_token(absl::StrCat(end));
  return call.End(absl::OkStatus());
}

grpc::Status ExchangeRpc::ExplainDecision(grpc::ServerContext* context,
                                          const v1::ExplainDecisionRequest* request,
                                          v1::ExplainDecisionResponse* response) {
  Call call(parts_.calls, "ExplainDecision");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  if (const absl::Status s =
          parts_.calls.admission->AdmitCall(call.caller(), call.request_id(), call.rpc());
      !s.ok()) {
    return call.End(s);
  }
  // Another's decision looks like one that was never made.
  const absl::StatusOr<StoredDecision> found =
      parts_.store->FindDecision(request->decision_id(), PrincipalPath(call.caller().principal()));
  if (absl::IsNotFound(found.status())) return call.End(NotFound("decision"));
  if (!found.ok()) return call.End(found.status());
  if (!response->mutable_decision()->ParseFromString(found->decision)) {
    return call.End(absl::DataLossError("a stored decision does not parse"));
  }
  response->mutable_time()->set_seconds(absl::ToUnixSeconds(found->time));
  response->set_log_index(static_cast<int64_t>(found->log_index));
  return call.End(absl::OkStatus());
}

}  // namespace sluice::server
