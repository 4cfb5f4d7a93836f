// What tests of the RPCs share: the parts of ExchangeFixture behind a server on loopback, which
// takes a caller's word ("river-unified/hiring") where a gateway has a certificate. Tests alone
// include this.
#ifndef SLUICE_TESTS_SUPPORT_RPC_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_RPC_FIXTURE_H_

#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/exchange_rpc.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {

// How long a test waits for what must come, before it says that it did not.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

template <typename Detail>
Detail DetailOf(const google::rpc::Status& status) {
  Detail detail;
  for (const auto& any : status.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&detail);
  }
  return detail;
}

inline google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

class RpcFixture : public ExchangeFixture {
 protected:
  using PublishCall =
      grpc::ClientReaderWriter<v1::PublishRecordsRequest, v1::PublishRecordsResponse>;

  explicit RpcFixture(int most_threads = 64) : threads_(most_threads) {
    limits_.concurrent_streams = limits_.total_streams = 1000;
    limits_.calls_per_second = 1e6;  // the clock stands, so nothing is refilled
  }

  void SetUp() override {
    ExchangeFixture::SetUp();
    quotas_.SetLimits(limits_);
    rpc_ = std::make_unique<ExchangeRpc>(
        ExchangeRpc::Parts{{admission_.get(), &quotas_, clock_.get(), &metrics_},
                           exchange_.get(),
                           publication_.get(),
                           &mous_,
                           &store_,
                           &threads_,
                           &publish_budget_,
                           owner_records_.get(),
                           owner_view_.get()});
    auto credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
    credentials->SetAuthMetadataProcessor(std::make_shared<TakesWord>());
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(rpc_->served());
    if (grpc::Service* const further = FurtherService()) builder.RegisterService(further);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = absl::StrCat("127.0.0.1:", port);
    recipient_ = v1::ExchangeService::NewStub(Connect());
    owner_ = v1::ExchangeService::NewStub(Connect());
  }
  // Served beside ExchangeService.
  virtual grpc::Service* FurtherService() { return nullptr; }
  void TearDown() override {
    denials_->Stop();
    store_.Release();  // what a test that failed left waiting
    server_->Shutdown(std::chrono::system_clock::now());
    threads_.Wait();
    server_->Wait();
    ExchangeFixture::TearDown();
  }

  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::ChannelArguments own;  // a connection: what a caller is, is the connection's
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address_, grpc::experimental::LocalCredentials(LOCAL_TCP),
                                     own);
  }
  // A call that ends by itself when a test has waited in vain. It waits for its connection: where
  // the first wait for a lock of a process falls between gRPC's connect and its look at errno,
  // Abseil's reading of the CPU's frequency leaves ENOENT there, and the attempt has failed.
  static std::unique_ptr<grpc::ClientContext> As(const std::string& caller) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("caller", caller);
    context->set_wait_for_ready(true);
    context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience));
    return context;
  }
  static std::unique_ptr<grpc::ClientContext> AsRecipient() { return As("river-unified/hiring"); }
  static std::unique_ptr<grpc::ClientContext> AsOwner() { return As("state-university/sis"); }

  // A whole read, and how it ended.
  grpc::Status ReadAll(const v1::ReadRecordsRequest& request) {
    const auto context = AsRecipient();
    const auto reader = recipient_->ReadRecords(context.get(), request);
    v1::ReadRecordsResponse message;
    while (reader->Read(&message)) {
    }
    return reader->Finish();
  }

  static v1::PublishRecordsRequest BatchOf(const std::string& request_id, int begin, int end) {
    v1::PublishRecordsRequest batch;
    batch.set_parent("organizations/state-university");
    batch.set_record_type("Candidate");
    batch.set_request_id(request_id);
    for (int n = begin; n < end; ++n) batch.add_records(Covered(n).SerializeAsString());
    return batch;
  }
  // Writes a batch and waits for its answer.
  static v1::PublishRecordsResponse Ask(PublishCall& call, const v1::PublishRecordsRequest& batch) {
    v1::PublishRecordsResponse answer;
    EXPECT_TRUE(call.Write(batch));
    EXPECT_TRUE(call.Read(&answer));
    return answer;
  }

  // Waits for what must come; false if it does not.
  static bool Comes(absl::FunctionRef<bool()> event) {
    for (const absl::Time deadline = absl::Now() + kPatience; !event();) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  QuotaLimits limits_;
  Quotas quotas_{limits_};
  Metrics metrics_;
  RequestThreads threads_;
  PublishBudget publish_budget_{limits_.publish_bytes_outstanding};
  std::unique_ptr<ExchangeRpc> rpc_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  // Each for one caller: AsRecipient's calls, AsOwner's calls.
  std::unique_ptr<v1::ExchangeService::Stub> recipient_;
  std::unique_ptr<v1::ExchangeService::Stub> owner_;

 private:
  class TakesWord : public grpc::AuthMetadataProcessor {
   public:
    grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                         OutputMetadata*) override {
      const auto caller = metadata.find("caller");
      absl::MutexLock lock(&mutex_);
      if (caller != metadata.end() &&
          context->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME).empty()) {
        context->AddProperty(GRPC_X509_PEM_CERT_PROPERTY_NAME, caller->second);
      }
      return grpc::Status::OK;
    }

   private:
    absl::Mutex mutex_;
  };
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_RPC_FIXTURE_H_
