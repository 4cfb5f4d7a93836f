#include "server/key_rpc.h"

#include <gtest/gtest.h>

#include <memory>

#include "server/store/key_renewal.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/rpc_fixture.h"

namespace sluice::server {
namespace {

// Nobody has a key: what counts is who gets as far as to be told.
class KeyRpcTest : public RpcFixture {
 protected:
  KeyRpcTest() { limits_.concurrent_streams = 0; }
  void SetUp() override {
    RpcFixture::SetUp();
    stub_ = v1::KeyService::NewStub(Connect());
  }
  void TearDown() override {
    RpcFixture::TearDown();
    server_.reset();  // before what it serves
  }
  grpc::Service* FurtherService() override {
    renewal_ = std::make_unique<KeyRenewal>(&store_, KeyRenewal::Limits(), [](absl::Status) {});
    keys_ = std::make_unique<OwnerKeys>(OwnerKeys::Parts{admission_.get(), log_.get(), &store_,
                                                         &keks_, renewal_.get(), /*copies=*/{}});
    key_rpc_ = std::make_unique<KeyRpc>(
        CallParts{admission_.get(), &quotas_, clock_.get(), &metrics_}, keys_.get());
    return key_rpc_->served();
  }

  KeksForTest keks_;
  std::unique_ptr<KeyRenewal> renewal_;
  std::unique_ptr<OwnerKeys> keys_;
  std::unique_ptr<KeyRpc> key_rpc_;
  std::unique_ptr<v1::KeyService::Stub> stub_;
};

TEST_F(KeyRpcTest, ADestructionTakesAPlaceAmongTheStreams) {
  v1::GetKeyRequest get;
  v1::GetKeyResponse got;
  get.set_name("organizations/state-university/keys/records");
  EXPECT_NE(stub_->GetKey(AsOwner().get(), get, &got).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::DestroyKeyRequest destroy;
  v1::DestroyKeyResponse destroyed;
  destroy.set_name("organizations/state-university/keys/records/versions/1");
  destroy.set_validate_only(true);
  const grpc::Status refused = stub_->DestroyKey(AsOwner().get(), destroy, &destroyed);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const auto quota = DetailOf<google::rpc::QuotaFailure>(Details(refused));
  ASSERT_EQ(quota.violations_size(), 1);
  EXPECT_EQ(quota.violations(0).subject(), "concurrent_streams");
}

}  // namespace
}  // namespace sluice::server
