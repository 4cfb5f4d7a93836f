// SQL, and whatever else some layer might read as more than text, in every string of every RPC: it
// is a value like any other, or refused as one, on both engines.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/status.pb.h"
#include "sluice/v1/audit_service.grpc.pb.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "sluice/v1/operator_service.grpc.pb.h"
#include "tests/e2e/stored_deployment.h"

namespace sluice::tests {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

const std::vector<std::string>& HostileStrings() {
  static const auto* const strings = new std::vector<std::string>{
      "'; DROP TABLE record; --",
      "x' OR '1'='1",
      "\"; DELETE FROM store; --",
      "\\'; SELECT pg_sleep(60); --",
      "$1",
      "$$; COMMIT; $$",
      "?1 :name @name",
      "{a,\"b\",NULL}",
      "NULL",
      "\\N",
      "\\x00",
      "E'\\\\000'",
      "%_*[a-z]",
      "/* -- */ ; ROLLBACK",
      std::string("zero\0byte", 9),
      "\xC2\xA0\xE2\x80\x99\xEF\xBC\x87 \xF0\x9F\x98\x80",
      "organizations/'||(SELECT max(bytes) FROM record)||'",
      "../../../etc/passwd",
      "%s%n%x",
      std::string(5000, '\''),
  };
  return *strings;
}

class HostileStringsOnTheWire : public OnBothEngines {
 protected:
  HostileStringsOnTheWire() { deployment_.Configure("quotas: {calls_per_second: 1000000}\n"); }
};

// What the gateway's own tables hold, to be the same afterwards.
std::string Shape(StoredDeployment& deployment) {
  std::string shape;
  for (const char* table :
       {"store", "owner", "collection", "record", "record_key", "mou_version"}) {
    absl::StrAppend(&shape, table, " ",
                    deployment.Ask(absl::StrCat("SELECT count(*) FROM ", table)), "\n");
  }
  return shape;
}

class Wire {
 public:
  Wire(const Deployment& deployment, const Identity& identity)
      : stub_([&] {
          grpc::SslCredentialsOptions tls;
          tls.pem_root_certs = ReadFile(deployment.Path("pki/operator/ca.pem"));
          tls.pem_cert_chain = ReadFile(identity.certificate);
          tls.pem_private_key = ReadFile(identity.key);
          grpc::ChannelArguments arguments;
          arguments.SetSslTargetNameOverride("localhost");
          return grpc::CreateCustomChannel(deployment.target(), grpc::SslCredentials(tls),
                                           arguments);
        }()) {}

  // One message there, whatever comes back; the worst code of it.
  grpc::StatusCode Call(const MethodDescriptor& method, const Message& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    grpc::CompletionQueue queue;
    const auto next = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    const auto call = stub_.PrepareCall(
        &context, absl::StrCat("/", method.service()->full_name(), "/", method.name()), &queue);
    call->StartCall(nullptr);
    grpc::ByteBuffer bytes;
    bool own = false;
    if (next() &&
        grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(request, &bytes, &own).ok()) {
      call->WriteLast(bytes, {}, nullptr);
      next();
    }
    grpc::StatusCode worst = grpc::OK;
    for (grpc::ByteBuffer answer;; answer.Clear()) {
      call->Read(&answer, nullptr);
      if (!next()) break;
      worst = std::max(worst, CodeIn(method, answer));
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    next();
    return status.ok() ? worst : status.error_code();
  }

 private:
  // A publish answers with an error of each batch.
  static grpc::StatusCode CodeIn(const MethodDescriptor& method, grpc::ByteBuffer& answer) {
    if (method.name() != "PublishRecords") return grpc::OK;
    v1::PublishRecordsResponse response;
    EXPECT_TRUE(
        grpc::SerializationTraits<v1::PublishRecordsResponse>::Deserialize(&answer, &response)
            .ok());
    return static_cast<grpc::StatusCode>(response.error().code());
  }

  grpc::GenericStub stub_;
};

// A request that is right but for what is put into it.
std::unique_ptr<Message> RightRequest(const MethodDescriptor& method, int number) {
  std::unique_ptr<Message> request(google::protobuf::MessageFactory::generated_factory()
                                       ->GetPrototype(method.input_type())
                                       ->New());
  const std::map<std::string, std::string> texts = {
      {"parent", absl::StrCat("organizations/", kProgram)},
      {"record_type", "Candidate"},
      {"mou", "pipeline"},
      {"purpose", "hiring_pipeline"},
      {"recipient", absl::StrCat("organizations/", kDistrict)},
      {"request_id", absl::StrCat("hostile-", number)}};
  for (int i = 0; i < request->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *request->GetDescriptor()->field(i);
    const google::protobuf::Reflection& reflection = *request->GetReflection();
    if (const auto found = texts.find(field.name()); found != texts.end()) {
      reflection.SetString(request.get(), &field, found->second);
    } else if (field.name() == "records") {
      reflection.AddString(request.get(), &field, MakeCandidate(0).SerializeAsString());
    } else if (field.name() == "allow_missing") {
      reflection.SetBool(request.get(), &field, true);
    } else if (field.name() == "first_position" || field.name() == "last_position") {
      reflection.SetInt64(request.get(), &field, 1'000'000);
    }
  }
  return request;
}

// Calls `put` with a request for each string in it, at whatever depth, that `text` was put into.
template <typename Put>
void ForEachString(Message& root, Message& message, const std::string& text, Put put) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated()) {
      ForEachString(root, *reflection.MutableMessage(&message, &field), text, put);
      reflection.ClearField(&message, &field);
    }
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    std::unique_ptr<Message> before(message.New());
    before->CopyFrom(message);
    if (field.is_repeated()) {
      reflection.AddString(&message, &field, text);
    } else {
      reflection.SetString(&message, &field, text);
    }
    put(root, field.full_name());
    message.CopyFrom(*before);
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, HostileStringsOnTheWire,
                         ::testing::Values(Engine::kSqlite, Engine::kPostgres), EngineName);

TEST_P(HostileStringsOnTheWire, AreValuesOrRefusedInEveryFieldOfEveryRpc) {
  deployment_.Start();
  Must(Publish(*deployment_.Program(), "first", 0, 20).status());
  const std::string before = Shape(deployment_);
  Wire program(deployment_, deployment_.As(kProgram, "system", "sis"));
  Wire admin(deployment_, deployment_.As(kProgram, "admin", "office"));
  Wire district(deployment_, deployment_.As(kDistrict, "system", "hr"));
  Wire operators(deployment_, deployment_.As("operator", "operator", "root"));
  const auto by = [&](const MethodDescriptor& method) -> Wire& {
    if (method.service()->name() == "ExchangeService") {
      return method.name() == "ReadRecords" || method.name() == "GetRecord" ||
                     method.name() == "ListGrants"
                 ? district
                 : program;
    }
    return method.service()->name() == "KeyService" ? admin : operators;
  };

  int number = 0;
  for (const char* name : {"ExchangeService", "AuditService", "OperatorService", "KeyService"}) {
    const auto* const service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            absl::StrCat("sluice.v1.", name));
    if (service == nullptr) continue;
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      // Each field gets two of them, and all of them are put somewhere.
      for (int round = 0; round < 2; ++round) {
        const std::unique_ptr<Message> request = RightRequest(method, number);
        const std::string& text = HostileStrings()[number % HostileStrings().size()];
        ForEachString(*request, *request, text, [&](const Message& spoiled, const std::string& in) {
          const absl::Time began = absl::Now();
          const grpc::StatusCode code = by(method).Call(method, spoiled);
          EXPECT_THAT(code, ::testing::AnyOf(grpc::OK, grpc::INVALID_ARGUMENT, grpc::NOT_FOUND,
                                             grpc::PERMISSION_DENIED, grpc::FAILED_PRECONDITION))
              << method.full_name() << ", " << in << ": " << text.substr(0, 60);
          EXPECT_LT(absl::Now() - began, absl::Seconds(10)) << in;
          ++number;
        });
      }
    }
  }
  EXPECT_GT(number, 80);
  EXPECT_EQ(Shape(deployment_), before);
  EXPECT_EQ(deployment_.CountReleased(), 20u);
}

TEST_P(HostileStringsOnTheWire, ComeBackByteForByte) {
  deployment_.Start();
  const std::unique_ptr<client::Gateway> program = deployment_.Program();
  std::map<std::string, std::string> sent;  // by the record's key
  const std::unique_ptr<client::PublishStream> stream = program->PublishRecords();
  v1::PublishRecordsRequest batch;
  batch.set_parent(absl::StrCat("organizations/", kProgram));
  batch.set_record_type("Candidate");
  batch.set_request_id("hostile");
  for (size_t i = 0; i < HostileStrings().size(); ++i) {
    const std::string& text = HostileStrings()[i];
    if (text.find('\0') != std::string::npos || text.size() > 200) continue;
    v1::Candidate candidate = MakeCandidate(static_cast<int>(i));
    candidate.set_candidate_id(text);
    candidate.set_first_name(text);
    candidate.set_last_surname(text);
    batch.add_records(candidate.SerializeAsString());
    sent[text] = candidate.SerializeAsString();
  }
  ASSERT_GT(batch.records_size(), 15);
  v1::PublishRecordsResponse answer;
  ASSERT_TRUE(stream->Write(batch) && stream->Read(&answer));
  ASSERT_EQ(answer.state(), v1::PUBLISH_STATE_COMMITTED) << answer.ShortDebugString();

  const auto read_own = [&](const std::string& key) {
    v1::ReadOwnRecordsRequest request;
    request.set_parent(batch.parent());
    request.set_record_type("Candidate");
    if (!key.empty()) {
      v1::Candidate only;
      only.set_candidate_id(key);
      request.set_key(only.SerializeAsString());
    }
    std::map<std::string, std::string> found;
    const auto own = program->ReadOwnRecords(request);
    for (v1::ReadOwnRecordsResponse part; own->Read(&part);) {
      for (const std::string& record : part.batch().records()) {
        v1::Candidate candidate;
        EXPECT_TRUE(candidate.ParseFromString(record));
        found[candidate.candidate_id()] = record;
      }
    }
    Must(own->Finish());
    return found;
  };
  EXPECT_EQ(read_own(""), sent);
  for (const auto& [key, record] : sent) {
    EXPECT_THAT(read_own(key), ::testing::ElementsAre(std::pair(key, record)));
  }
  // Each is the key of its own record and no other's.
  v1::DeleteRecordsRequest deletion;
  deletion.set_parent(batch.parent());
  deletion.set_record_type("Candidate");
  deletion.set_request_id("one");
  v1::Candidate only;
  only.set_candidate_id("x' OR '1'='1");
  deletion.add_keys(only.SerializeAsString());
  const auto deleted = program->DeleteRecords(deletion);
  Must(deleted.status());
  EXPECT_EQ(deleted->deleted_count(), 1);
  EXPECT_EQ(read_own("").size(), sent.size() - 1);
}

TEST(HostileStringsInACertificate, AreNobodysName) {
  StoredDeployment deployment(Engine::kSqlite);
  deployment.Start();
  int number = 0;
  for (const char* name : {"x'; DROP TABLE record; --", "a/../../operator/root"}) {
    pki::CertificateSpec spec = pki::ClientSpec(
        absl::StrCat("spiffe://", kTrustDomain, "/org/", kProgram, "/system/", name),
        {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)});
    const Identity minted = deployment.Mint(kProgram, absl::StrCat("hostile-", number++), spec);
    const absl::Status status = deployment.Connect(minted)->ListGrants({}).status();
    EXPECT_EQ(Reason(status), "UNAUTHENTICATED") << name << status;
  }
  EXPECT_EQ(deployment.CountReleased(), 0u);
}

}  // namespace
}  // namespace sluice::tests
