#include "policy/projector.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/projector_cases.h"
#include "policy/projector_twin.h"
#include "tests/support/allocation_count.h"
#include "tests/support/record_generator.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using Outcome = Projector::Outcome;
using sluice::testing::Probe;

constexpr char kPhysics[] = "uri://ed-fi.org/AcademicSubjectDescriptor#Physics";
constexpr char kReading[] = "uri://ed-fi.org/AcademicSubjectDescriptor#Reading";

struct Granted {
  std::string path;
  std::string rule = "pass {}";
};

// Arranges a plan over Probe, projects records under it, and reads what left.
class Given {
 public:
  Given() {
    plan_->catalog = nullptr;
    plan_->type = &ProjectorCases::ProbeType();
  }

  Given& Grant(const std::vector<Granted>& fields, std::vector<Box::Constraint> rows = {},
               const std::string& owner = "owner") {
    std::vector<PlanField> plan_fields;
    for (const Granted& granted : fields) {
      v1::FieldRule rule;
      EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(granted.rule, &rule));
      plan_fields.push_back({&FieldOf(granted.path), FieldRule::FromProto(rule).value()});
    }
    plan_->grants.push_back({absl::StrCat("g", plan_->grants.size()), owner,
                             Box(std::move(rows), Box::Unset::kExcluded), std::move(plan_fields),
                             1});
    return *this;
  }

  Given& Prohibit(const std::vector<std::string>& paths, std::vector<Box::Constraint> rows = {},
                  std::vector<std::string> owners = {}) {
    std::optional<std::vector<const Field*>> fields;
    for (const std::string& path : paths) {
      if (!fields) fields.emplace();
      fields->push_back(&FieldOf(path));
    }
    plan_->prohibitions.push_back(
        {"p", std::move(owners), Box(std::move(rows), Box::Unset::kIncluded), std::move(fields)});
    return *this;
  }

  Given& Mask(std::vector<std::string> mask) {
    mask_ = std::move(mask);
    return *this;
  }

  absl::StatusOr<std::unique_ptr<Projector>> Create() const {
    return Projector::Create(plan_, "owner", mask_, ProjectorCases::Pseudonyms());
  }

  Outcome Project(const std::string& record, size_t subjects = 0) {
    std::string out(1, '!');  // what was there stays there
    const Outcome outcome = Create().value()->Project(record, Subjects(subjects), &out);
    EXPECT_EQ(out[0], '!');
    if (outcome != Outcome::kReleased) {
      EXPECT_EQ(out.size(), 1u);
    }
    released_ = out.substr(1);
    return outcome;
  }
  Outcome Project(const Probe& record) {
    return Project(record.SerializeAsString(), ProjectorCases::CountSubjects(record));
  }

  Probe released() const {
    Probe probe;
    EXPECT_TRUE(probe.ParseFromString(released_));
    return probe;
  }
  const std::string& released_bytes() const { return released_; }

  static std::vector<SubjectId> Subjects(size_t n) {
    std::vector<SubjectId> subjects(n);
    for (size_t i = 0; i < n; ++i) subjects[i].bytes = {static_cast<uint8_t>(i + 1)};
    return subjects;
  }
  static std::string Pseudonym(size_t i) {
    return ProjectorCases::Pseudonyms().Of(Subjects(i + 1)[i]);
  }
  static const Field& FieldOf(const std::string& path) {
    return *ProjectorCases::ProbeType().Find(path);
  }
  static Box::Constraint In(const std::string& path, std::vector<std::string> codes) {
    return {&FieldOf(path), ValueSet::Codes(std::move(codes))};
  }
  static Box::Constraint AtLeast(const std::string& path, int64_t n) {
    return {&FieldOf(path), ValueSet::Interval(n, std::nullopt)};
  }

 private:
  std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
  std::vector<std::string> mask_;
  std::string released_;
};

Probe Record(const std::string& text) {
  Probe probe;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &probe)) << text;
  return probe;
}

void ExpectReleased(Given& given, const Probe& record, const std::string& expected) {
  ASSERT_EQ(given.Project(record), Outcome::kReleased);
  EXPECT_EQ(given.released_bytes(), Record(expected).SerializeAsString())
      << given.released().DebugString();
}

TEST(Projector, ReleasesWhatAGrantListsAndNothingElse) {
  Given given;
  given.Grant({{"int32"}, {"text"}});
  ExpectReleased(given, Record("int32: 5 int64: 6 text: 'a' far: 'b'"), "int32: 5 text: 'a'");
}

TEST(Projector, PassKeepsZeroAndLeavesUnsetUnset) {
  Given given;
  given.Grant({{"int32"}, {"bool"}, {"text"}, {"int64"}});
  ExpectReleased(given, Record("int32: 0 bool: false text: ''"), "int32: 0 bool: false text: ''");
}

TEST(Projector, DropsUnknownFieldsAtEveryDepth) {
  Given given;
  given.Grant({{"int32"}, {"inner.deep.name"}, {"date"}, {"decimal"}});
  Probe record =
      Record("int32: 1 inner { deep { name: 'n' } } date { year: 2020 } decimal { value: '1' }");
  const auto add = [](google::protobuf::Message* message) {
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(2000, 7);
    message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(2001, "secret");
  };
  add(&record);
  add(record.mutable_inner());
  add(record.mutable_inner()->mutable_deep());
  add(record.mutable_date());
  add(record.mutable_decimal());
  ExpectReleased(
      given, record,
      "int32: 1 inner { deep { name: 'n' } } date { year: 2020 } decimal { value: '1' }");
  EXPECT_EQ(given.released_bytes().find("secret"), std::string::npos);
}

TEST(Projector, DropsAMessageWithNothingLeft) {
  Given given;
  given.Grant({{"int32"}, {"inner.deep.name"}, {"inners.number"}});
  ExpectReleased(given,
                 Record("int32: 1 inner { deep { flag: true } } inners { words: 'w' } "
                        "inners { number: 3 } inners { }"),
                 "int32: 1 inners { number: 3 }");
}

TEST(Projector, DoesNotReleaseARowWithNothingLeft) {
  Given given;
  given.Grant({{"inner.deep.name"}});
  EXPECT_EQ(given.Project(Record("inner { deep { flag: true } } int32: 4")), Outcome::kOutOfScope);
}

TEST(Projector, WithholdsASingularFieldThatStandsTwice) {
  Given given;
  given.Grant({{"int32"}});
  const std::string once = Record("int32: 1").SerializeAsString();
  const std::string unlisted = Record("int64: 1").SerializeAsString();
  EXPECT_EQ(given.Project(once), Outcome::kReleased);
  EXPECT_EQ(given.Project(once + once), Outcome::kWithheld);
  EXPECT_EQ(given.Project(once + unlisted + unlisted), Outcome::kWithheld);
}

TEST(Projector, WithholdsFieldsOutOfOrder) {
  Given given;
  given.Grant({{"int32"}, {"text"}});
  EXPECT_EQ(given.Project(Record("text: 'a'").SerializeAsString() +
                          Record("int32: 1").SerializeAsString()),
            Outcome::kWithheld);
}

TEST(Projector, WithholdsMalformedBytes) {
  Given given;
  given.Grant({{"int32"}, {"text"}, {"bool"}, {"date"}, {"packed"}, {"decimal"}});
  const std::vector<std::string> malformed = {
      std::string("\x18", 1),                                  // a number cut short
      std::string("\x18\x85\x00", 3),                          // a number longer than it needs be
      std::string("\x19\x01\x00\x00\x00\x00\x00\x00\x00", 9),  // another wire type
      std::string("\x1b\x1c", 2),                              // a group
      std::string("\x00\x01", 2),                              // field number 0
      std::string("\xba\x01\x02\xff\xfe", 5),                  // text: not UTF-8
      std::string("\xba\x01\x7f\x61", 4),                      // text: longer than the record
      std::string("\x68\x02", 2),                              // bool: neither
      std::string("\x9a\x01\x02\x10\x05", 5),                  // date without a year
      std::string("\x9a\x01\x06\x08\xe1\x0f\x10\x02\x18\x1e", 9),  // 2017-02-30, cut
      std::string("\x72\x00", 2),                                  // no packed numbers
      std::string("\xaa\x01\x00", 3),                              // no decimal
      std::string("\xaa\x01\x03\x0a\x01\x78", 6)};                 // the decimal "x"
  for (const std::string& bytes : malformed) {
    EXPECT_EQ(given.Project(bytes), Outcome::kWithheld) << ::testing::PrintToString(bytes);
  }
}

TEST(Projector, WithholdsADateThatTheCalendarHasNot) {
  Given given;
  given.Grant({{"date", "generalize { to: DATE_PRECISION_YEAR }"}});
  EXPECT_EQ(given.Project(Record("date { year: 2017 month: 2 day: 30 }")), Outcome::kWithheld);
  EXPECT_EQ(given.Project(Record("date { year: 2017 month: 2 }")), Outcome::kReleased);
  EXPECT_EQ(given.Project(Record("date { }")), Outcome::kWithheld);
}

TEST(Projector, WithholdsAPostalCodeThatIsNone) {
  Given given;
  given.Grant({{"postal_code", "generalize { zip3: 'CENSUS_2000' }"}});
  EXPECT_EQ(given.Project(Record("postal_code: 'K1A 0B1'")), Outcome::kWithheld);
  ExpectReleased(given, Record("postal_code: '03601-0001'"), "postal_code: '000'");
}

TEST(Projector, AppliesARuleToEachElementAndKeepsOrderAndEquals) {
  Given given;
  given.Grant({{"packed", "generalize { band: 10 }"},
               {"race", "generalize { code_set: 'RACE_GROUP' }"},
               {"dates", "generalize { to: DATE_PRECISION_YEAR band: 10 }"}});
  ExpectReleased(given,
                 Record("packed: [25, 3, 21, -1] race: 'x' race: 'y' "
                        "dates { year: 1999 month: 3 } dates { year: 1991 }"),
                 "packed: [20, 0, 20, -10] race: 'uri://sluice/RaceGroupDescriptor#Other' "
                 "race: 'uri://sluice/RaceGroupDescriptor#Other' "
                 "dates { year: 1990 } dates { year: 1990 }");
}

TEST(Projector, TakesSubjectsInTheOrderOfTheBytes) {
  Given given;
  given.Grant({{"others", "pseudonymize {}"}, {"inners.person", "pseudonymize {}"}});
  const Probe record = Record(
      "id: 'a' others: 'b' others: 'c' inner { person: 'd' } inners { number: 1 } "
      "inners { person: 'e' }");
  ASSERT_EQ(given.Project(record), Outcome::kReleased);
  const Probe released = given.released();
  EXPECT_FALSE(released.has_id());
  EXPECT_THAT(released.others(), ElementsAre(Given::Pseudonym(1), Given::Pseudonym(2)));
  EXPECT_EQ(released.inners(0).person(), Given::Pseudonym(4));
}

TEST(Projector, WithholdsARecordWithTooFewOrTooManySubjects) {
  Given given;
  given.Grant({{"int32"}});
  const std::string bytes = Record("id: 'a' others: 'b' int32: 1").SerializeAsString();
  EXPECT_EQ(given.Project(bytes, 1), Outcome::kWithheld);
  EXPECT_EQ(given.Project(bytes, 2), Outcome::kReleased);
  EXPECT_EQ(given.Project(bytes, 3), Outcome::kWithheld);
}

TEST(Projector, RowOutsideTheBoxIsOutOfScope) {
  Given given;
  given.Grant({{"int32"}}, {Given::In("subject_area", {kPhysics}), Given::AtLeast("int32", 5)});
  const auto row = [](const char* subject, int n) {
    return Record(absl::StrCat("subject_area: '", subject, "' int32: ", n));
  };
  EXPECT_EQ(given.Project(row(kPhysics, 5)), Outcome::kReleased);
  EXPECT_EQ(given.Project(row(kPhysics, 4)), Outcome::kOutOfScope);
  EXPECT_EQ(given.Project(row(kReading, 5)), Outcome::kOutOfScope);
}

TEST(Projector, UnsetValueIsOutsideAGrantsBox) {
  Given given;
  given.Grant({{"int32"}}, {Given::AtLeast("int64", -100)});
  EXPECT_EQ(given.Project(Record("int32: 1")), Outcome::kOutOfScope);
  EXPECT_EQ(given.Project(Record("int32: 1 int64: 0")), Outcome::kReleased);
}

TEST(Projector, UnknownCodeAndPartialDateAreUnsetForABoxAndSeenByARule) {
  Given given;
  given.Grant({{"subject_area", "generalize { hierarchy: 'SUBJECT_FAMILY' level: 1 }"}, {"date"}})
      .Prohibit({"int32"}, {Given::AtLeast("date", 99990101)});
  ExpectReleased(given, Record("subject_area: 'uri://x/Y#Z' date { year: 2020 }"),
                 "subject_area: 'uri://sluice/SubjectFamilyDescriptor#Other' date { year: 2020 }");
  Given boxed;
  boxed.Grant({{"date"}}, {Given::AtLeast("date", 10101)});
  EXPECT_EQ(boxed.Project(Record("date { year: 2020 month: 5 }")), Outcome::kOutOfScope);
  EXPECT_EQ(boxed.Project(Record("date { year: 2020 month: 5 day: 1 }")), Outcome::kReleased);
}

TEST(Projector, WithholdsANumberThatNoBoxCanHold) {
  Given given;
  given.Grant({{"int32"}}, {Given::AtLeast("uint64", 1)});
  EXPECT_EQ(given.Project(Record("int32: 1 uint64: 9223372036854775808")), Outcome::kWithheld);
  EXPECT_EQ(given.Project(Record("int32: 1 uint64: 9223372036854775807")), Outcome::kReleased);
}

TEST(Projector, GrantsAddPairsOfRowAndFieldAndNeverFieldsForAllRows) {
  Given given;
  given.Grant({{"int32"}}, {Given::In("subject_area", {kPhysics})})
      .Grant({{"text"}}, {Given::AtLeast("int32", 5)});
  ExpectReleased(given, Record(absl::StrCat("int32: 1 text: 't' subject_area: '", kPhysics, "'")),
                 "int32: 1");
  ExpectReleased(given, Record("int32: 5 text: 't'"), "text: 't'");
  ExpectReleased(given, Record(absl::StrCat("int32: 5 text: 't' subject_area: '", kPhysics, "'")),
                 "int32: 5 text: 't'");
}

TEST(Projector, ProhibitionTakesAFieldWhereItMatchesAndWhereItCannotTell) {
  Given given;
  given.Grant({{"int32"}, {"text"}}).Prohibit({"text"}, {Given::AtLeast("int64", 5)});
  ExpectReleased(given, Record("int32: 1 int64: 5 text: 't'"), "int32: 1");
  ExpectReleased(given, Record("int32: 1 text: 't'"), "int32: 1");
  ExpectReleased(given, Record("int32: 1 int64: 4 text: 't'"), "int32: 1 text: 't'");
}

TEST(Projector, ProhibitionWithoutFieldsTakesAll) {
  Given given;
  given.Grant({{"int32"}}).Prohibit({});
  EXPECT_EQ(given.Project(Record("int32: 1")), Outcome::kOutOfScope);
}

TEST(Projector, ProhibitionOfAnotherOwnerTakesNothing) {
  Given given;
  given.Grant({{"int32"}}).Prohibit({}, {}, {"other"});
  EXPECT_EQ(given.Project(Record("int32: 1")), Outcome::kReleased);
}

TEST(Projector, GrantOfAnotherOwnerGivesNothing) {
  Given given;
  given.Grant({{"int32"}}, {}, "other");
  EXPECT_EQ(given.Project(Record("int32: 1")), Outcome::kOutOfScope);
}

TEST(Projector, WithholdsARowWithTwoRulesForOneField) {
  Given given;
  given.Grant({{"int32"}, {"text"}})
      .Grant({{"int32", "generalize { band: 10 }"}}, {Given::AtLeast("int64", 5)});
  EXPECT_EQ(given.Project(Record("int32: 1 int64: 4")), Outcome::kReleased);
  EXPECT_EQ(given.Project(Record("int32: 1 int64: 5")), Outcome::kWithheld);
  given.Prohibit({"int32"});
  ExpectReleased(given, Record("int32: 1 int64: 5 text: 't'"), "text: 't'");
}

TEST(Projector, ReadMaskNarrows) {
  Given given;
  given.Grant({{"int32"}, {"text"}, {"inner.number"}}).Mask({"inner.number", "int32"});
  ExpectReleased(given, Record("int32: 1 text: 't' inner { number: 2 person: 'p' }"),
                 "int32: 1 inner { number: 2 }");
}

TEST(Projector, ReadMaskOfAnUngrantedFieldLooksLikeOneThatIsNotThere) {
  const auto message = [](const std::string& path) {
    Given given;
    const auto created = given.Grant({{"int32"}}).Mask({path}).Create();
    EXPECT_EQ(created.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(created.status().message());
  };
  EXPECT_EQ(message("text"), "read_mask: no grant lists a field \"text\"");
  EXPECT_EQ(message("nope"), "read_mask: no grant lists a field \"nope\"");
  EXPECT_EQ(message("inner"), "read_mask: no grant lists a field \"inner\"");
}

TEST(Projector, RefusesARuleThatDoesNotFit) {
  Given given;
  EXPECT_FALSE(given.Grant({{"text", "generalize { band: 5 }"}}).Create().ok());
}

TEST(Projector, NamesTheFieldsThatCanLeaveInOrderOfNumber) {
  Given given;
  given.Grant({{"text"}, {"int32"}}, {Given::AtLeast("int64", 5)})
      .Grant({{"int32", "generalize { band: 10 }"}, {"far"}})
      .Prohibit({"far"})
      .Prohibit({"text"}, {Given::AtLeast("int64", 7)});
  const auto projector = given.Create().value();
  std::vector<std::string> fields;
  for (const PlanField& f : projector->fields()) {
    fields.push_back(absl::StrCat(f.field->path, " ", f.rule.ToString()));
  }
  EXPECT_THAT(fields, ElementsAre("int32 pass", "text pass"));
}

TEST(Projector, KeepsApartMoreGrantsThanAWordHasBits) {
  Given given;
  for (int i = 0; i < 70; ++i) given.Grant({{"text"}}, {Given::AtLeast("int64", 1000 + i)});
  given.Grant({{"int32"}}, {Given::AtLeast("int64", 5)});
  ExpectReleased(given, Record("int32: 1 int64: 6 text: 't'"), "int32: 1");
  ExpectReleased(given, Record("int32: 1 int64: 1069 text: 't'"), "int32: 1 text: 't'");
}

TEST(Projector, WritesLongMessagesWithTheirLength) {
  Given given;
  given.Grant({{"inner.words"}, {"inner.deep.name"}});
  for (const size_t n : {1, 100, 126, 127, 128, 129, 200, 16380, 16384, 20000}) {
    Probe record;
    record.mutable_inner()->mutable_deep()->set_name(std::string(n, 'x'));
    record.mutable_inner()->add_words("w");
    ASSERT_EQ(given.Project(record), Outcome::kReleased);
    EXPECT_EQ(given.released_bytes(), record.SerializeAsString());
  }
}

TEST(Projector, AgreesWithItsTwinOnEveryCorruptByte) {
  ProjectorCases cases(11);
  const std::shared_ptr<const Plan> plan = cases.NextPlan();
  const Probe prototype;
  const Pseudonymizer pseudonyms = ProjectorCases::Pseudonyms();
  const auto projector = Projector::Create(plan, "owner", {}, ProjectorCases::Pseudonyms()).value();
  ProjectorTwin twin(*plan, "owner", {}, pseudonyms, prototype);
  const Probe record = cases.NextProbe();
  const std::string bytes = record.SerializeAsString();
  const auto subjects = Given::Subjects(ProjectorCases::CountSubjects(record));
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      std::string corrupt = bytes;
      corrupt[i] = static_cast<char>(corrupt[i] ^ flip);
      std::string got, expected;
      ASSERT_EQ(projector->Project(corrupt, subjects, &got),
                twin.Project(corrupt, subjects, &expected))
          << i << " " << flip;
      ASSERT_EQ(got, expected) << i << " " << flip;
    }
  }
}

TEST(Projector, AllocatesNothingARecordInTheSteadyState) {
  const auto catalog = Catalog::BuiltIn().value();
  auto plan = std::make_shared<Plan>();
  plan->catalog = catalog;
  plan->type = catalog->Find("Candidate");
  const auto field = [&](const char* path) { return plan->type->Find(path); };
  plan->grants.push_back(
      {"g",
       "owner",
       Box({{field("expected_completion_year"), ValueSet::Interval(2026, std::nullopt)},
            {field("subject_area"), ValueSet::Codes(field("subject_area")->code_set->codes())}},
           Box::Unset::kExcluded),
       {{field("candidate_id"), FieldRule::Pseudonymize()},
        {field("first_name"), FieldRule::Pass()},
        {field("subject_area"), FieldRule::Pass()},
        {field("source.school_year"), FieldRule::Pass()}},
       1});
  const auto projector = Projector::Create(plan, "owner", {}, ProjectorCases::Pseudonyms()).value();
  const sluice::testing::RecordGenerator records(7);
  std::vector<std::string> bytes;
  for (uint64_t i = 0; i < 100; ++i) bytes.push_back(records.Candidate(i).SerializeAsString());
  const auto subjects = Given::Subjects(1);
  std::string out;
  out.reserve(1 << 20);
  const auto project_all = [&] {
    for (const std::string& record : bytes) {
      if (projector->Project(record, subjects, &out) != Outcome::kReleased) std::abort();
    }
  };
  project_all();
  const size_t before = sluice::testing::AllocationCount();
  project_all();
  EXPECT_GT(before, 0u);
  EXPECT_EQ(sluice::testing::AllocationCount(), before);
}

}  // namespace
}  // namespace sluice::policy
