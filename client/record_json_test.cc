#include "client/record_json.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::client {
namespace {

v1::Candidate Read(const std::string& json) {
  v1::Candidate candidate;
  const absl::Status status = RecordFromJson(json, candidate);
  EXPECT_TRUE(status.ok()) << status << " in " << json;
  return candidate;
}

std::string Why(const std::string& json) {
  v1::Candidate candidate;
  const absl::Status status = RecordFromJson(json, candidate);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << json;
  return std::string(status.message());
}

TEST(RecordJson, ReadsEveryKindOfValue) {
  const v1::Candidate candidate = Read(
      R"({"candidate_id":"C-1","birth_date":"2003-05-09","tuition_cost":"12500.50",
          "hispanic_latino_ethnicity":false,"expected_completion_year":2028,
          "race":["a","b"],"identification_codes":[{"system":"s","value":"v"}],
          "source":{"school_year":2027,"change_version":"9007199254740993"}})");
  EXPECT_EQ(candidate.birth_date().day(), 9);
  EXPECT_EQ(candidate.tuition_cost().value(), "12500.50");
  EXPECT_TRUE(candidate.has_hispanic_latino_ethnicity());
  EXPECT_FALSE(candidate.hispanic_latino_ethnicity());
  EXPECT_EQ(candidate.race_size(), 2);
  EXPECT_EQ(candidate.identification_codes(0).value(), "v");
  EXPECT_EQ(candidate.source().change_version(), 9007199254740993);
}

TEST(RecordJson, TakesGoogleTypesOwnFormsAndJsonNames) {
  const v1::Candidate candidate =
      Read(R"({"birthDate":{"year":2003,"month":5,"day":9},"tuitionCost":{"value":"1"}})");
  EXPECT_EQ(candidate.birth_date().year(), 2003);
  EXPECT_EQ(candidate.tuition_cost().value(), "1");
}

TEST(RecordJson, NullIsAbsentAndZeroIsAValue) {
  const v1::Candidate candidate =
      Read(R"({"first_name":null,"last_surname":"","expected_completion_year":0})");
  EXPECT_FALSE(candidate.has_first_name());
  EXPECT_TRUE(candidate.has_last_surname());
  EXPECT_TRUE(candidate.has_expected_completion_year());
}

TEST(RecordJson, ReadsBackWhatItPrints) {
  for (const char* json : {
           "{}",
           R"({"first_name":"Zoë \"Z\"\n\u0001","birth_date":"2003"})",
           R"({"birth_date":"2003-05","race":["","x"],"tuition_cost":"-1e5"})",
           R"({"birth_date":"0000-02-29"})",
           R"({"identification_codes":[{},{"value":""}],"english_language_exam":{"score":"3.5"}})",
           R"({"source":{"change_version":"-9223372036854775808","school_year":-1}})",
       }) {
    const v1::Candidate first = Read(json);
    const std::string printed = RecordToJson(first);
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(first, Read(printed)))
        << printed;
    EXPECT_EQ(printed.find('\n'), std::string::npos);
  }
}

TEST(RecordJson, PrintsRowIdFirstAndFieldsInOrderOfNumber) {
  EXPECT_EQ(RecordToJson(Read(R"({"source":{"change_version":7},"candidate_id":"C"})"), "abc"),
            R"({"row_id":"abc","candidate_id":"C","source":{"change_version":"7"}})");
}

TEST(RecordJson, NamesTheFieldAndWhatWasExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"birth_dat":"2003-05-09"})", "did you mean \"birth_date\"?"},
      {R"({"source":{"schoolyear":1}})", "source: there is no field \"schoolyear\""},
      {R"({"birth_date":"2003-02-29"})", "birth_date: must be a date"},
      {R"({"birth_date":"05/09/2003"})", "birth_date: must be a date"},
      {R"({"birth_date":20030509})", "birth_date: must be a string"},
      {R"({"birth_date":{"year":"x"}})", "birth_date.year: must be a whole number"},
      {R"({"tuition_cost":"1,000"})", "tuition_cost: must be a decimal"},
      {R"({"tuition_cost":1.5})", "tuition_cost: must be a decimal in quotes"},
      {R"({"expected_completion_year":2028.5})", "must be a whole number"},
      {R"({"expected_completion_year":"2 028"})", "must be a whole number"},
      {R"({"expected_completion_year":2147483648})", "32 bits"},
      {R"({"expected_completion_year":true})", "must be a whole number"},
      {R"({"first_name":5})", "first_name: must be a string"},
      {R"({"hispanic_latino_ethnicity":"true"})", "without quotes"},
      {R"({"race":"a"})", "race: must be an array"},
      {R"({"race":["a",{"b":1}]})", "race[1]: must be a string"},
      {R"({"source":"x"})", "source: must be an object"},
      {R"({"first_name":"a","first_name":"b"})", "twice"},
      {R"({"first_name":"a","firstName":"b"})", "first_name: is there twice"},
      {R"([])", "one JSON object"},
      {R"({} {})", "no JSON from column"},
      {R"({"first_name":"a")", "no JSON from column"},
      {"{\"first_name\":\"\xFF\"}", "no JSON from column"},
      {R"({"expected_completion_year":1e999})", "out of range"},
      {"", "no JSON from column"},
  };
  for (const auto& [json, why] : cases) {
    EXPECT_TRUE(absl::StrContains(Why(json), why)) << json << " gave " << Why(json);
  }
}

TEST(RecordJson, NeverRepeatsAValue) {
  for (const char* json :
       {R"({"birth_date":"secret"})", R"({"expected_completion_year":"secret"})",
        R"({"first_name":"secret)", R"({"first_name":secret})", R"({"race":{"secret":1}})"}) {
    EXPECT_FALSE(absl::StrContains(Why(json), "secret")) << Why(json);
  }
}

TEST(RecordJson, RefusesDepthWithoutEnd) {
  std::string json;
  for (int i = 0; i < 100'000; ++i) json += "{\"source\":";
  EXPECT_FALSE(Why(json).empty());
}

TEST(RecordJson, SurvivesEveryByteChanged) {
  const std::string good =
      R"({"candidate_id":"C-1","birth_date":"2003-05-09","race":["a"],"source":{"school_year":7}})";
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x10', '\x40', '\x80'}) {
      std::string changed = good;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      v1::Candidate candidate;
      if (RecordFromJson(changed, candidate).ok()) RecordToJson(candidate);
    }
  }
}

}  // namespace
}  // namespace sluice::client
