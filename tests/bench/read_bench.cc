// How fast a release is read, beside a bare gRPC stream of the same bytes in the same batches over
// the same mTLS, and beside the masking view of a database; and what a filter costs that one record
// in a thousand matches. The servers are processes of their own; the reader is this one.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/bench/bare_server.h"
#include "tests/bench/bench_gateway.h"
#include "tests/bench/figure.h"
#include "tests/bench/masking_view.h"
#include "tests/bench/workload.h"

namespace sluice::bench {
namespace {

constexpr char kRead[] = "read_vs_bare_grpc";
constexpr char kMasking[] = "read_vs_masking_view";
constexpr char kFilter[] = "filter_scan";
constexpr int kRuns = 5;

void MeasureRead(BenchGateway& gateway, client::Gateway& reader, int64_t records) {
  const std::string path = gateway.deployment().Path("messages").string();
  double bytes = 0;
  {
    MessageFile messages(path);
    ReadAll(reader, ReadRequest(), records, [&](const v1::ReadRecordsResponse& message) {
      messages.Add(message.SerializeAsString());
      bytes += static_cast<double>(message.ByteSizeLong());
    });
  }
  const BareServer bare(gateway.deployment(), path);
  const std::unique_ptr<client::Gateway> bare_reader = gateway.ConnectReaderTo(bare.target());
  ReadAll(*bare_reader, ReadRequest(), records);
  std::vector<double> ours, theirs;
  for (int run = 0; run < kRuns; ++run) {
    theirs.push_back(ReadAll(*bare_reader, ReadRequest(), records));
    ours.push_back(ReadAll(reader, ReadRequest(), records));
    Say(absl::StrFormat("read in %.3f s, bare in %.3f s", ours.back(), theirs.back()));
  }
  const auto rows = static_cast<double>(records);
  Print({.name = kRead,
         .records = records,
         .value = rows / Median(ours),
         .unit = "rows/s",
         .baseline = "bare gRPC stream, mTLS, same bytes and batches",
         .baseline_value = rows / Median(theirs),
         .ratio = Median(theirs) / Median(ours),
         .details = {{"ns_per_row", Median(ours) / rows * 1e9},
                     {"bare_ns_per_row", Median(theirs) / rows * 1e9},
                     {"bytes_per_row", bytes / rows},
                     {"bytes_per_record", static_cast<double>(RecordOf(0).ByteSizeLong())}}});
}

void MeasureFilter(client::Gateway& reader, int64_t records) {
  v1::ReadRecordsRequest filtered = ReadRequest();
  filtered.set_filter(kFilterOfOneInThousand);
  ReadAll(reader, ReadRequest(), records);
  std::vector<double> full, scan;
  for (int run = 0; run < kRuns; ++run) {
    full.push_back(ReadAll(reader, ReadRequest(), records));
    scan.push_back(ReadAll(reader, filtered, records / 1000));
    Say(absl::StrFormat("full read in %.3f s, filtered in %.3f s", full.back(), scan.back()));
  }
  const auto rows = static_cast<double>(records);
  Print({.name = kFilter,
         .records = records,
         .value = Median(scan) / rows * 1e9,
         .unit = "ns/record",
         .baseline = "full read, a record",
         .baseline_value = Median(full) / rows * 1e9,
         .ratio = Median(scan) / Median(full)});
}

void MeasureMasking(BenchGateway& gateway, client::Gateway& reader, int64_t records) {
  MaskingView view(records, gateway.deployment().Path("").string());
  view.CopyToCsv();
  ReadAll(reader, ReadRequest(), records);
  std::vector<double> ours, theirs;
  for (int run = 0; run < kRuns; ++run) {
    theirs.push_back(view.CopyToCsv());
    ours.push_back(ReadAll(reader, ReadRequest(), records));
    Say(absl::StrFormat("read in %.3f s, masking view in %.3f s", ours.back(), theirs.back()));
  }
  const auto rows = static_cast<double>(records);
  Print({.name = kMasking,
         .records = records,
         .value = rows / Median(ours),
         .unit = "rows/s",
         .baseline = "PostgreSQL row security, masking view, CSV over TLS",
         .baseline_value = rows / Median(theirs),
         .ratio = Median(theirs) / Median(ours)});
}

int Main(const Flags& flags) {
  const int64_t records = flags.RecordsOf(kRead) / 1000 * 1000;
  BenchGateway gateway;
  gateway.Publish(records);
  const std::unique_ptr<client::Gateway> reader = gateway.ConnectReader();
  if (flags.Wants(kRead)) MeasureRead(gateway, *reader, records);
  if (flags.Wants(kFilter)) MeasureFilter(*reader, records);
  if (flags.Wants(kMasking)) MeasureMasking(gateway, *reader, records);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  if (const std::optional<int> served = BareServer::Serve(argc, argv)) return *served;
  return Main(ParseFlags(argc, argv, "Reads releases of a gateway, whole and filtered.",
                         {{kRead, 1'000'000}, {kMasking, 1'000'000}, {kFilter, 1'000'000}}));
}
