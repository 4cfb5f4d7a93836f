// `sluice mou` as it is run, on files alone.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/command_for_test.h"
#include "gtest/gtest.h"
#include "policy/mou_document.h"
#include "tests/support/mou_for_test.h"

namespace sluice::client {
namespace {

class MouCommandTest : public CommandTest {};

TEST_F(MouCommandTest, ADocumentWithErrorsFailsItsCheck) {
  service_->Write("mou.yaml", "mou: x\nversion: \"1\"\n");
  const Outcome outcome = Run("mou check mou.yaml");
  EXPECT_EQ(outcome.code, kCheckFailed);
  EXPECT_TRUE(absl::StrContains(outcome.out, "mou.yaml:2:10: error P")) << outcome.out;
  const Outcome json = Run("mou check --output json mou.yaml");
  EXPECT_EQ(json.code, kCheckFailed);
  EXPECT_TRUE(absl::StrContains(json.out, "\"line\": 2")) << json.out;
}

TEST_F(MouCommandTest, ACheckIsPrintedAsCodeReviewAndBuildServersReadIt) {
  service_->Write("my mou.yaml", "mou: x\nversion: \"1\"\n");
  service_->Write("good.yaml", policy::ExampleMou());
  const Outcome sarif = Run("mou check --output sarif 'my mou.yaml' good.yaml");
  EXPECT_EQ(sarif.code, kCheckFailed);
  const auto report = nlohmann::json::parse(sarif.out);
  EXPECT_EQ(report["version"], "2.1.0");
  const auto& results = report["runs"][0]["results"];
  EXPECT_GT(results.size(), 1u);
  bool quoted = false;
  for (const auto& result : results) {
    const auto& place = result["locations"][0]["physicalLocation"];
    EXPECT_EQ(place["artifactLocation"]["uri"], "my%20mou.yaml");
    EXPECT_EQ(result["level"], "error");
    quoted = quoted || place["region"] == nlohmann::json{{"startLine", 2}, {"startColumn", 10}};
  }
  EXPECT_TRUE(quoted) << sarif.out;
  EXPECT_EQ(report["runs"][0]["tool"]["driver"]["rules"][0]["id"], "P014");

  const Outcome junit = Run("mou check --output junit 'my mou.yaml' good.yaml");
  EXPECT_EQ(junit.code, kCheckFailed);
  EXPECT_TRUE(absl::StrContains(junit.out, "<testcase classname=\"my mou.yaml\" name=\"P"))
      << junit.out;
  EXPECT_TRUE(absl::StrContains(junit.out, "type=\"error\">my mou.yaml:2:10: error P"))
      << junit.out;
  EXPECT_TRUE(
      absl::StrContains(junit.out, "<testcase classname=\"good.yaml\" name=\"nothing found\"/>\n"))
      << junit.out;
  EXPECT_FALSE(absl::StrContains(junit.out, "failures=\"0\"")) << junit.out;
  const Outcome clean = Run("mou check --output junit good.yaml");
  EXPECT_EQ(clean.code, kDone);
  EXPECT_TRUE(absl::StrContains(clean.out, "tests=\"1\" failures=\"0\"")) << clean.out;
}

TEST_F(MouCommandTest, ExplainsAPermitByGrantPlacePeriodAndRules) {
  service_->Write("mou.yaml", policy::ExampleMou());
  const Outcome outcome =
      Run("mou explain mou.yaml --to river-unified --purpose hiring_pipeline --record Candidate "
          "--today 2027-01-01");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  const policy::MouDocument document =
      policy::MouDocument::Parse("mou.yaml", policy::ExampleMou()).document;
  EXPECT_EQ(outcome.out, absl::StrCat("permit under stem-pipeline version 1 (", document.digest(),
                                      ") for hiring_pipeline\n"
                                      "  expected-completers from state-university (mou.yaml:14), "
                                      "2026-07-01..2028-07-01:\n"
                                      "    candidate_id pseudonymize\n"
                                      "    birth_date generalize YEAR band 5\n"
                                      "    home_postal_code generalize zip3 CENSUS_2000\n"
                                      "    subject_area pass\n"
                                      "    expected_completion_year pass\n"));
}

TEST_F(MouCommandTest, ExplainsADenialByTheLineThatDenies) {
  service_->Write("mou.yaml", policy::ExampleMou());
  const std::string explain = "mou explain mou.yaml --record Candidate --to ";
  Outcome outcome = Run(explain + "river-unified --purpose hiring_pipeline --today 2028-07-01");
  EXPECT_EQ(outcome.code, kDenied);
  EXPECT_EQ(outcome.out,
            "OUTSIDE_PERIOD; expected-completers fails only: period, expired on 2028-07-01 "
            "(mou.yaml:9)\n");
  outcome = Run(explain + "river-unified --purpose research --operation SYNC --today 2027-01-01");
  EXPECT_EQ(outcome.code, kDenied);
  EXPECT_TRUE(absl::StrContains(outcome.out, "PURPOSE_NOT_GRANTED; expected-completers fails: "))
      << outcome.out;
  outcome = Run(explain + "lake-unified --purpose hiring_pipeline --today 2027-01-01");
  EXPECT_EQ(outcome.code, kDenied);
  EXPECT_TRUE(absl::StrContains(outcome.out, "NO_MOU: ")) << outcome.out;
  service_->Write("mou.yaml", "mou: x\nversion: \"1\"\n");
  ExpectError(explain + "river-unified --purpose hiring_pipeline", kCheckFailed,
              "mou.yaml:2:10: error P");
}

TEST_F(MouCommandTest, DiffShowsWhatAnAmendmentDisclosesAndCanFailOnIt) {
  service_->Write("one.yaml", policy::ExampleMou());
  service_->Write("two.yaml",
                  policy::ExampleMouWith("      candidate_id: pseudonymize\n",
                                         "      candidate_id: pseudonymize\n      sex: pass\n"));
  const Outcome same = Run("mou diff --fail-on widening one.yaml one.yaml");
  EXPECT_EQ(same.code, kDone) << same.err;
  EXPECT_EQ(same.out, "0 changes, 0 of them widening\n");
  const Outcome more = Run("mou diff --fail-on widening one.yaml two.yaml");
  EXPECT_EQ(more.code, kGateFailed);
  EXPECT_EQ(
      more.out,
      "NEWLY_DISCLOSED  river-unified  Candidate of state-university  hiring_pipeline  READ  "
      "2026-07-01..2028-07-01\n"
      "  + subject_area in {MATHEMATICS, CHEMISTRY, PHYSICS}, expected_completion_year>=2027\n"
      "    sex: pass\n"
      "  for example on 2026-07-01, subject_area=MATHEMATICS, expected_completion_year=2027\n"
      "\n1 change, 1 of them widening\n");
  const Outcome less = Run("mou diff --fail-on widening --output ndjson two.yaml one.yaml");
  EXPECT_EQ(less.code, kDone) << less.err;
  EXPECT_TRUE(absl::StrContains(less.out, "\"change\":\"NO_LONGER_DISCLOSED\"")) << less.out;
  ExpectError("mou diff one.yaml none.yaml", kFailed, "none.yaml");
  ExpectError("mou diff --fail-on anything one.yaml two.yaml", kUsage, "--fail-on");
}

TEST_F(MouCommandTest, WhoCanAndWhatCanSayAllThatIsDisclosed) {
  service_->Write("mou.yaml", policy::ExampleMou());
  const Outcome who = Run("mou who-can Candidate.birth_date mou.yaml --output csv");
  EXPECT_EQ(who.code, kDone) << who.err;
  EXPECT_TRUE(absl::StrContains(
      who.out,
      "river-unified,state-university,Candidate,birth_date,generalize YEAR band 5,hiring_pipeline,"
      "READ,2026-07-01..2028-07-01,\"subject_area in {MATHEMATICS, CHEMISTRY, PHYSICS}, "
      "expected_completion_year>=2027\",mou.yaml:14"))
      << who.out;
  EXPECT_EQ(Run("mou who-can Candidate.sex mou.yaml").out, "nobody can see Candidate.sex\n");
  ExpectError("mou who-can Candidate.birth_dat mou.yaml", kUsage, "did you mean \"birth_date\"?");
  ExpectError("mou who-can Candidat.birth_date mou.yaml", kFailed, "did you mean \"Candidate\"?");
  const Outcome what = Run("mou what-can river-unified mou.yaml --output ndjson");
  EXPECT_EQ(what.code, kDone) << what.err;
  EXPECT_EQ(std::count(what.out.begin(), what.out.end(), '\n'), 5) << what.out;
  EXPECT_EQ(Run("mou what-can state-university mou.yaml").out,
            "state-university can see nothing\n");
  service_->Write("mou.yaml", "mou: x\nversion: \"1\"\n");
  ExpectError("mou what-can river-unified mou.yaml", kCheckFailed, "mou.yaml:2:10: error P");
}

}  // namespace
}  // namespace sluice::client
