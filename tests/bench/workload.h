// The records that the benchmarks publish and read, and the document that opens them: assignments
// of mentors, some 220 bytes each, of two subjects. River Unified receives them under one MOU: both
// ids pseudonymized, both dates generalized, the rest of what leaves passed.
//
// Pure functions.
#ifndef SLUICE_TESTS_BENCH_WORKLOAD_H_
#define SLUICE_TESTS_BENCH_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sluice/v1/exchange_service.pb.h"
#include "sluice/v1/person_records.pb.h"

namespace sluice::bench {

inline constexpr char kRecordType[] = "MentorAssignment";
inline constexpr char kMou[] = "bench";
// As many as a batch may have, which is as much as one transaction takes: so that a batch is one.
inline constexpr int64_t kBatchRecords = 10'000;

// Another `version` of a record has the same key and other content.
v1::MentorAssignment RecordOf(int64_t index, int version = 0);

// A publish of all records; another `night` is asked for by other request ids.
struct Night {
  int night = 0;
  int version = 0;  // of every record
};
// Records [begin, end) in batches that are ready to be sent.
std::vector<v1::PublishRecordsRequest> Batches(int64_t begin, int64_t end, const Night& night);

// The MOU between program and district, under the digests of their signatory CAs.
std::string Document(absl::string_view name, absl::string_view program_ca,
                     absl::string_view district_ca, absl::string_view effective,
                     absl::string_view expires);

v1::ReadRecordsRequest ReadRequest();
// Matches every 1,000th record.
inline constexpr char kFilterOfOneInThousand[] = "source.change_version = 7";

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_WORKLOAD_H_
