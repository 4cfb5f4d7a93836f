#include "tests/bench/bench_gateway.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "client/pki.h"
#include "tests/bench/figure.h"

namespace sluice::bench {
namespace {

using tests::kDistrict;
using tests::kProgram;
using tests::Must;

// Of batches: half of what a stream may have, so that the gateway always has the next one.
constexpr size_t kUnanswered = 8;

void Propose(tests::Deployment& deployment, const std::string& name) {
  const auto ca = [&](const char* organization) {
    return Must(pki::SpkiDigest(
        tests::ReadFile(deployment.Path(absl::StrCat("pki/", organization, "/signatory-ca.pem")))));
  };
  const auto day = [](absl::Duration from_now) {
    return absl::FormatTime("%Y-%m-%d", absl::Now() + from_now, absl::UTCTimeZone());
  };
  deployment.Propose(name, Document(name, ca(kProgram), ca(kDistrict), day(-absl::Hours(48)),
                                    day(absl::Hours(24 * 300))));
  deployment.Sign(name, kProgram);
  deployment.Sign(name, kDistrict);
}

}  // namespace

BenchGateway::BenchGateway(int64_t mous) {
  // Quotas that a load stays within.
  deployment_.WriteConfiguration(
      absl::StrCat(deployment_.Configuration(),
                   "quotas: {concurrent_streams: 64, total_streams: 128, calls_per_second: "
                   "1000000, bytes_published_per_day: "
                   "1000000000000, rows_owned: 1000000000}\n"));
  Propose(deployment_, kMou);
  for (int64_t i = 0; i < mous; ++i) Propose(deployment_, absl::StrCat("further-", i));
  reader_ = deployment_.As(kDistrict, "system", "hiring");
  deployment_.Start();
}

std::unique_ptr<client::Gateway> BenchGateway::ConnectOwner() {
  return deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
}

std::unique_ptr<client::Gateway> BenchGateway::ConnectReader() const {
  return deployment_.Connect(reader_);
}

std::unique_ptr<client::Gateway> BenchGateway::ConnectReaderTo(const std::string& target) const {
  return deployment_.ConnectTo(target, reader_);
}

double BenchGateway::Publish(int64_t count) { return Publish(count, kBatchRecords, {}); }

double BenchGateway::PublishMade(int64_t count, const Night& night) {
  return Publish(count, count, night);
}

double BenchGateway::Publish(int64_t count, int64_t load, const Night& night) {
  const std::unique_ptr<client::Gateway> owner = ConnectOwner();
  const std::unique_ptr<client::PublishStream> stream = owner->PublishRecords();
  std::vector<v1::PublishRecordsRequest> batches = Batches(0, std::min(load, count), night);
  v1::PublishRecordsResponse answer;
  size_t unanswered = 0;
  const auto take_answer = [&] {
    if (!stream->Read(&answer)) Must(stream->Finish());
    if (answer.state() != v1::PUBLISH_STATE_COMMITTED) {
      Must(absl::InternalError(answer.ShortDebugString()));
    }
    --unanswered;
  };
  const absl::Time begin = absl::Now();
  for (int64_t sent = 0; sent < count; sent += load) {
    if (sent > 0) batches = Batches(sent, std::min(sent + load, count), night);
    for (const v1::PublishRecordsRequest& batch : batches) {
      if (!stream->Write(batch)) Must(stream->Finish());
      if (++unanswered == kUnanswered) take_answer();
    }
  }
  stream->WritesDone();
  while (unanswered > 0) take_answer();
  Must(stream->Finish());
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  Say(absl::StrFormat("published %d records in %.1f s", count, seconds));
  return seconds;
}

double BenchGateway::Memory(const std::string& field) const {
  std::ifstream file(absl::StrCat("/proc/", deployment_.process(), "/status"));
  std::string line;
  while (std::getline(file, line)) {
    int64_t kib = 0;
    if (line.rfind(field + ":", 0) == 0 &&
        absl::SimpleAtoi(absl::StrReplaceAll(line.substr(field.size() + 1), {{"kB", ""}}), &kib)) {
      return static_cast<double>(kib) / 1024;
    }
  }
  Must(absl::InternalError(absl::StrCat("no ", field)));
  return 0;
}

void BenchGateway::ForgetPeak() const {
  std::ofstream(absl::StrCat("/proc/", deployment_.process(), "/clear_refs")) << "5";
}

double ReadAll(client::Gateway& gateway, const v1::ReadRecordsRequest& request, int64_t expected,
               const std::function<void(const v1::ReadRecordsResponse&)>& each) {
  const absl::Time begin = absl::Now();
  const std::unique_ptr<client::ReadStream> stream = gateway.ReadRecords(request);
  v1::ReadRecordsResponse message;
  int64_t rows = 0;
  while (stream->Read(&message)) {
    rows += message.batch().records_size();
    if (each) each(message);
  }
  Must(stream->Finish());
  if (rows != expected) {
    Must(absl::DataLossError(absl::StrCat(rows, " rows instead of ", expected)));
  }
  return absl::ToDoubleSeconds(absl::Now() - begin);
}

}  // namespace sluice::bench
