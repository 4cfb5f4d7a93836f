// A gateway as a process with the benchmarks' MOU in force, and what they do with it: publish the
// workload, read it back, look at the process.
//
// One a benchmark; not thread-safe, but for Connect and ReadAll.
#ifndef SLUICE_TESTS_BENCH_BENCH_GATEWAY_H_
#define SLUICE_TESTS_BENCH_BENCH_GATEWAY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "client/gateway.h"
#include "tests/bench/workload.h"
#include "tests/e2e/deployment.h"

namespace sluice::bench {

class BenchGateway {
 public:
  // Starts it, with `mous` more MOUs of the same kind in its inbox.
  explicit BenchGateway(int64_t mous = 0);

  tests::Deployment& deployment() { return deployment_; }
  std::unique_ptr<client::Gateway> ConnectOwner();
  std::unique_ptr<client::Gateway> ConnectReader() const;
  // The reader's connection to another server of this deployment's PKI.
  std::unique_ptr<client::Gateway> ConnectReaderTo(const std::string& target) const;

  // Publishes `count` records; seconds from the first batch sent to the last answer COMMITTED. They
  // are made as they are sent.
  double Publish(int64_t count);
  // The same, all made before, so that what makes them takes no time of the gateway's.
  double PublishMade(int64_t count, const Night& night = {});

  // In MiB: "VmRSS", "VmHWM" (the peak since the process began, or since ForgetPeak).
  double Memory(const std::string& field) const;
  void ForgetPeak() const;

 private:
  // `load` of them are made at a time.
  double Publish(int64_t count, int64_t load, const Night& night);

  tests::Deployment deployment_;
  tests::Identity reader_;
};

// Reads a release to its end; seconds. `expected` rows, or the benchmark ends.
double ReadAll(client::Gateway& gateway, const v1::ReadRecordsRequest& request, int64_t expected,
               const std::function<void(const v1::ReadRecordsResponse&)>& each = nullptr);

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_BENCH_GATEWAY_H_
