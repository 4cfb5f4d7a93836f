// ExchangeService over gRPC: adapts RPCs to the gateway's parts and decides nothing.
//
// Thread-safe.
#ifndef SLUICE_SERVER_EXCHANGE_RPC_H_
#define SLUICE_SERVER_EXCHANGE_RPC_H_

#include <grpcpp/grpcpp.h>

#include "server/bounded_service.h"
#include "server/call.h"
#include "server/exchange.h"
#include "server/mou_registry.h"
#include "server/owner_records.h"
#include "server/owner_view.h"
#include "server/publication.h"
#include "server/publish_budget.h"
#include "server/release_stream.h"
#include "sluice/v1/exchange_service.grpc.pb.h"

namespace sluice::server {

// The service with its streams of rows as buffers, and a deletion's request, which is looked at
// before it is parsed.
using RawExchangeService = v1::ExchangeService::WithRawCallbackMethod_ReadRecords<
    v1::ExchangeService::WithRawCallbackMethod_ReadOwnRecords<
        v1::ExchangeService::WithRawCallbackMethod_DeleteRecords<v1::ExchangeService::Service>>>;

class ExchangeRpc final : public BoundedService<v1::ExchangeService, RawExchangeService> {
 public:
  struct Parts {
    CallParts calls;
    Exchange* exchange;
    Publication* publication;
    MouRegistry* mous;
    const Store* store;
    RequestThreads* threads;
    PublishBudget* publish_budget;
    OwnerRecords* owner_records;
    OwnerView* owner_view;
    // How long a stream waits for a reader to take a message, or for a publisher to send one.
    absl::Duration reader_within = absl::Minutes(10);
  };
  explicit ExchangeRpc(const Parts& parts);

  grpc::ServerWriteReactor<grpc::ByteBuffer>* ReadRecords(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* bytes) override;
  // Has a thread once its message is there, and not before: who sends none takes nobody's.
  grpc::ServerUnaryReactor* DeleteRecords(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* bytes,
                                          grpc::ByteBuffer* answer) override;
  grpc::Status GetRecord(grpc::ServerContext* context, const v1::GetRecordRequest* request,
                         v1::GetRecordResponse* response) override;
  grpc::Status ListGrants(grpc::ServerContext* context, const v1::ListGrantsRequest* request,
                          v1::ListGrantsResponse* response) override;
  grpc::Status ExplainDecision(grpc::ServerContext* context,
                               const v1::ExplainDecisionRequest* request,
                               v1::ExplainDecisionResponse* response) override;

  grpc::Status GetRecordStatus(grpc::ServerContext* context,
                               const v1::GetRecordStatusRequest* request,
                               v1::GetRecordStatusResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ReadOwnRecords(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) override;
  grpc::Status WithdrawRecords(grpc::ServerContext* context,
                               const v1::WithdrawRecordsRequest* request,
                               v1::WithdrawRecordsResponse* response) override;
  grpc::Status PreviewGrant(grpc::ServerContext* context, const v1::PreviewGrantRequest* request,
                            v1::PreviewGrantResponse* response) override;
  grpc::Status ExplainRow(grpc::ServerContext* context, const v1::ExplainRowRequest* request,
                          v1::ExplainRowResponse* response) override;

 private:
  template <typename Response>
  using BytesIn = grpc::ServerReaderWriter<Response, grpc::ByteBuffer>;
  // Its batches come as buffers, for they are looked at before they are parsed.
  grpc::Status PublishBytes(grpc::ServerContext* context,
                            BytesIn<v1::PublishRecordsResponse>* stream);
  grpc::Status Delete(const grpc::AuthContext& auth, grpc::ByteBuffer bytes,
                      v1::DeleteRecordsResponse& response);

  // A stream of buffers: parses the request, begins the call, and runs `serve` on a thread.
  template <typename Request, typename Serve>
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Stream(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* bytes, const char* rpc,
                                                     Serve serve);
  // A call that is answered by `answer` in one message.
  template <typename Response, typename Answering>
  grpc::Status Unary(grpc::ServerContext* context, const char* rpc, Response* response,
                     Answering answer);

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_EXCHANGE_RPC_H_
