#include "tests/support/record_generator.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/record_dice.h"

namespace sluice::testing {

namespace {

constexpr std::array<const char*, 24> kFirstNames = {
    "Ada",  "Amir",  "Beth",  "Carlos", "Dana",  "Elif",  "Farid",  "Grace",
    "Hana", "Ivo",   "Jamal", "Keiko",  "Lena",  "Mateo", "Nadia",  "Omar",
    "Pia",  "Quinn", "Rosa",  "Samir",  "Tessa", "Uma",   "Viktor", "Zoë"};
constexpr std::array<const char*, 24> kSurnames = {
    "Abbot",    "Baptiste", "Castillo", "Dvorak", "Eriksen", "Fontaine", "Garcia",  "Hughes",
    "Ibrahim",  "Jensen",   "Kowalski", "Lopez",  "Muñoz",   "Nakamura", "O'Neill", "Petrov",
    "Quintana", "Reyes",    "Santos",   "Tanaka", "Ueda",    "Vance",    "Walker",  "Young"};
constexpr std::array<const char*, 10> kSubjects = {
    "Mathematics", "Physics", "Chemistry",      "Biology",           "English Language Arts",
    "Mathematics", "Science", "Social Studies", "Special Education", "Computer Science"};
constexpr std::array<const char*, 8> kRaces = {"White",
                                               "White",
                                               "White",
                                               "Black or African American",
                                               "Black or African American",
                                               "Asian",
                                               "Hispanic or Latino",
                                               "American Indian or Alaska Native"};
// Of the first, 036, there are too few people for its three digits.
constexpr std::array<const char*, 10> kPostalCodes = {"03601", "37203", "37204", "37206", "37209",
                                                      "37211", "38103", "38104", "60614", "60622"};
constexpr std::array<const char*, 4> kPathways = {"Traditional", "Residency", "Internship",
                                                  "Fellowship"};
constexpr std::array<const char*, 6> kGrades = {"Sixth grade", "Seventh grade", "Eighth grade",
                                                "Ninth grade", "Tenth grade",   "Eleventh grade"};

}  // namespace

v1::Candidate RecordGenerator::Candidate(uint64_t index) const {
  Dice dice(seed_, kCandidate, index);
  v1::Candidate c;
  c.set_candidate_id(absl::StrFormat("C%07d", index + 1));
  const std::string first = dice.Of(kFirstNames), last = dice.Of(kSurnames);
  c.set_first_name(first);
  c.set_last_surname(last);
  RandomDate(1985, 2005, dice, c.mutable_birth_date());
  c.set_home_postal_code(dice.Of(kPostalCodes));
  c.set_sex(Code("Sex", dice.Percent(65) ? "Female" : "Male"));
  c.add_race(Code("Race", dice.Of(kRaces)));
  c.set_hispanic_latino_ethnicity(dice.Percent(15));
  if (dice.Percent(40)) c.set_first_generation_student(dice.Percent(50));
  c.set_subject_area(Code("AcademicSubject", dice.Of(kSubjects)));
  c.set_expected_completion_year(dice.Between(2026, 2029));
  c.mutable_source()->set_school_year(2027);
  c.mutable_source()->set_change_version(static_cast<int64_t>(index) + 1000);
  return c;
}

v1::ProgramEnrollment RecordGenerator::ProgramEnrollment(uint64_t index) const {
  const v1::Candidate candidate = Candidate(index);
  Dice dice(seed_, kEnrollment, index);
  v1::ProgramEnrollment e;
  e.set_candidate_id(candidate.candidate_id());
  e.mutable_program()->set_education_organization_id(150001);
  e.mutable_program()->set_program_name(dice.Percent(70) ? "Secondary Education" : "UTeach");
  e.mutable_program()->set_program_type("uri://tpdm.ed-fi.org/ProgramTypeDescriptor#Traditional");
  const int begin = candidate.expected_completion_year() - dice.Between(2, 4);
  SetDate(begin, 8, dice.Between(15, 28), e.mutable_begin_date());
  v1::Cohort& cohort = *e.add_cohorts();
  cohort.set_school_year(begin + 1);
  cohort.set_term(Code("Term", "Fall Semester"));
  e.mutable_expected_completion()->set_school_year(candidate.expected_completion_year());
  e.mutable_expected_completion()->set_term(
      Code("Term", dice.Percent(80) ? "Spring Semester" : "Fall Semester"));
  e.set_pathway(Code("EPPProgramPathway", dice.Of(kPathways)));
  e.add_subject_area(candidate.subject_area());
  e.set_completer(false);
  e.mutable_source()->set_school_year(2027);
  return e;
}

v1::OpenStaffPosition RecordGenerator::OpenStaffPosition(uint64_t index) const {
  Dice dice(seed_, kPosition, index);
  v1::OpenStaffPosition p;
  p.set_education_organization_id(4700000 + dice.Between(1, 40));
  p.set_requisition_number(absl::StrFormat("REQ-%06d", index + 1));
  const char* const subject = dice.Of(kSubjects);
  p.set_position_title(absl::StrCat("Teacher, ", subject));
  p.set_employment_status(Code("EmploymentStatus", "Contractual"));
  p.set_staff_classification(Code("StaffClassification", "Secondary Teacher"));
  p.add_subject_area(Code("AcademicSubject", subject));
  const int grades = dice.Between(1, 3);
  for (int i = 0; i < grades; ++i) p.add_grade_level(Code("GradeLevel", kGrades[i * 2]));
  p.set_school_year(dice.Between(2027, 2029));
  p.mutable_full_time_equivalency()->set_value(dice.Percent(85) ? "1.0" : "0.5");
  const int month = dice.Between(2, 6);
  SetDate(2026, month, dice.Between(1, 28), p.mutable_date_posted());
  p.set_is_active(dice.Percent(75));
  if (!p.is_active()) {
    SetDate(2026, month + 2, dice.Between(1, 28), p.mutable_date_posting_removed());
    p.set_posting_result(Code("PostingResult", "Position Filled"));
  }
  p.set_high_need_subject(dice.Percent(40));
  p.set_program_assignment(Code("ProgramAssignment", "Regular Education"));
  p.set_reason(Code("OpenStaffPositionReason", dice.Percent(60) ? "Replacement" : "New position"));
  v1::OpenStaffPositionEvent& event = *p.add_events();
  event.set_event(Code("OpenStaffPositionEventType", "Posted"));
  *event.mutable_date() = p.date_posted();
  p.mutable_source()->set_school_year(2027);
  return p;
}

v1::Employment RecordGenerator::Employment(uint64_t index) const {
  Dice dice(seed_, kEmployment, index);
  v1::Employment e;
  e.set_staff_id(absl::StrFormat("S%07d", index + 1));
  e.set_employing_org(470001);
  RandomDate(1995, 2026, dice, e.mutable_hire_date());
  const std::string first = dice.Of(kFirstNames), last = dice.Of(kSurnames);
  e.set_first_name(first);
  e.set_last_surname(last);
  e.set_school_id(4700000 + dice.Between(1, 40));
  e.add_subject_area(Code("AcademicSubject", dice.Of(kSubjects)));
  e.add_grade_level(Code("GradeLevel", dice.Of(kGrades)));
  e.set_staff_classification(Code("StaffClassification", "Secondary Teacher"));
  e.set_employment_status(
      Code("EmploymentStatus", dice.Percent(60) ? "Tenured or permanent" : "Probationary"));
  e.mutable_full_time_equivalency()->set_value(dice.Percent(90) ? "1.0" : "0.6");
  const int years = 2026 - e.hire_date().year();
  e.mutable_seniority()->set_value(absl::StrCat(years));
  e.set_tenured(years > 5);
  if (dice.Percent(12)) {
    SetDate(2026, 6, 30, e.mutable_end_date());
    e.set_separation(Code("Separation", "Voluntary separation"));
    e.set_separation_reason(
        Code("SeparationReason", dice.Percent(50) ? "Retirement" : "Employment elsewhere"));
  }
  e.mutable_annual_wage()->set_value(absl::StrCat(dice.Between(42000, 91000), ".00"));
  e.set_retained_next_year(!e.has_end_date());
  e.mutable_source()->set_school_year(2027);
  return e;
}

std::unique_ptr<google::protobuf::Message> RecordGenerator::Make(absl::string_view type,
                                                                 uint64_t index) const {
  std::unique_ptr<google::protobuf::Message> made;
  const auto make = [&](absl::string_view name, auto member) {
    if (type != name) return;
    auto record = (this->*member)(index);
    made = std::make_unique<decltype(record)>(std::move(record));
  };
  make("Candidate", &RecordGenerator::Candidate);
  make("ProgramEnrollment", &RecordGenerator::ProgramEnrollment);
  make("OpenStaffPosition", &RecordGenerator::OpenStaffPosition);
  make("Employment", &RecordGenerator::Employment);
  make("Placement", &RecordGenerator::Placement);
  make("Recognition", &RecordGenerator::Recognition);
  make("MentorAssignment", &RecordGenerator::MentorAssignment);
  make("Credential", &RecordGenerator::Credential);
  make("EvaluationRating", &RecordGenerator::EvaluationRating);
  make("SurveyResponse", &RecordGenerator::SurveyResponse);
  make("PdAttendance", &RecordGenerator::PdAttendance);
  make("CommunityMembership", &RecordGenerator::CommunityMembership);
  make("PersonIdentity", &RecordGenerator::PersonIdentity);
  make("Organization", &RecordGenerator::Organization);
  make("Program", &RecordGenerator::Program);
  make("WorkforceProjection", &RecordGenerator::WorkforceProjection);
  make("SharedResource", &RecordGenerator::SharedResource);
  return made;
}

}  // namespace sluice::testing
