#include "server/witness_log.h"

#include <utility>

#include "absl/time/time.h"
#include "server/json_log.h"

namespace sluice::server {

void WitnessLog::Say(const WitnessReport& report) {
  absl::btree_map<std::string, std::string> troubled;
  for (const WitnessReport::Trouble& trouble : report.troubles) {
    troubled[trouble.witness] = trouble.word;
    const auto before = troubled_.find(trouble.witness);
    if (before != troubled_.end() && before->second == trouble.word) continue;
    LogLine(LogLine::Level::kWarning, "witness")
        .With("witness", trouble.witness)
        .With("state", trouble.word)
        .With("cause", trouble.detail);
  }
  for (const auto& [witness, word] : troubled_) {
    if (troubled.contains(witness)) continue;
    LogLine(LogLine::Level::kInfo, "witness").With("witness", witness).With("state", "COSIGNS");
  }
  troubled_ = std::move(troubled);
  if (report.is_late == std::exchange(is_late_, report.is_late)) return;
  LogLine(report.is_late ? LogLine::Level::kWarning : LogLine::Level::kInfo, "witnesses")
      .With("state", report.is_late ? "WITNESS_LATE" : "READY")
      .With("lag_seconds", absl::ToInt64Seconds(report.lag));
}

}  // namespace sluice::server
