// Plausible records of people and posts that do not exist: the same for the same seed, type and
// index, whatever was asked for before. For tests, benchmarks and demonstrations.
//
// A value.
#ifndef SLUICE_TESTS_SUPPORT_RECORD_GENERATOR_H_
#define SLUICE_TESTS_SUPPORT_RECORD_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "sluice/v1/records.pb.h"

namespace sluice::testing {

class RecordGenerator {
 public:
  explicit RecordGenerator(uint64_t seed) : seed_(seed) {}

  // About 220 bytes serialized.
  v1::Candidate Candidate(uint64_t index) const;
  // Of the candidate with the same index.
  v1::ProgramEnrollment ProgramEnrollment(uint64_t index) const;
  v1::OpenStaffPosition OpenStaffPosition(uint64_t index) const;
  v1::Employment Employment(uint64_t index) const;

  // By the type's name; nullptr if there is none.
  std::unique_ptr<google::protobuf::Message> Make(absl::string_view type, uint64_t index) const;

 private:
  uint64_t seed_;
};

}  // namespace sluice::testing

#endif  // SLUICE_TESTS_SUPPORT_RECORD_GENERATOR_H_
