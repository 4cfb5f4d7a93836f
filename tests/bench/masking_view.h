// What a district does today, as a baseline: a PostgreSQL whose table has row level security and a
// masking view, with an hmac() for each id, from which psql copies to a CSV file over TLS.
//
// One a benchmark; not thread-safe.
#ifndef SLUICE_TESTS_BENCH_MASKING_VIEW_H_
#define SLUICE_TESTS_BENCH_MASKING_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/postgres_server.h"

namespace sluice::bench {

class MaskingView {
 public:
  // A server with the first `count` records of the workload, and a directory for its files.
  MaskingView(int64_t count, std::string directory);
  ~MaskingView();

  // Copies all that the view shows to a file; seconds.
  double CopyToCsv();

 private:
  const int64_t count_;
  const std::string directory_;
  const std::unique_ptr<server::PostgresServer> server_;
  std::string database_;
};

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_MASKING_VIEW_H_
