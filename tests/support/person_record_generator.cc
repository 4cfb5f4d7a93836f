#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/record_dice.h"
#include "tests/support/record_generator.h"

namespace sluice::testing {
namespace {

constexpr std::array<const char*, 5> kFields = {"Mathematics", "Science", "Physics", "Biology",
                                                "English"};
constexpr std::array<const char*, 4> kLevels = {"Developing", "Effective", "Highly Effective",
                                                "Accomplished"};

std::string Ours(const char* set, const char* value) {
  return absl::StrCat("uri://sluice/", set, "Descriptor#", value);
}

std::string State() { return Code("SourceSystem", "State"); }
std::string PersonOf(uint64_t index) { return absl::StrFormat("P%07d", index + 1); }
std::string CandidateOf(uint64_t index) { return absl::StrFormat("C%07d", index + 1); }
std::string StaffOf(uint64_t index) { return absl::StrFormat("S%07d", index + 1); }

}  // namespace

v1::Placement RecordGenerator::Placement(uint64_t index) const {
  Dice dice(seed_, kPlacement, index);
  v1::Placement p;
  p.set_fieldwork_id(absl::StrFormat("F%07d", index + 1));
  p.set_candidate_id(CandidateOf(index));
  p.set_school_id(4700000 + dice.Between(1, 40));
  SetDate(2026, 8, dice.Between(1, 28), p.mutable_begin_date());
  if (dice.Percent(60)) SetDate(2027, 5, dice.Between(1, 28), p.mutable_end_date());
  p.mutable_hours_completed()->set_value(absl::StrCat(dice.Between(0, 900), ".5"));
  p.add_subject_area(Code("AcademicSubject", dice.Of(kFields)));
  p.add_grade_level(Code("GradeLevel", "Ninth grade"));
  p.set_fieldwork_type(Code("FieldworkType", dice.Percent(50) ? "Internship" : "Field Placement"));
  p.set_paid(dice.Percent(20));
  p.set_status(Ours("PlacementStatus", "Confirmed"));
  p.mutable_source()->set_school_year(2027);
  return p;
}

v1::Recognition RecordGenerator::Recognition(uint64_t index) const {
  Dice dice(seed_, kRecognition, index);
  v1::Recognition r;
  r.set_person_id(PersonOf(index));
  r.set_source_system(State());
  r.set_recognition_type(Code("RecognitionType", dice.Percent(70) ? "Honor award" : "Certificate"));
  RandomDate(2020, 2026, dice, r.mutable_award_date());
  r.set_category(Code("AchievementCategory", "Recognition"));
  r.set_title(dice.Percent(50) ? "Teacher of the Year" : "Mentor of the Year");
  return r;
}

v1::MentorAssignment RecordGenerator::MentorAssignment(uint64_t index) const {
  Dice dice(seed_, kMentor, index);
  v1::MentorAssignment m;
  m.set_candidate_id(CandidateOf(index));
  m.set_staff_id(StaffOf(index / 3));
  m.set_relationship(
      Code("StaffToCandidateRelationship", dice.Percent(80) ? "Mentor" : "Coordinating Teacher"));
  SetDate(2026, 8, dice.Between(1, 28), m.mutable_begin_date());
  m.set_employer_org(470001);
  v1::PayShare& share = *m.add_pay_shares();
  share.set_paid_by_org(470001);
  share.mutable_fte_split()->set_value("0.8");
  return m;
}

v1::Credential RecordGenerator::Credential(uint64_t index) const {
  Dice dice(seed_, kCredential, index);
  v1::Credential c;
  c.set_credential_id(absl::StrFormat("L%07d", index + 1));
  c.set_state(Code("StateAbbreviation", "TN"));
  c.set_namespace_("uri://state.example/credential");
  if (dice.Percent(95)) {
    c.set_person_id(PersonOf(index));
    c.set_source_system(State());
  }
  c.set_credential_type(Code("CredentialType", "Licensure"));
  c.add_subject_area(Code("AcademicSubject", dice.Of(kFields)));
  c.set_certification_route(Code("CertificationRoute", "Standard Program"));
  c.set_teaching_credential(Code("TeachingCredential", "Regular/Standard"));
  SetDate(2026, 6, dice.Between(1, 28), c.mutable_issued());
  SetDate(2031, 6, 30, c.mutable_expires());
  c.set_status(Code("CredentialStatus", dice.Percent(97) ? "Active" : "Suspended"));
  v1::ExamResult& exam = *c.add_exams();
  exam.set_title("Content knowledge");
  SetDate(2026, 4, dice.Between(1, 28), exam.mutable_date());
  exam.set_attempt(dice.Between(1, 3));
  exam.mutable_score()->set_value(absl::StrCat(dice.Between(140, 200)));
  exam.set_passed(true);
  return c;
}

v1::EvaluationRating RecordGenerator::EvaluationRating(uint64_t index) const {
  Dice dice(seed_, kRating, index);
  v1::EvaluationRating e;
  v1::EvaluationReference& evaluation = *e.mutable_evaluation();
  evaluation.set_education_organization_id(470001);
  evaluation.set_title("Formal Observation");
  evaluation.set_type(Code("PerformanceEvaluationType", "Formal Obs"));
  evaluation.set_period(Code("EvaluationPeriod", "Spring"));
  evaluation.set_school_year(2026);
  evaluation.set_term(Code("Term", "Spring Semester"));
  e.set_person_id(PersonOf(index));
  e.set_source_system(State());
  SetDate(2026, dice.Between(2, 5), dice.Between(1, 28), e.mutable_evaluation_date());
  e.mutable_evaluator()->set_person_id(PersonOf(index / 20 + 1000000));
  e.mutable_evaluator()->set_source_system(State());
  for (const char* const title : {"Overall Score", "Instruction"}) {
    v1::RatingResult& result = *e.add_results();
    result.set_title(title);
    result.mutable_rating()->set_value(absl::StrCat(dice.Between(1, 5)));
    result.set_rating_level(Code("EvaluationRatingLevel", dice.Of(kLevels)));
  }
  if (dice.Percent(20)) e.set_comments("Plans with care.");
  return e;
}

v1::SurveyResponse RecordGenerator::SurveyResponse(uint64_t index) const {
  Dice dice(seed_, kSurvey, index);
  v1::SurveyResponse s;
  s.set_namespace_("uri://program.example");
  s.set_survey_id("exit-2026");
  s.set_response_id(absl::StrFormat("R%07d", index + 1));
  if (dice.Percent(90)) {
    s.set_respondent_id(PersonOf(index));
    s.set_respondent_source_system(State());
  }
  if (dice.Percent(30)) {
    s.set_target_id(PersonOf(index + 5000));
    s.set_target_source_system(State());
  }
  s.set_title("Exit survey");
  s.set_school_year(2026);
  s.set_category(Code("SurveyCategory", "Exit"));
  SetDate(2026, 5, dice.Between(1, 28), s.mutable_response_date());
  for (int question = 1; question <= 3; ++question) {
    v1::SurveyAnswer& answer = *s.add_answers();
    answer.set_question_code(absl::StrCat("Q", question));
    answer.mutable_numeric_response()->set_value(absl::StrCat(dice.Between(1, 5)));
  }
  return s;
}

v1::PdAttendance RecordGenerator::PdAttendance(uint64_t index) const {
  Dice dice(seed_, kAttendance, index);
  v1::PdAttendance p;
  p.set_namespace_("uri://district.example");
  p.set_title("Teaching with data");
  p.set_person_id(PersonOf(index));
  p.set_source_system(State());
  SetDate(2026, 9, dice.Between(1, 28), p.mutable_attendance_date());
  p.add_offered_by(Code("ProfessionalDevelopmentOfferedBy", "District"));
  p.mutable_total_hours()->set_value("6");
  p.set_required(dice.Percent(50));
  p.set_attendance_category(
      Code("AttendanceEventCategory", dice.Percent(90) ? "In Attendance" : "Excused Absence"));
  return p;
}

v1::CommunityMembership RecordGenerator::CommunityMembership(uint64_t index) const {
  Dice dice(seed_, kMembership, index);
  v1::CommunityMembership m;
  m.set_community_id(absl::StrFormat("N%03d", index / 12));
  m.set_person_id(PersonOf(index));
  m.set_source_system(State());
  SetDate(2026, dice.Between(1, 12), 1, m.mutable_begin_date());
  if (dice.Percent(30)) {
    m.set_counterpart_id(PersonOf(index + 1));
    m.set_counterpart_source_system(State());
  }
  m.set_category(Ours("CommunityCategory", "Professional Community"));
  m.set_role(Ours("CommunityRole", "Member"));
  m.set_organization_id(150001);
  return m;
}

v1::PersonIdentity RecordGenerator::PersonIdentity(uint64_t index) const {
  v1::PersonIdentity p;
  const bool candidate = index % 2 == 0;
  p.set_id_space(Ours("IdSpace", candidate ? "candidate" : "staff"));
  p.set_id(candidate ? CandidateOf(index / 2) : StaffOf(index / 2));
  p.set_person_id(PersonOf(index / 2));
  return p;
}

v1::Organization RecordGenerator::Organization(uint64_t index) const {
  Dice dice(seed_, kOrganization, index);
  v1::Organization o;
  o.set_education_organization_id(4700000 + static_cast<int64_t>(index) + 1);
  o.set_name(absl::StrCat("School ", index + 1));
  o.set_parent_lea_id(470001);
  o.add_category(Code("EducationOrganizationCategory", "School"));
  o.add_school_category(Code("SchoolCategory", dice.Percent(50) ? "High School" : "Middle School"));
  o.set_school_type(Code("SchoolType", "Regular"));
  o.set_charter_status(Code("CharterStatus", "Not a Charter School"));
  o.set_title_i_designation(Code("TitleIPartASchoolDesignation", "Title I Schoolwide School"));
  o.set_locale(Code("Locale", dice.Percent(50) ? "City-Large" : "Rural-Fringe"));
  o.set_enrollment_band(dice.Between(1, 12) * 100);
  return o;
}

v1::Program RecordGenerator::Program(uint64_t index) const {
  v1::Program p;
  p.set_education_organization_id(150001);
  p.set_program_name(absl::StrCat("Program ", index + 1));
  p.set_program_type("uri://tpdm.ed-fi.org/ProgramTypeDescriptor#Traditional");
  p.set_accreditation_status(Code("AccreditationStatus", "Accredited"));
  return p;
}

v1::WorkforceProjection RecordGenerator::WorkforceProjection(uint64_t index) const {
  Dice dice(seed_, kProjection, index);
  v1::WorkforceProjection w;
  w.set_education_organization_id(470001);
  w.set_side(Ours("ProjectionSide", "Demand"));
  w.set_school_year(2027 + static_cast<int32_t>(index % 3));
  w.set_subject_area(Code("AcademicSubject", kFields[index / 3 % kFields.size()]));
  w.set_grade_band(Ours("GradeBand", "High"));
  if (dice.Percent(50)) w.set_locale(Code("Locale", "City-Large"));
  RandomDate(2024, 2026, dice, w.mutable_as_of());
  w.set_count(static_cast<uint32_t>(dice.Between(0, 30)));
  w.set_high(w.count() + 5);
  w.set_method("Trend of five years");
  return w;
}

v1::SharedResource RecordGenerator::SharedResource(uint64_t index) const {
  Dice dice(seed_, kResource, index);
  v1::SharedResource r;
  r.set_education_organization_id(150001);
  r.set_resource_id(absl::StrFormat("X%04d", index + 1));
  r.set_category(Ours("SharedResourceCategory", dice.Percent(50) ? "Laboratory" : "Library"));
  r.set_title(absl::StrCat("Room ", index + 1));
  r.add_subject_area(Code("AcademicSubject", dice.Of(kFields)));
  r.set_capacity(dice.Between(10, 40));
  r.set_contact_office("Office of Partnerships");
  return r;
}

}  // namespace sluice::testing
