// What owners see and take back, at the command's boundary: `sluice` against `sluiced`.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using absl::StrContains;

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class Owners : public ::testing::Test {
 protected:
  Owners() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    program_ = deployment_.As(kProgram, "system", "sis");
    district_ = deployment_.As(kDistrict, "system", "hr");
  }

  // `sluice` as a principal of an organization.
  Outcome Run(const Identity& identity, absl::string_view organization,
              const std::string& arguments) {
    const std::string errors = deployment_.Path("err").string();
    const std::string command = absl::StrCat(
        "env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("none.yaml").string(), " ",
        SLUICE_BINARY, " ", arguments, " --gateway ", deployment_.target(), " --ca ",
        deployment_.Path("pki/operator/ca.pem").string(), " --certificate ", identity.certificate,
        " --key ", identity.key, " --server-name localhost --organization ",
        std::string(organization), " --attempts 1 2>", errors);
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.err = ReadFile(errors);
    return outcome;
  }
  Outcome AsOwner(const std::string& arguments) { return Run(program_, kProgram, arguments); }

  // The position of a publish.
  int64_t PublishAt(absl::string_view request_id, int begin, int end) {
    const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(program_);
    return Must(Publish(*gateway, request_id, begin, end)).position();
  }
  size_t Released() {
    ReadRows rows;
    Must(Read(*deployment_.Connect(district_), ReadRequest("pipeline"), rows));
    return rows.row_ids.size();
  }

  Deployment deployment_;
  Identity program_;
  Identity district_;
};

TEST_F(Owners, SeeWhatTheyHaveAndUndoAWrongPublish) {
  PublishAt("right", 0, 10);
  const int64_t wrong = PublishAt("wrong", 10, 25);
  Outcome status = AsOwner("record status");
  EXPECT_EQ(status.code, client::kDone) << status.err;
  EXPECT_TRUE(StrContains(status.out, absl::StrCat("Candidate  25    0        ", wrong)))
      << status.out;
  const std::string withdraw = absl::StrCat("record withdraw --position ", wrong);
  const Outcome asked = AsOwner(withdraw + " --dry-run");
  EXPECT_TRUE(StrContains(asked.out, "15 created there: would be deleted")) << asked.out;
  EXPECT_EQ(Released(), 25u);
  const Outcome taken = AsOwner(withdraw);
  EXPECT_EQ(taken.code, client::kDone) << taken.err;
  EXPECT_TRUE(StrContains(taken.out, "15 created there: deleted")) << taken.out;
  EXPECT_EQ(Released(), 10u);
  status = AsOwner("record status");
  EXPECT_TRUE(StrContains(status.out, "Candidate  10    15")) << status.out;
  const Outcome nothing = AsOwner("record withdraw --position 900");
  EXPECT_EQ(nothing.code, client::kFailed);
  EXPECT_TRUE(StrContains(nothing.err, "NOT_FOUND")) << nothing.err;

  // The log says who withdrew what, to the owner and to nobody else.
  const Identity admin = deployment_.As(kProgram, "admin", "ann");
  const Outcome log = Run(admin, kProgram, "audit log --type withdraw --output ndjson");
  EXPECT_TRUE(StrContains(log.out, "\"system\":\"sis\"")) << log.out << log.err;
  EXPECT_TRUE(StrContains(log.out, "\"rows\":{\"deleted\":15,")) << log.out;
  const Identity other = deployment_.As(kDistrict, "admin", "dee");
  EXPECT_EQ(Run(other, kDistrict, "audit log --type withdraw --output ndjson").out, "");
}

TEST_F(Owners, ReadTheirRecordsBackWhole) {
  PublishAt("r", 0, 2500);
  const Outcome all = AsOwner("record read Candidate --own --quiet");
  EXPECT_EQ(all.code, client::kDone) << all.err;
  const std::vector<std::string> lines = absl::StrSplit(all.out, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 2500u);
  for (const std::string& line : lines) ASSERT_TRUE(StrContains(line, "Meyer")) << line;
  const Outcome one =
      AsOwner("record get Candidate --own --record-key candidate_id=C7 --output csv");
  EXPECT_TRUE(StrContains(one.out, "Meyer7")) << one.out << one.err;
  const Outcome some =
      AsOwner("record read Candidate --own --filter 'last_surname = \"Meyer8\"' --quiet");
  EXPECT_TRUE(StrContains(some.out, "\"candidate_id\":\"C8\"")) << some.out << some.err;
  const Outcome none = AsOwner("record get Candidate --own --record-key candidate_id=X");
  EXPECT_EQ(none.code, client::kFailed);
  EXPECT_EQ(none.out, "");
}

TEST_F(Owners, SeeWhatARecipientWouldBeSentAndWhyNot) {
  PublishAt("r", 0, 3);
  ReadRows sent;
  Must(Read(*deployment_.Connect(district_), ReadRequest("pipeline"), sent));
  const std::string as = " Candidate --as river-unified --purpose hiring_pipeline ";
  const Outcome preview = AsOwner("grant preview" + as + "--output ndjson");
  EXPECT_EQ(preview.code, client::kDone) << preview.err;
  for (const std::string& row_id : sent.row_ids) {
    EXPECT_TRUE(StrContains(preview.out, row_id)) << preview.out;
  }
  EXPECT_FALSE(StrContains(preview.out, "Meyer")) << "as the recipient would see it";
  const Outcome denied = AsOwner("grant preview Candidate --as river-unified --purpose research");
  EXPECT_EQ(denied.code, client::kDenied);
  EXPECT_TRUE(StrContains(denied.err, "would be denied: PURPOSE_NOT_GRANTED")) << denied.err;
  const Outcome in = AsOwner("explain row" + as + "--record-key candidate_id=C1");
  EXPECT_TRUE(StrContains(in.out, "RELEASED: ")) << in.out << in.err;

  WriteFile(deployment_.Path("late.ndjson"),
            "{\"candidate_id\":\"C9\",\"expected_completion_year\":2019}\n");
  ASSERT_EQ(
      AsOwner(absl::StrCat("record publish Candidate ", deployment_.Path("late.ndjson").string()))
          .code,
      client::kDone);
  const Outcome out = AsOwner("explain row" + as + "--record-key candidate_id=C9");
  EXPECT_EQ(out.code, client::kDone) << out.err;
  EXPECT_TRUE(StrContains(out.out, "expected_completion_year: BELOW; asked: at least 2027"))
      << out.out;
  EXPECT_FALSE(StrContains(out.out, " 2019")) << out.out;
  const Outcome values = AsOwner("explain row" + as + "--record-key candidate_id=C9 --values");
  EXPECT_TRUE(StrContains(values.out, "the value: 2019")) << values.out;
}

TEST_F(Owners, AreTheOnlyOnesToBeTold) {
  const int64_t position = PublishAt("r", 0, 3);
  const std::vector<std::string> questions = {
      "record status", "record read Candidate --own",
      absl::StrCat("record withdraw --position ", position),
      "grant preview Candidate --as river-unified --purpose hiring_pipeline",
      "explain row Candidate --as river-unified --purpose hiring_pipeline --record-key "
      "candidate_id=C1"};
  const Identity auditor = deployment_.As(kProgram, "auditor", "kim");
  const Identity operator_identity = deployment_.As("operator", "operator", "root");
  for (const std::string& question : questions) {
    for (const auto& [identity, organization] : std::vector<std::pair<Identity, std::string>>{
             {district_, kProgram}, {auditor, kProgram}, {operator_identity, kProgram}}) {
      const Outcome outcome = Run(identity, organization, question);
      EXPECT_EQ(outcome.code, client::kDenied) << question;
      EXPECT_EQ(outcome.out, "") << question;
      EXPECT_TRUE(StrContains(outcome.err, "PRINCIPAL_NOT_PERMITTED")) << outcome.err;
    }
  }
  EXPECT_EQ(Released(), 3u);
}

TEST_F(Owners, AreToldWhatOfOnePersonLeft) {
  const auto about = [](absl::string_view id, absl::string_view output) {
    return absl::StrCat("audit subject --id-space candidate --id ", id, " --output ", output);
  };
  PublishAt("first", 0, 10);
  Released();
  PublishAt("second", 10, 12);
  Released();
  const Identity auditor = deployment_.As(kProgram, "auditor", "quinn");
  const Outcome both = Run(auditor, kProgram, about("C1", "csv"));
  ASSERT_EQ(both.code, client::kDone) << both.err;
  const std::vector<std::string> lines = absl::StrSplit(both.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 3u) << both.out;
  for (size_t i = 1; i < lines.size(); ++i) {
    EXPECT_TRUE(StrContains(lines[i], kDistrict)) << lines[i];
    EXPECT_TRUE(StrContains(lines[i], "pipeline version 1")) << lines[i];
  }
  const Outcome once = Run(auditor, kProgram, about("C11", "text"));
  EXPECT_EQ(once.code, client::kDone) << once.err;
  EXPECT_TRUE(StrContains(once.out, "1 disclosure to 1 organization")) << once.out;
  const Outcome proved = Run(
      auditor, kProgram,
      absl::StrCat(about("C1", "text"), " --prove --state ", deployment_.Path("held").string()));
  EXPECT_EQ(proved.code, client::kDone) << proved.err;
  EXPECT_TRUE(StrContains(proved.out, "proved by the log itself")) << proved.out;
  EXPECT_TRUE(StrContains(proved.out, "of 2 disclosures these are about this person"))
      << proved.out;
  const Outcome page = Run(auditor, kProgram, about("C11", "html"));
  EXPECT_TRUE(StrContains(page.out, "<h1>Record of disclosures</h1>")) << page.out;
  EXPECT_EQ(Run(auditor, kProgram, about("C99", "text")).code, client::kFailed);
  // A system's certificate is no auditor's, and another organization's auditor is not this one's.
  EXPECT_EQ(AsOwner(about("C1", "text")).code, client::kDenied);
  EXPECT_EQ(Run(deployment_.As(kDistrict, "auditor", "kim"), kProgram, about("C1", "text")).code,
            client::kDenied);
}

}  // namespace
}  // namespace sluice::tests
