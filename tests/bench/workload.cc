#include "tests/bench/workload.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/substitute.h"
#include "policy/catalog.h"
#include "tests/support/record_generator.h"

namespace sluice::bench {
namespace {

constexpr char kProgram[] = "state-university";
constexpr uint64_t kSeed = 7;

}  // namespace

v1::MentorAssignment RecordOf(int64_t index, int version) {
  const testing::RecordGenerator generator(kSeed);
  const auto number = static_cast<uint64_t>(index);
  v1::MentorAssignment record = generator.MentorAssignment(number);
  const v1::Employment mentor = generator.Employment(number / 3);
  record.mutable_end_date()->set_year(2027);
  record.mutable_end_date()->set_month(5);
  record.mutable_end_date()->set_day(1 + static_cast<int>(index % 28));
  record.set_mentor_name(
      absl::StrCat(mentor.first_name(), " Maria ", mentor.last_surname(), " MEd"));
  record.set_mentor_mail(
      absl::StrFormat("mentor.%d.%d@staff.river-unified.k12.example", index / 3, version));
  v1::PayShare& share = *record.add_pay_shares();
  share.set_paid_by_org(470002);
  share.mutable_fte_split()->set_value("0.2");
  *record.mutable_source()->mutable_collected_date() = record.end_date();
  record.mutable_source()->set_school_year(2027);
  record.mutable_source()->set_change_version(index % 1000);
  return record;
}

std::vector<v1::PublishRecordsRequest> Batches(int64_t begin, int64_t end, const Night& night) {
  std::vector<v1::PublishRecordsRequest> batches;
  for (; begin < end; begin += kBatchRecords) {
    v1::PublishRecordsRequest& batch = batches.emplace_back();
    batch.set_parent(absl::StrCat("organizations/", kProgram));
    batch.set_record_type(kRecordType);
    batch.set_request_id(absl::StrCat("bench-", night.night, "-", begin));
    for (int64_t i = begin; i < std::min(begin + kBatchRecords, end); ++i) {
      batch.add_records(RecordOf(i, night.version).SerializeAsString());
    }
  }
  return batches;
}

std::string Document(absl::string_view name, absl::string_view program_ca,
                     absl::string_view district_ca, absl::string_view effective,
                     absl::string_view expires) {
  return absl::Substitute(
      "mou: $0\n"
      "version: 1\n"
      "title: For a benchmark\n"
      "parties:\n"
      "  - {organization: state-university, signatory_ca: $1}\n"
      "  - {organization: river-unified, signatory_ca: $2}\n"
      "catalog: {$3: $4}\n"
      "authority:\n"
      "  - {basis: FERPA_DEIDENTIFIED, citation: \"34 CFR 99.31(b)(1)\"}\n"
      "  - {basis: PERSONNEL_DEIDENTIFIED, citation: The state's law}\n"
      "term: {effective: $5, expires: $6}\n"
      "purposes:\n"
      "  hiring_pipeline: Plan the hiring of teachers.\n"
      "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\n"
      "grants:\n"
      "  - name: mentors\n"
      "    from: state-university\n"
      "    to: [river-unified]\n"
      "    purpose: hiring_pipeline\n"
      "    record: $3\n"
      "    operations: [READ]\n"
      "    fields:\n"
      "      candidate_id: pseudonymize\n"
      "      staff_id: pseudonymize\n"
      "      relationship: pass\n"
      "      begin_date: {generalize: {to: MONTH}}\n"
      "      end_date: {generalize: {to: YEAR}}\n"
      "      employer_org: pass\n"
      "      source.change_version: pass\n"
      "prohibitions: []\n",
      name, program_ca, district_ca, kRecordType,
      policy::Catalog::BuiltIn().value()->Find(kRecordType)->digest(), effective, expires);
}

v1::ReadRecordsRequest ReadRequest() {
  v1::ReadRecordsRequest request;
  request.set_mou(kMou);
  request.set_purpose("hiring_pipeline");
  request.set_record_type(kRecordType);
  return request;
}

}  // namespace sluice::bench
