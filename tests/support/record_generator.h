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
#include "sluice/v1/candidate_records.pb.h"
#include "sluice/v1/evaluation_records.pb.h"
#include "sluice/v1/organization_records.pb.h"
#include "sluice/v1/person_records.pb.h"
#include "sluice/v1/staff_records.pb.h"

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
  // These are of the persons whom Candidate and Employment make with the same index.
  v1::Placement Placement(uint64_t index) const;
  v1::Recognition Recognition(uint64_t index) const;
  v1::MentorAssignment MentorAssignment(uint64_t index) const;
  v1::Credential Credential(uint64_t index) const;
  v1::EvaluationRating EvaluationRating(uint64_t index) const;
  v1::SurveyResponse SurveyResponse(uint64_t index) const;
  v1::PdAttendance PdAttendance(uint64_t index) const;
  v1::CommunityMembership CommunityMembership(uint64_t index) const;
  v1::PersonIdentity PersonIdentity(uint64_t index) const;
  v1::Organization Organization(uint64_t index) const;
  v1::Program Program(uint64_t index) const;
  v1::WorkforceProjection WorkforceProjection(uint64_t index) const;
  v1::SharedResource SharedResource(uint64_t index) const;

  // By the type's name; nullptr if there is none.
  std::unique_ptr<google::protobuf::Message> Make(absl::string_view type, uint64_t index) const;

 private:
  uint64_t seed_;
};

}  // namespace sluice::testing

#endif  // SLUICE_TESTS_SUPPORT_RECORD_GENERATOR_H_
