#include "policy/record_validator.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/projector_cases.h"
#include "sluice/v1/candidate_records.pb.h"
#include "sluice/v1/organization_records.pb.h"
#include "tests/support/record_generator.h"

namespace sluice::policy {
namespace {

using sluice::testing::Probe;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const RecordType& Type(const std::string& name) {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  return *(*catalog)->Find(name);
}

Probe Record(const std::string& text) {
  Probe probe;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &probe)) << text;
  return probe;
}

Validation Validate(const std::string& bytes, bool key_only = false) {
  return ValidateRecord(ProjectorCases::ProbeType(), bytes, key_only);
}
Validation Validate(const Probe& record, bool key_only = false) {
  return Validate(record.SerializeAsString(), key_only);
}

std::vector<std::string> Problems(const Validation& validation) {
  std::vector<std::string> problems;
  for (const RecordProblem& p : validation.problems) {
    problems.push_back(absl::StrCat(p.reason, " ", p.field));
  }
  return problems;
}

template <typename T>
std::string Deterministic(const T& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return out;
}

TEST(ValidateRecord, AcceptsWhatTheGeneratorMakes) {
  const sluice::testing::RecordGenerator records(7);
  const auto catalog = Catalog::BuiltIn().value();
  for (const RecordType* const known : catalog->types()) {
    const std::string& type = known->name();
    ASSERT_NE(records.Make(type, 0), nullptr) << type;
    for (uint64_t i = 0; i < 200; ++i) {
      const std::string bytes = records.Make(type, i)->SerializeAsString();
      const Validation validation = ValidateRecord(Type(type), bytes);
      ASSERT_THAT(Problems(validation), IsEmpty()) << type << " " << i;
      EXPECT_EQ(validation.record.bytes, bytes);
    }
  }
}

TEST(ValidateRecord, NamesTheSubjectsInTheOrderOfTheBytes) {
  const Validation validation = Validate(
      Record("id: ' A' others: 'b' inner { person: 'c' } inners { person: 'd' } inners { }"));
  ASSERT_THAT(Problems(validation), IsEmpty());
  std::vector<std::string> ids;
  for (const SubjectName& s : validation.record.subjects) {
    EXPECT_EQ(s.id_space, "person");
    ids.push_back(s.id);
  }
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d"));
}

TEST(ValidateRecord, RefusesAnUnknownField) {
  EXPECT_THAT(Problems(Validate(Record("id: 'a'").SerializeAsString() + "\xf8\x7f\x05")),
              ElementsAre("UNKNOWN_FIELD "));
}

TEST(ValidateRecord, RefusesAnUnknownFieldAtEveryDepth) {
  Probe record = Record("id: 'a' date { year: 2020 } decimal { value: '1' } inner { deep { } }");
  for (google::protobuf::Message* const message :
       {static_cast<google::protobuf::Message*>(record.mutable_date()),
        static_cast<google::protobuf::Message*>(record.mutable_decimal()),
        static_cast<google::protobuf::Message*>(record.mutable_inner()->mutable_deep())}) {
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(2000, 7);
  }
  EXPECT_THAT(Problems(Validate(record)), ElementsAre("UNKNOWN_FIELD date", "UNKNOWN_FIELD decimal",
                                                      "UNKNOWN_FIELD inner.deep"));
}

TEST(ValidateRecord, RefusesAnUnknownFieldInFrontOfTheOthers) {
  EXPECT_THAT(Problems(Validate("\xf8\x7f\x05" + Record("id: 'a' far: 'b'").SerializeAsString())),
              ElementsAre("UNKNOWN_FIELD "));
}

TEST(ValidateRecord, RefusesInvalidUtf8WithTheFieldsPath) {
  EXPECT_THAT(Problems(Validate(std::string("\x0a\x01\x61\xe2\x01\x03\x32\x01\xff", 9))),
              ElementsAre("INVALID_UTF8 inner.words"));
}

TEST(ValidateRecord, RefusesWhatIsTooLarge) {
  Probe record = Record("id: 'a'");
  record.set_far(std::string(kMaxRecordBytes - 7, 'x'));
  ASSERT_EQ(record.ByteSizeLong(), kMaxRecordBytes + 1);
  EXPECT_THAT(Problems(Validate(record)), ElementsAre("TOO_LARGE "));
  record.mutable_far()->pop_back();
  EXPECT_THAT(Problems(Validate(record)), IsEmpty());
}

TEST(ValidateRecord, RefusesAKeyThatIsMissingOrEmpty) {
  EXPECT_THAT(Problems(Validate(Record("int32: 1"))), ElementsAre("KEY_MISSING id"));
  EXPECT_THAT(Problems(Validate(Record("id: ''"))), ElementsAre("KEY_MISSING id"));
  EXPECT_THAT(Problems(Validate(Record("id: ' \t'"))), ElementsAre("KEY_MISSING id"));
}

TEST(ValidateRecord, RefusesEachMissingPartOfANestedKey) {
  v1::ProgramEnrollment e;
  e.set_candidate_id("C1");
  e.mutable_program()->set_program_name("P");
  EXPECT_THAT(Problems(ValidateRecord(Type("ProgramEnrollment"), e.SerializeAsString())),
              ElementsAre("KEY_MISSING program.education_organization_id",
                          "KEY_MISSING program.program_type", "KEY_MISSING begin_date"));
}

TEST(ValidateRecord, RefusesMalformedBytes) {
  for (const std::string& bytes :
       {std::string("\x0a\x05\x61", 3), std::string("\x0a", 1), std::string("\x0b\x0c", 2),
        std::string("\x00\x00", 2), std::string("\x08\x01", 2)}) {
    EXPECT_EQ(Validate(bytes).problems.size(), 1u);
    EXPECT_EQ(Validate(bytes).problems[0].reason, "MALFORMED");
  }
}

TEST(ValidateRecord, AcceptsADateOfAYearOrAMonthAndRefusesWhatTheCalendarHasNot) {
  const auto date = [](const std::string& text) {
    return Problems(Validate(Record("id: 'a' date { " + text + " }")));
  };
  EXPECT_THAT(date("year: 2017"), IsEmpty());
  EXPECT_THAT(date("year: 2017 month: 2"), IsEmpty());
  EXPECT_THAT(date("year: 2016 month: 2 day: 29"), IsEmpty());
  for (const std::string bad :
       {"year: 2017 month: 2 day: 30", "year: 2017 month: 13", "year: 2017 day: 1", "month: 2", "",
        "year: -1", "year: 10000", "year: 2017 month: -1"}) {
    EXPECT_THAT(date(bad), ElementsAre("INVALID_VALUE date")) << bad;
  }
}

TEST(ValidateRecord, RefusesADecimalThatIsNoNumber) {
  EXPECT_THAT(Problems(Validate(Record("id: 'a' decimal { value: '12.50' }"))), IsEmpty());
  EXPECT_THAT(Problems(Validate(Record("id: 'a' decimal { value: '12,50' }"))),
              ElementsAre("INVALID_VALUE decimal"));
  EXPECT_THAT(Problems(Validate(Record("id: 'a' decimals { }"))),
              ElementsAre("INVALID_VALUE decimals"));
}

TEST(ValidateRecord, RefusesAValueWithoutACanonicalForm) {
  EXPECT_THAT(Problems(Validate(Record("id: 'a' postal_code: 'K1A 0B1' padded: '123456'"))),
              ElementsAre("INVALID_VALUE postal_code", "INVALID_VALUE padded"));
}

TEST(ValidateRecord, RefusesASubjectWithoutAName) {
  EXPECT_THAT(Problems(Validate(Record("id: 'a' others: ' '"))),
              ElementsAre("INVALID_VALUE others"));
}

TEST(ValidateRecord, ReportsEveryProblem) {
  EXPECT_THAT(Problems(Validate(Record("date { month: 1 } decimal { value: 'x' }"))),
              ElementsAre("INVALID_VALUE date", "INVALID_VALUE decimal", "KEY_MISSING id"));
}

// A record of nothing else would be answered with many times its own size.
TEST(ValidateRecord, ReportsSixteenProblemsAndReadsNoFurther) {
  std::string unknown;
  while (unknown.size() + 3 <= kMaxRecordBytes) unknown += "\xf8\x7f\x05";
  EXPECT_EQ(Validate(unknown).problems.size(), kMaxRecordProblems);
  // At every depth: of a message, of a date and of a decimal.
  unknown.resize(300);
  Probe record = Record("id: 'a' inner { } date { year: 2020 } decimal { value: '1' }");
  for (google::protobuf::Message* const message :
       {static_cast<google::protobuf::Message*>(record.mutable_inner()),
        static_cast<google::protobuf::Message*>(record.mutable_date()),
        static_cast<google::protobuf::Message*>(record.mutable_decimal())}) {
    ASSERT_TRUE(message->GetReflection()->MutableUnknownFields(message)->ParseFromString(unknown));
    EXPECT_EQ(Validate(record).problems.size(), kMaxRecordProblems);
    message->GetReflection()->MutableUnknownFields(message)->Clear();
  }
  EXPECT_THAT(Problems(Validate(record)), IsEmpty());
}

TEST(ValidateRecord, NeverRepeatsAValue) {
  const Validation validation =
      Validate(Record("decimal { value: 'hush' } postal_code: 'hush' padded: 'hush'"));
  ASSERT_EQ(validation.problems.size(), 4u);
  for (const RecordProblem& p : validation.problems) {
    EXPECT_EQ(p.description.find("hush"), std::string::npos);
  }
}

TEST(ValidateRecord, GivesOneKeyForTwoEncodings) {
  EXPECT_EQ(Validate(Record("id: '\u00e9 '")).record.key,
            Validate(Record("id: 'e\u0301'")).record.key);
  EXPECT_EQ(Validate(Record("id: 'A'")).record.key, Validate(Record("id: 'a'")).record.key);
}

TEST(ValidateRecord, KeepsLeadingZerosOfAKeyApart) {
  EXPECT_NE(Validate(Record("id: '00042'")).record.key, Validate(Record("id: '42'")).record.key);
}

TEST(ValidateRecord, PartsOfAKeyCannotRunIntoEachOther) {
  const auto key = [](int64_t org, const std::string& number) {
    v1::OpenStaffPosition p;
    p.set_education_organization_id(org);
    p.set_requisition_number(number);
    const Validation v = ValidateRecord(Type("OpenStaffPosition"), p.SerializeAsString());
    EXPECT_THAT(Problems(v), IsEmpty());
    return v.record.key;
  };
  EXPECT_NE(key(1, "12"), key(11, "2"));
  EXPECT_EQ(key(1, " 12"), key(1, "12"));
  EXPECT_NE(key(0, "12"), key(1, "12"));
}

TEST(ValidateRecord, ADeletionNeedsTheKeyAlone) {
  EXPECT_THAT(Problems(Validate(Record("id: 'a'"), true)), IsEmpty());
  EXPECT_THAT(Problems(Validate(Record("id: 'a' decimal { value: 'x' }"), true)), IsEmpty());
  EXPECT_THAT(Problems(Validate(Record("int32: 1"), true)), ElementsAre("KEY_MISSING id"));
  EXPECT_THAT(Problems(Validate(Record("id: 'a'").SerializeAsString() + "\xf8\x7f\x05", true)),
              ElementsAre("UNKNOWN_FIELD "));
}

TEST(ValidateRecord, BringsOtherFormsToTheCanonicalOne) {
  const Probe whole = Record("id: 'a' int32: 5 packed: [1, 2] inner { number: 1 words: 'w' }");
  const auto part = [](const std::string& text) { return Record(text).SerializeAsString(); };
  const std::vector<std::string> forms = {
      // Out of order, and one message in two parts.
      part("inner { number: 1 }") + part("packed: [1, 2]") + part("inner { words: 'w' }") +
          part("int32: 5") + part("id: 'a'"),
      // The last one wins.
      part("id: 'b' int32: 4") + part("id: 'a' int32: 5") +
          part("packed: [1, 2] inner { number: 1 words: 'w' }"),
      // Not packed.
      part("id: 'a' int32: 5") + std::string("\x70\x01\x70\x02", 4) +
          part("inner { number: 1 words: 'w' }"),
      // A number in more bytes than it needs.
      part("id: 'a'") + std::string("\x18\x85\x00", 3) +
          part("packed: [1, 2] inner { number: 1 words: 'w' }")};
  for (const std::string& form : forms) {
    const Validation validation = Validate(form);
    EXPECT_THAT(Problems(validation), IsEmpty());
    EXPECT_EQ(validation.record.bytes, Deterministic(whole));
  }
}

// Random records and every kind of damage: what is accepted is what protobuf would write, and what
// protobuf cannot read is refused.
TEST(ValidateRecord, CanonicalBytesAreProtobufsDeterministicOnes) {
  ProjectorCases cases(5);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = cases.NextProbe().SerializeAsString();
    if (cases.Chance(60)) bytes = cases.Mutated(std::move(bytes));
    const Validation validation = Validate(bytes);
    const google::protobuf::LogSilencer silence;
    Probe parsed;
    if (!parsed.ParseFromString(bytes)) {
      EXPECT_FALSE(validation.problems.empty());
      continue;
    }
    if (!validation.problems.empty()) continue;
    ++accepted;
    ASSERT_EQ(validation.record.bytes, Deterministic(parsed));
    ASSERT_EQ(Validate(validation.record.bytes).record.bytes, validation.record.bytes);
    ASSERT_EQ(validation.record.subjects.size(), ProjectorCases::CountSubjects(parsed));
  }
  EXPECT_GT(accepted, 2000);
}

TEST(ValidateRecord, AcceptsOrRefusesEveryCorruptByte) {
  const std::string bytes = sluice::testing::RecordGenerator(7).Candidate(3).SerializeAsString();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int flip = 1; flip < 256; ++flip) {
      std::string corrupt = bytes;
      corrupt[i] = static_cast<char>(corrupt[i] ^ flip);
      const Validation validation = ValidateRecord(Type("Candidate"), corrupt);
      if (!validation.problems.empty()) continue;
      v1::Candidate parsed;
      ASSERT_TRUE(parsed.ParseFromString(corrupt));
      ASSERT_EQ(validation.record.bytes, Deterministic(parsed));
    }
  }
}

TEST(ValidateRecord, RefusesARecordWithoutARequiredField) {
  v1::Placement placement;
  placement.set_fieldwork_id("F1");
  const auto problems = [&] {
    return Problems(ValidateRecord(Type("Placement"), placement.SerializeAsString()));
  };
  EXPECT_THAT(problems(), ElementsAre("FIELD_MISSING candidate_id"));
  placement.set_candidate_id("");
  EXPECT_THAT(problems(), Contains("FIELD_MISSING candidate_id"));
  placement.set_candidate_id("C1");
  EXPECT_THAT(problems(), IsEmpty());
  // In a message, where the message is there.
  placement.mutable_program()->set_program_name("STEM");
  EXPECT_THAT(problems(), ElementsAre("FIELD_MISSING program.education_organization_id",
                                      "FIELD_MISSING program.program_type"));
  placement.clear_program();
  placement.clear_candidate_id();
  const Validation key = ValidateRecord(Type("Placement"), placement.SerializeAsString(), true);
  EXPECT_THAT(Problems(key), IsEmpty());
}

}  // namespace
}  // namespace sluice::policy
