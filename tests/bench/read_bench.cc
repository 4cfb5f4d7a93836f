// How fast a release is read, and what a gateway with slow readers holds in memory, beside a bare
// gRPC stream of the same bytes in the same batches over the same mTLS. Gateway and bare server are
// processes of their own; the reader is this one. Prints one JSON object a line.
//
//   read_bench [--records N] [--only NAME]
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "client/connection.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "tests/e2e/deployment.h"
#include "tests/support/record_generator.h"

namespace sluice::tests {
namespace {

constexpr int kRuns = 3;
constexpr int kSlowReaders = 4;
constexpr absl::Duration kSlowness = absl::Milliseconds(5);  // of a slow reader, a message

// --- The bare server: sends the messages that a file holds ---

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

class BareService final
    : public v1::ExchangeService::WithRawCallbackMethod_ReadRecords<v1::ExchangeService::Service> {
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

 private:
  std::vector<grpc::ByteBuffer> messages_;
};

// Serves until it is killed.
int ServeBare(const std::string& messages, const std::string& pki, const std::string& port_file) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  BareService service(messages);
  grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = ReadFile(absl::StrCat(pki, "/", kDistrict, "/ca.pem"));
  ssl.pem_key_cert_pairs.push_back(
      {ReadFile(pki + "/operator/gateway-demo.key"), ReadFile(pki + "/operator/gateway-demo.pem")});
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(ssl), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  WriteFile(port_file + ".new", absl::StrCat(port));
  std::filesystem::rename(port_file + ".new", port_file);
  server->Wait();
  return 0;
}

// --- The reader ---

// Reads a release to its end; rows a second.
double RowsPerSecond(client::Gateway& gateway, int64_t expected,
                     const std::function<void(const v1::ReadRecordsResponse&)>& each = nullptr) {
  const absl::Time begin = absl::Now();
  std::unique_ptr<client::ReadStream> stream = gateway.ReadRecords(ReadRequest("bench"));
  v1::ReadRecordsResponse message;
  int64_t rows = 0;
  while (stream->Read(&message)) {
    rows += message.batch().records_size();
    if (each) each(message);
  }
  Must(stream->Finish());
  if (rows != expected) Must(absl::DataLossError(absl::StrCat(rows, " rows")));
  return static_cast<double>(rows) / absl::ToDoubleSeconds(absl::Now() - begin);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(const char* name, double value, const char* unit, const char* baseline,
           double baseline_value, double ratio) {
  std::printf(
      "{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",\"baseline\":\"%s\",\"baseline_value\":%.1f,"
      "\"ratio\":%.3f}\n",
      name, value, unit, baseline, baseline_value, ratio);
  std::fflush(stdout);
}

void PublishAll(client::Gateway& owner, int records) {
  constexpr int kBatch = 5000;
  constexpr size_t kUnanswered = 4;
  const testing::RecordGenerator generator(7);
  std::unique_ptr<client::PublishStream> stream = owner.PublishRecords();
  v1::PublishRecordsResponse answer;
  size_t unanswered = 0;
  const auto take_answer = [&] {
    if (!stream->Read(&answer)) Must(stream->Finish());
    if (answer.state() != v1::PUBLISH_STATE_COMMITTED) {
      Must(absl::InternalError(answer.ShortDebugString()));
    }
    --unanswered;
  };
  for (int begin = 0; begin < records; begin += kBatch) {
    v1::PublishRecordsRequest batch;
    batch.set_parent(absl::StrCat("organizations/", kProgram));
    batch.set_record_type("Candidate");
    batch.set_request_id(absl::StrCat("bench-", begin));
    for (int i = begin; i < std::min(begin + kBatch, records); ++i) {
      v1::Candidate candidate = generator.Candidate(i);
      candidate.set_expected_completion_year(2027 + i % 3);
      batch.add_records(candidate.SerializeAsString());
    }
    if (!stream->Write(batch)) Must(stream->Finish());
    if (++unanswered == kUnanswered) take_answer();
  }
  stream->WritesDone();
  while (unanswered > 0) take_answer();
  Must(stream->Finish());
}

// A field of /proc/PID/status, in MiB.
double Status(pid_t process, const std::string& field) {
  std::ifstream file(absl::StrCat("/proc/", process, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    int64_t kib = 0;
    if (line.rfind(field + ":", 0) == 0 &&
        absl::SimpleAtoi(absl::StrReplaceAll(line.substr(field.size() + 1), {{"kB", ""}}), &kib)) {
      return static_cast<double>(kib) / 1024;
    }
  }
  return 0;
}

int Run(const std::string& self, int records, const std::string& only) {
  Deployment deployment;
  // A certificate that outlives nothing, and quotas that a load stays within.
  deployment.WriteConfiguration(
      absl::StrCat(deployment.Configuration(), "quotas: {concurrent_streams: 16}\n"));
  deployment.ProposeSigned("bench");
  deployment.Start();
  const auto owner = deployment.Connect(deployment.As(kProgram, "system", "sis"));
  const Identity district = deployment.As(kDistrict, "system", "hiring");
  const auto reader = deployment.Connect(district);
  const absl::Time published = absl::Now();
  PublishAll(*owner, records);
  std::fprintf(stderr, "published %d records in %.1f s\n", records,
               absl::ToDoubleSeconds(absl::Now() - published));

  if (only.empty() || only == "read_vs_bare_grpc") {
    const std::string messages = deployment.Path("messages").string();
    {
      std::ofstream file(messages, std::ios::binary);
      RowsPerSecond(*reader, records, [&file](const v1::ReadRecordsResponse& message) {
        const std::string bytes = message.SerializeAsString();
        const auto size = static_cast<uint32_t>(bytes.size());
        file.write(reinterpret_cast<const char*>(&size), sizeof size);
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      });
    }
    const std::string port_file = deployment.Path("bare-port").string();
    const std::string pki = deployment.Path("pki").string();
    const pid_t bare = fork();
    if (bare == 0) {
      execl(self.c_str(), self.c_str(), "--bare", messages.c_str(), pki.c_str(), port_file.c_str(),
            nullptr);
      _exit(127);
    }
    while (!std::filesystem::exists(port_file)) absl::SleepFor(absl::Milliseconds(10));
    client::ConnectionOptions options;
    options.target = absl::StrCat("127.0.0.1:", ReadFile(port_file));
    options.ca_file = pki + "/operator/ca.pem";
    options.certificate_file = district.certificate;
    options.key_file = district.key;
    options.server_name = "localhost";
    const auto bare_gateway = Must(client::Connect(options));
    std::vector<double> ours, theirs;
    for (int run = 0; run < kRuns; ++run) {
      theirs.push_back(RowsPerSecond(*bare_gateway, records));
      ours.push_back(RowsPerSecond(*reader, records));
    }
    kill(bare, SIGKILL);
    waitpid(bare, nullptr, 0);
    Print("read_vs_bare_grpc", Median(ours), "rows/s", "bare gRPC stream, mTLS, same bytes",
          Median(theirs), Median(ours) / Median(theirs));
  }

  if (only.empty() || only == "rss_slow_readers") {
    const double before = Status(deployment.process(), "VmRSS");
    // The peak is counted anew from here.
    std::ofstream(absl::StrCat("/proc/", deployment.process(), "/clear_refs")) << "5";
    std::vector<std::thread> readers;
    for (int i = 0; i < kSlowReaders; ++i) {
      readers.emplace_back([&] {
        RowsPerSecond(*deployment.Connect(district), records,
                      [](const v1::ReadRecordsResponse&) { absl::SleepFor(kSlowness); });
      });
    }
    for (std::thread& thread : readers) thread.join();
    const double peak = Status(deployment.process(), "VmHWM");
    Print("rss_slow_readers", peak, "MiB", "the same gateway before the readers came", before,
          peak / before);
  }
  return 0;
}

}  // namespace
}  // namespace sluice::tests

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 4 && args[0] == "--bare") {
    return sluice::tests::ServeBare(args[1], args[2], args[3]);
  }
  int records = 1'000'000;
  std::string only;
  for (size_t i = 0; i < args.size(); i += 2) {
    const bool valued = i + 1 < args.size();
    if (valued && args[i] == "--records" && absl::SimpleAtoi(args[i + 1], &records)) continue;
    if (valued && args[i] == "--only") {
      only = args[i + 1];
      continue;
    }
    std::fprintf(stderr, "usage: read_bench [--records N] [--only NAME]\n");
    return 2;
  }
  return sluice::tests::Run("/proc/self/exe", records, only);
}
