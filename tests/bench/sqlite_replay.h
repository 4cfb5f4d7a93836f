// What bare SQLite needs for the same: every row of a finished store, in the order and the
// transactions in which it was written, is inserted into an empty database of the same schema. It
// knows no table by its name, but how a row tells when it was written: by its own position, by that
// of its record, or by its place among its owner's subjects.
//
// Functions over files.
#ifndef SLUICE_TESTS_BENCH_SQLITE_REPLAY_H_
#define SLUICE_TESTS_BENCH_SQLITE_REPLAY_H_

#include <cstdint>
#include <string>

namespace sluice::bench {

struct Replayed {
  double seconds = 0;  // of the transactions alone, not of reading what they insert
  int64_t rows = 0;
  int64_t transactions = 0;
};

// `database` is closed, and is not changed; `copy` must not exist. Ends the benchmark on an error.
Replayed ReplayStore(const std::string& database, const std::string& copy);

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_SQLITE_REPLAY_H_
