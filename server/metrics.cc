#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <exception>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

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
  prometheus::Gauge& publish_bytes =
      BuildGauge()
          .Name("sluice_publish_bytes_outstanding")
          .Help("Bytes of batches that were read and are not answered yet.")
          .Register(*registry)
          .Add({});
  prometheus::Gauge& publish_waiting =
      BuildGauge()
          .Name("sluice_publish_streams_waiting")
          .Help("Publish streams that are not read until others are answered.")
          .Register(*registry)
          .Add({});
  prometheus::Family<prometheus::Gauge>& without_revocation =
      BuildGauge()
          .Name("sluice_organization_without_revocation")
          .Help("1 for an organization that is configured without a revocation list.")
          .Register(*registry);
  prometheus::Gauge& witness_lag =
      BuildGauge()
          .Name("sluice_witness_lag_seconds")
          .Help("How long a checkpoint has been waiting for its quorum of witnesses.")
          .Register(*registry)
          .Add({});
  prometheus::Family<prometheus::Gauge>& witness_troubles =
      BuildGauge()
          .Name("sluice_witness_trouble")
          .Help("1 for a witness whose last answer was no cosignature, by what it was.")
          .Register(*registry);
  prometheus::Family<prometheus::Gauge>& disk_free =
      BuildGauge()
          .Name("sluice_disk_free_ratio")
          .Help("Share of a disk that is free, by what stands on it.")
          .Register(*registry);
  prometheus::Family<prometheus::Gauge>& disk_low =
      BuildGauge()
          .Name("sluice_disk_low")
          .Help("1 while less than a fifth of a disk is free, by what stands on it.")
          .Register(*registry);
  prometheus::Family<prometheus::Gauge>& mou_end =
      BuildGauge()
          .Name("sluice_mou_end_timestamp_seconds")
          .Help(
              "When an MOU's last version ends, if nobody does anything; none for one that is "
              "over.")
          .Register(*registry);
  prometheus::Family<prometheus::Gauge>& obligation_due =
      BuildGauge()
          .Name("sluice_obligation_due_timestamp_seconds")
          .Help(
              "When a recipient's time to attest destruction is over, by MOU and organization; "
              "none "
              "for one that has attested.")
          .Register(*registry);
  absl::Mutex mutex;
  std::vector<prometheus::Gauge*> unrevoked ABSL_GUARDED_BY(mutex);
  std::map<std::string, absl::Time> ends ABSL_GUARDED_BY(mutex);  // as they are shown
  std::vector<prometheus::Gauge*> mou_ends ABSL_GUARDED_BY(mutex);
  std::map<std::pair<std::string, std::string>, absl::Time> duty_ends ABSL_GUARDED_BY(mutex);
  std::vector<prometheus::Gauge*> obligations ABSL_GUARDED_BY(mutex);
  std::vector<prometheus::Gauge*> troubled ABSL_GUARDED_BY(mutex);
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

void Metrics::SetDisk(const std::string& disk, double free_share, bool is_low) {
  rep_->disk_free.Add({{"disk", disk}}).Set(free_share);
  rep_->disk_low.Add({{"disk", disk}}).Set(is_low ? 1 : 0);
}

void Metrics::SetPublishBudget(int64_t bytes_outstanding, int64_t streams_waiting) {
  rep_->publish_bytes.Set(static_cast<double>(bytes_outstanding));
  rep_->publish_waiting.Set(static_cast<double>(streams_waiting));
}

void Metrics::SetWitnesses(const WitnessReport& report) {
  rep_->witness_lag.Set(absl::ToDoubleSeconds(report.lag));
  absl::MutexLock lock(&rep_->mutex);
  for (prometheus::Gauge* gauge : std::exchange(rep_->troubled, {})) {
    rep_->witness_troubles.Remove(gauge);
  }
  for (const WitnessReport::Trouble& trouble : report.troubles) {
    rep_->troubled.push_back(
        &rep_->witness_troubles.Add({{"witness", trouble.witness}, {"trouble", trouble.word}}));
    rep_->troubled.back()->Set(1);
  }
}

void Metrics::SetMouEnds(const std::map<std::string, absl::Time>& ends) {
  absl::MutexLock lock(&rep_->mutex);
  // A scrape between the old ones and the new would find none.
  if (ends == rep_->ends) return;
  rep_->ends = ends;
  for (prometheus::Gauge* gauge : std::exchange(rep_->mou_ends, {})) rep_->mou_end.Remove(gauge);
  for (const auto& [mou, end] : ends) {
    rep_->mou_ends.push_back(&rep_->mou_end.Add({{"mou", mou}}));
    rep_->mou_ends.back()->Set(absl::ToDoubleSeconds(end - absl::UnixEpoch()));
  }
}

void Metrics::SetDutyEnds(const std::map<std::pair<std::string, std::string>, absl::Time>& ends) {
  absl::MutexLock lock(&rep_->mutex);
  if (ends == rep_->duty_ends) return;
  rep_->duty_ends = ends;
  for (prometheus::Gauge* gauge : std::exchange(rep_->obligations, {})) {
    rep_->obligation_due.Remove(gauge);
  }
  for (const auto& [name, end] : ends) {
    rep_->obligations.push_back(
        &rep_->obligation_due.Add({{"mou", name.first}, {"organization", name.second}}));
    rep_->obligations.back()->Set(absl::ToDoubleSeconds(end - absl::UnixEpoch()));
  }
}

void Metrics::SetWithoutRevocation(const std::vector<std::string>& organizations) {
  absl::MutexLock lock(&rep_->mutex);
  for (prometheus::Gauge* gauge : std::exchange(rep_->unrevoked, {})) {
    rep_->without_revocation.Remove(gauge);
  }
  for (const std::string& organization : organizations) {
    rep_->unrevoked.push_back(&rep_->without_revocation.Add({{"organization", organization}}));
    rep_->unrevoked.back()->Set(1);
  }
}

}  // namespace sluice::server
