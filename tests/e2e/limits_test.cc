// Callers who ask for more than they may have: messages that are too large, or become so when they
// are unpacked, and readers who never read. Each costs little, and nobody else notices.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

class Limits : public ::testing::Test {
 protected:
  Limits() {
    deployment_.ProposeSigned("pipeline");
    program_ = deployment_.As(kProgram, "system", "sis");
    district_ = deployment_.As(kDistrict, "system", "hr");
  }

  std::unique_ptr<v1::ExchangeService::Stub> Stub(const Identity& identity) {
    return v1::ExchangeService::NewStub(Channel(identity));
  }
  // A connection of its own.
  std::shared_ptr<grpc::Channel> Channel(const Identity& identity) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ReadFile(deployment_.Path("pki/operator/ca.pem"));
    tls.pem_cert_chain = ReadFile(identity.certificate);
    tls.pem_private_key = ReadFile(identity.key);
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(deployment_.target(), grpc::SslCredentials(tls), arguments);
  }
  v1::PublishRecordsRequest BatchOf(int begin, int end) const {
    v1::PublishRecordsRequest batch;
    batch.set_parent(absl::StrCat("organizations/", kProgram));
    batch.set_record_type("Candidate");
    batch.set_request_id(absl::StrCat("batch-", begin));
    for (int i = begin; i < end; ++i) batch.add_records(MakeCandidate(i).SerializeAsString());
    return batch;
  }
  grpc::Status PublishAlone(const v1::PublishRecordsRequest& batch, grpc_compression_algorithm how,
                            v1::PublishRecordsResponse* answer = nullptr) {
    const auto stub = Stub(program_);
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_compression_algorithm(how);
    const auto stream = stub->PublishRecords(&context);
    stream->Write(batch);
    stream->WritesDone();
    v1::PublishRecordsResponse some;
    while (stream->Read(&some)) {
      if (answer != nullptr) *answer = some;
    }
    return stream->Finish();
  }
  // One message there, whatever it is.
  grpc::Status CallWith(const Identity& identity, const std::string& method,
                        const std::string& bytes) {
    grpc::GenericStub stub(Channel(identity));
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status;
  }
  // The most that the gateway ever had in memory.
  int64_t PeakKib() const {
    std::ifstream status(absl::StrCat("/proc/", deployment_.process(), "/status"));
    std::string word;
    int64_t kib = 0;
    while (status >> word && word != "VmHWM:") continue;
    status >> kib;
    return kib;
  }
  void AnswerBesideSilentCalls(const std::string& method);
  size_t CountReleased() {
    ReadRows rows;
    Must(Read(*deployment_.Connect(district_), ReadRequest("pipeline"), rows));
    EXPECT_TRUE(rows.complete);
    return rows.row_ids.size();
  }

  Deployment deployment_;
  Identity program_;
  Identity district_;
};

TEST_F(Limits, RefuseAMessageThatIsTooLargeAndGoOn) {
  deployment_.Start();
  v1::PublishRecordsRequest large = BatchOf(0, 1);
  large.add_records(std::string(6 << 20, 'x'));
  const grpc::Status published = PublishAlone(large, GRPC_COMPRESS_NONE);
  EXPECT_EQ(published.error_code(), grpc::RESOURCE_EXHAUSTED) << published.error_message();
  v1::DeleteRecordsRequest deletion;
  deletion.add_keys(std::string(6 << 20, 'x'));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::DeleteRecordsResponse deleted;
  const grpc::Status status = Stub(program_)->DeleteRecords(&context, deletion, &deleted);
  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_EQ(CountReleased(), 0u);
  // Within the message's limit and beyond the batch's: told which, and the stream goes on.
  v1::PublishRecordsResponse answer;
  large.mutable_records(1)->resize((4 << 20) + 1);
  EXPECT_TRUE(PublishAlone(large, GRPC_COMPRESS_NONE, &answer).ok());
  EXPECT_EQ(answer.state(), v1::PUBLISH_STATE_REFUSED);
  EXPECT_EQ(answer.error().code(), grpc::INVALID_ARGUMENT);
  EXPECT_TRUE(PublishAlone(BatchOf(0, 10), GRPC_COMPRESS_NONE, &answer).ok());
  EXPECT_EQ(answer.state(), v1::PUBLISH_STATE_COMMITTED);
  EXPECT_EQ(CountReleased(), 10u);
}

// More calls that send nothing than the gateway has threads; others are asked beside them.
void Limits::AnswerBesideSilentCalls(const std::string& method) {
  constexpr int kConnections = 4, kCalls = 75;
  SCOPED_TRACE(method);
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  std::deque<grpc::ClientContext> contexts;
  std::vector<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>> calls;
  const auto await = [&queue](size_t events) {
    for (size_t i = 0; i < events; ++i) {
      void* tag = nullptr;
      bool ok = false;
      ASSERT_EQ(
          queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + std::chrono::seconds(30)),
          grpc::CompletionQueue::GOT_EVENT);
    }
  };
  for (int i = 0; i < kConnections; ++i) {
    stubs.push_back(std::make_unique<grpc::GenericStub>(Channel(district_)));
    for (int call = 0; call < kCalls; ++call) {
      contexts.emplace_back().set_wait_for_ready(true);
      calls.push_back(stubs.back()->PrepareCall(&contexts.back(), method, &queue));
      calls.back()->StartCall(nullptr);
    }
  }
  await(calls.size());
  // Each is asked on a connection of its own, after those headers.
  for (int i = 0; i < 3; ++i) {
    Must(deployment_.Connect(program_)->ListGrants({}).status());
    EXPECT_TRUE(PublishAlone(BatchOf(10 * i, 10 * i + 10), GRPC_COMPRESS_NONE).ok());
  }
  v1::DeleteRecordsRequest deletion;
  deletion.set_parent(absl::StrCat("organizations/", kProgram));
  deletion.set_record_type("Candidate");
  deletion.set_request_id("deletion");
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::DeleteRecordsResponse deleted;
  const grpc::Status status = Stub(program_)->DeleteRecords(&context, deletion, &deleted);
  EXPECT_NE(status.error_code(), grpc::RESOURCE_EXHAUSTED) << status.error_message();
  for (grpc::ClientContext& it : contexts) it.TryCancel();
  std::deque<grpc::Status> ends;
  for (const auto& call : calls) call->Finish(&ends.emplace_back(), nullptr);
  await(calls.size());
}

TEST_F(Limits, GiveNoThreadToCallsThatSendNothing) {
  deployment_.Start();
  for (const char* const method :
       {"/sluice.v1.ExchangeService/DeleteRecords", "/sluice.v1.ExchangeService/PublishRecords",
        "/sluice.v1.ExchangeService/ReadRecords", "/sluice.v1.ExchangeService/GetRecord",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/none.None/None"}) {
    AnswerBesideSilentCalls(method);
  }
}

// A message of zeros is a thousandth of itself when it travels.
TEST_F(Limits, UnpackNothing) {
  deployment_.Start();
  EXPECT_EQ(CountReleased(), 0u);
  const int64_t before = PeakKib();
  v1::PublishRecordsRequest bomb = BatchOf(0, 1);
  bomb.add_records(std::string(300 << 20, '\0'));
  for (const auto how : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    const grpc::Status refused = PublishAlone(bomb, how);
    EXPECT_EQ(refused.error_code(), grpc::UNIMPLEMENTED) << refused.error_message();
    const grpc::Status small = PublishAlone(BatchOf(0, 10), how);
    EXPECT_EQ(small.error_code(), grpc::UNIMPLEMENTED) << small.error_message();
  }
  EXPECT_LT(PeakKib() - before, 32 << 10);
  EXPECT_EQ(CountReleased(), 0u);
  EXPECT_TRUE(PublishAlone(BatchOf(0, 10), GRPC_COMPRESS_NONE).ok());
  EXPECT_EQ(CountReleased(), 10u);
}

// Two bytes of a message each, and some forty in memory.
TEST_F(Limits, CountRecordsBeforeTheyAreParsed) {
  deployment_.Start();
  EXPECT_EQ(CountReleased(), 0u);
  const int64_t before = PeakKib();
  v1::PublishRecordsRequest many = BatchOf(0, 1);
  for (int i = 0; i < 2'500'000; ++i) many.add_records();
  v1::PublishRecordsResponse answer;
  const grpc::Status published = PublishAlone(many, GRPC_COMPRESS_NONE, &answer);
  EXPECT_TRUE(published.ok()) << published.error_message();
  EXPECT_EQ(answer.request_id(), many.request_id());
  EXPECT_EQ(answer.state(), v1::PUBLISH_STATE_REFUSED);
  EXPECT_EQ(answer.error().code(), grpc::INVALID_ARGUMENT);
  v1::DeleteRecordsRequest deletion;
  deletion.set_parent(many.parent());
  deletion.set_record_type("Candidate");
  deletion.set_request_id("many");
  for (int i = 0; i < 2'500'000; ++i) deletion.add_keys();
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::DeleteRecordsResponse deleted;
  const grpc::Status status = Stub(program_)->DeleteRecords(&context, deletion, &deleted);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << status.error_message();
  EXPECT_LT(PeakKib() - before, 48 << 10);
}

// Two bytes of a message each, at whatever depth, and of whatever service.
TEST_F(Limits, CountTheFieldsOfARequestBeforeItIsParsed) {
  deployment_.Start();
  EXPECT_EQ(CountReleased(), 0u);
  const int64_t before = PeakKib();
  constexpr int kFields = 2'500'000;
  const auto many = [](absl::string_view field) {
    std::string all;
    for (int i = 0; i < kFields; ++i) all.append(field.data(), field.size());
    return all;
  };
  const absl::string_view mask("\x2a\0", 2), authority("\x4a\0", 2), unknown("\x78\0", 2);
  std::string nested = "\x12";  // its organization
  for (uint32_t size = 2 * kFields; size != 0; size >>= 7) {
    nested.push_back(static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
  }
  nested += many(authority);
  const std::pair<const char*, std::string> requests[] = {
      {"ExchangeService/GetRecord", many(mask)},
      {"ExchangeService/GetRecordStatus", many(unknown)},
      {"AuditService/ListEntries", many(unknown)},
      {"KeyService/ListKeys", many(unknown)},
      {"OperatorService/ListOrganizations", many(unknown)},
      {"OperatorService/CreateOrganization", nested},
  };
  for (const auto& [method, request] : requests) {
    const grpc::Status status = CallWith(district_, absl::StrCat("/sluice.v1.", method), request);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << method << status.error_message();
  }
  EXPECT_LT(PeakKib() - before, 48 << 10);
  EXPECT_EQ(CountReleased(), 0u);
}

TEST_F(Limits, ReadersWhoNeverReadHoldUpNobodyAndNoStop) {
  constexpr int kRecords = 60'000;  // more than the transport holds on its way
  deployment_.WriteConfiguration(absl::StrCat(deployment_.Configuration(), "drain: 1s\n"));
  deployment_.Start();
  const std::unique_ptr<client::Gateway> program = deployment_.Connect(program_);
  for (int begin = 0; begin < kRecords; begin += 5000) {
    Must(Publish(*program, absl::StrCat("batch-", begin), begin, begin + 5000).status());
  }
  EXPECT_EQ(CountReleased(), size_t{kRecords});
  const int64_t before = PeakKib();
  struct Reader {
    std::unique_ptr<v1::ExchangeService::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::ReadRecordsResponse>> stream;
  };
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 4; ++i) {
    auto& reader = *readers.emplace_back(std::make_unique<Reader>());
    reader.stub = Stub(district_);
    reader.stream = reader.stub->ReadRecords(&reader.context, ReadRequest("pipeline"));
    v1::ReadRecordsResponse header;
    ASSERT_TRUE(reader.stream->Read(&header));
    ASSERT_TRUE(header.has_header());
  }
  EXPECT_EQ(CountReleased(), size_t{kRecords});
  Must(Publish(*program, "beside", kRecords, kRecords + 10).status());
  EXPECT_LT(PeakKib() - before, 64 << 10);
  // They hold a stop up as long as the configuration lets them.
  const absl::Time began = absl::Now();
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  EXPECT_LT(absl::Now() - began, absl::Seconds(20));
  for (const auto& reader : readers) {
    v1::ReadRecordsResponse rest;
    while (reader->stream->Read(&rest)) EXPECT_FALSE(rest.has_trailer());
    EXPECT_FALSE(reader->stream->Finish().ok());
  }
}

}  // namespace
}  // namespace sluice::tests
