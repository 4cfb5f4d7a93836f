#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <exception>

#include "absl/strings/str_cat.h"

namespace sluice::server {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

struct Metrics::Rep {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Family<prometheus::Counter>& calls = BuildCounter()
                                                       .Name("sluice_calls_total")
                                                       .Help("Calls, by RPC and reason.")
                                                       .Register(*registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      BuildHistogram().Name("sluice_call_seconds").Help("How long calls took.").Register(*registry);
  prometheus::Counter& rows = BuildCounter()
                                  .Name("sluice_rows_released_total")
                                  .Help("Rows that left to other organizations.")
                                  .Register(*registry)
                                  .Add({});
  prometheus::Counter& records = BuildCounter()
                                     .Name("sluice_records_published_total")
                                     .Help("Records in committed batches.")
                                     .Register(*registry)
                                     .Add({});
  prometheus::Gauge& serving = BuildGauge()
                                   .Name("sluice_serving")
                                   .Help("1 while data is served.")
                                   .Register(*registry)
                                   .Add({});
  prometheus::Gauge& log_size =
      BuildGauge().Name("sluice_log_size").Help("Entries in the log.").Register(*registry).Add({});
  prometheus::Gauge& stale_crls =
      BuildGauge()
          .Name("sluice_stale_crls")
          .Help("Organizations refused because their CRL is out of date.")
          .Register(*registry)
          .Add({});
  std::unique_ptr<prometheus::Exposer> exposer;
};

Metrics::Metrics() : rep_(std::make_unique<Rep>()) {}
Metrics::~Metrics() = default;

absl::StatusOr<int> Metrics::Serve(const std::string& address) {
  // The library speaks by exceptions.
  try {
    rep_->exposer = std::make_unique<prometheus::Exposer>(address, 1);
    rep_->exposer->RegisterCollectable(rep_->registry);
    const std::vector<int> ports = rep_->exposer->GetListeningPorts();
    if (ports.empty()) return absl::UnavailableError("metrics: no port");
    return ports[0];
  } catch (const std::exception& e) {
    return absl::UnavailableError(absl::StrCat("metrics: can't listen on ", address));
  }
}

void Metrics::CountCall(absl::string_view rpc, absl::string_view reason, absl::Duration took) {
  rep_->calls.Add({{"rpc", std::string(rpc)}, {"reason", std::string(reason)}}).Increment();
  rep_->seconds
      .Add(
          {{"rpc", std::string(rpc)}},
          prometheus::Histogram::BucketBoundaries{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60})
      .Observe(absl::ToDoubleSeconds(took));
}

void Metrics::CountRowsReleased(int64_t rows) { rep_->rows.Increment(static_cast<double>(rows)); }
void Metrics::CountRecordsPublished(int64_t records) {
  rep_->records.Increment(static_cast<double>(records));
}
void Metrics::SetServing(bool serving) { rep_->serving.Set(serving ? 1 : 0); }
void Metrics::SetLogSize(uint64_t size) { rep_->log_size.Set(static_cast<double>(size)); }
void Metrics::SetStaleCrls(int64_t organizations) {
  rep_->stale_crls.Set(static_cast<double>(organizations));
}

}  // namespace sluice::server
