// ExchangeService over gRPC: adapts RPCs to the gateway's parts and decides nothing.
//
// Thread-safe.
#ifndef SLUICE_SERVER_EXCHANGE_RPC_H_
#define SLUICE_SERVER_EXCHANGE_RPC_H_

#include <grpcpp/grpcpp.h>

#include "server/call.h"
#include "server/exchange.h"
#include "server/mou_registry.h"
#include "server/publication.h"
#include "server/publish_budget.h"
#include "server/release_stream.h"
#include "sluice/v1/exchange_service.grpc.pb.h"

namespace sluice::server {

class ExchangeRpc final
    : public v1::ExchangeService::WithRawCallbackMethod_ReadRecords<v1::ExchangeService::Service> {
 public:
  struct Parts {
    CallParts calls;
    Exchange* exchange;
    Publication* publication;
    MouRegistry* mous;
    const Store* store;
    RequestThreads* threads;
    PublishBudget* publish_budget;
  };
  explicit ExchangeRpc(const Parts& parts) : parts_(parts) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* ReadRecords(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* bytes) override;
  grpc::Status GetRecord(grpc::ServerContext* context, const v1::GetRecordRequest* request,
                         v1::GetRecordResponse* response) override;
  grpc::Status PublishRecords(grpc::ServerContext* context,
                              grpc::ServerReaderWriter<v1::PublishRecordsResponse,
                                                       v1::PublishRecordsRequest>* stream) override;
  grpc::Status DeleteRecords(grpc::ServerContext* context, const v1::DeleteRecordsRequest* request,
                             v1::DeleteRecordsResponse* response) override;
  grpc::Status ListGrants(grpc::ServerContext* context, const v1::ListGrantsRequest* request,
                          v1::ListGrantsResponse* response) override;
  grpc::Status ExplainDecision(grpc::ServerContext* context,
                               const v1::ExplainDecisionRequest* request,
                               v1::ExplainDecisionResponse* response) override;

 private:
  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_EXCHANGE_RPC_H_
