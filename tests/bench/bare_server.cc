#include "tests/bench/bare_server.h"

#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sluice/v1/exchange_service.grpc.pb.h"

namespace sluice::bench {
namespace {

using tests::ReadFile;
using tests::WriteFile;

constexpr char kServe[] = "--bare-server";

class BareStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit BareStream(const std::vector<grpc::ByteBuffer>* messages) : messages_(messages) {
    Next();
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (next_ == messages_->size()) return Finish(grpc::Status::OK);
    StartWrite(&(*messages_)[next_++]);
  }

  const std::vector<grpc::ByteBuffer>* const messages_;
  size_t next_ = 0;
};

using RawGet = v1::ExchangeService::WithRawCallbackMethod_GetRecord<v1::ExchangeService::Service>;
using RawGetAndRead = v1::ExchangeService::WithRawCallbackMethod_ReadRecords<RawGet>;

class BareService final : public RawGetAndRead {
 public:
  explicit BareService(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    uint32_t size = 0;
    while (file.read(reinterpret_cast<char*>(&size), sizeof size)) {
      grpc::Slice slice(size);
      file.read(const_cast<char*>(reinterpret_cast<const char*>(slice.begin())), size);
      messages_.emplace_back(&slice, 1);
    }
  }
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ReadRecords(grpc::CallbackServerContext*,
                                                          const grpc::ByteBuffer*) override {
    return new BareStream(&messages_);
  }
  grpc::ServerUnaryReactor* GetRecord(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                      grpc::ByteBuffer* answer) override {
    *answer = messages_.at(0);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  std::vector<grpc::ByteBuffer> messages_;
};

}  // namespace

void MessageFile::Add(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  file_.write(reinterpret_cast<const char*>(&size), sizeof size);
  file_.write(message.data(), static_cast<std::streamsize>(message.size()));
  if (!file_.flush()) tests::Must(absl::ResourceExhaustedError("no room for the messages"));
}

BareServer::BareServer(const tests::Deployment& deployment, const std::string& messages) {
  const std::string port_file = deployment.Path("bare-port").string();
  const std::string pki = deployment.Path("pki").string();
  process_ = fork();
  if (process_ == 0) {
    execl("/proc/self/exe", "bare-server", kServe, messages.c_str(), pki.c_str(), port_file.c_str(),
          nullptr);
    _exit(127);
  }
  tests::WaitFor("the bare server's port", [&] { return std::filesystem::exists(port_file); });
  target_ = absl::StrCat("127.0.0.1:", ReadFile(port_file));
}

BareServer::~BareServer() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::optional<int> BareServer::Serve(int argc, char** argv) {
  if (argc != 5 || absl::string_view(argv[1]) != kServe) return std::nullopt;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  BareService service(argv[2]);
  const std::string pki = argv[3], port_file = argv[4];
  grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = ReadFile(absl::StrCat(pki, "/", tests::kDistrict, "/ca.pem"));
  ssl.pem_key_cert_pairs.push_back(
      {ReadFile(pki + "/operator/gateway-demo.key"), ReadFile(pki + "/operator/gateway-demo.pem")});
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(ssl), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  WriteFile(port_file + ".new", absl::StrCat(port));
  std::filesystem::rename(port_file + ".new", port_file);
  server->Wait();
  return 0;
}

}  // namespace sluice::bench
