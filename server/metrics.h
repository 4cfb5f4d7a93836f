// The gateway's metrics, for Prometheus: counts and states, by names that the code knows. No label
// holds anything that a caller can make up.
//
// Thread-safe.
#ifndef SLUICE_SERVER_METRICS_H_
#define SLUICE_SERVER_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/witness.h"

namespace sluice::server {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // Serves them over HTTP on `address` ("127.0.0.1:0" takes a free port); gives the port.
  absl::StatusOr<int> Serve(const std::string& address);

  // `reason`: "OK", or the stable reason of an error.
  void CountCall(absl::string_view rpc, absl::string_view reason, absl::Duration took);
  void CountRowsReleased(int64_t rows);
  void CountRecordsPublished(int64_t records);
  void SetServing(bool serving);
  void SetLogSize(uint64_t size);
  void SetStaleCrls(int64_t organizations);
  // By the names that the configuration gives them.
  void SetWithoutRevocation(const std::vector<std::string>& organizations);
  // By MOU.
  void SetMouEnds(const std::map<std::string, absl::Time>& ends);
  // By MOU and recipient.
  void SetDutyEnds(const std::map<std::pair<std::string, std::string>, absl::Time>& ends);
  void SetWitnesses(const WitnessReport& report);
  // `disk`: what it is for.
  void SetDisk(const std::string& disk, double free_share, bool is_low);
  void SetPublishBudget(int64_t bytes_outstanding, int64_t streams_waiting);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_METRICS_H_
