// How the log is read, at the command's boundary: `sluice audit log` and `sluice audit export`
// against `sluiced`.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using Json = nlohmann::json;

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class LogReading : public ::testing::Test {
 protected:
  LogReading() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    Must(Publish(*deployment_.Connect(deployment_.As(kProgram, "system", "sis")), "batch", 0, 10)
             .status());
    const auto district = deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
    ReadRows rows;
    Must(Read(*district, ReadRequest("pipeline"), rows));
    v1::ReadRecordsRequest other = ReadRequest("pipeline");
    other.set_purpose("research");
    EXPECT_FALSE(Read(*district, other, rows).ok());
  }

  Outcome Run(const Identity& identity, const std::string& arguments) {
    const std::string errors = deployment_.Path("err").string();
    const std::string command = absl::StrCat(
        "env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("none.yaml").string(), " ",
        SLUICE_BINARY, " ", arguments, " --gateway ", deployment_.target(), " --ca ",
        deployment_.Path("pki/operator/ca.pem").string(), " --certificate ", identity.certificate,
        " --key ", identity.key, " --server-name localhost --attempts 1 2>", errors);
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
  // The entries that options choose.
  std::vector<Json> Entries(const Identity& identity, const std::string& options) {
    const Outcome outcome = Run(identity, "audit log --limit 1000 --output ndjson " + options);
    EXPECT_EQ(outcome.code, client::kDone) << outcome.err;
    return Lines(outcome.out);
  }
  static std::vector<Json> Lines(const std::string& text) {
    std::vector<Json> lines;
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      lines.push_back(Json::parse(line.begin(), line.end()));
    }
    return lines;
  }

  Deployment deployment_;
  const Identity operator_ = deployment_.As("operator", "operator", "root");
  const Identity auditor_ = deployment_.As(kDistrict, "auditor", "lee");
};

TEST_F(LogReading, FindsWhatWasDeniedByEachOfItsParts) {
  const std::vector<Json> denials = Entries(auditor_, "--result DENIAL");
  ASSERT_EQ(denials.size(), 1u);
  const Json& entry = denials[0]["entry"];
  EXPECT_EQ(entry["code"], "PURPOSE_NOT_GRANTED");
  const std::string spki = entry["caller"]["spki"];
  for (const std::string& options :
       {absl::StrCat("--code ", entry["code"].get<std::string>()),
        absl::StrCat("--result DENIAL --organization ", kDistrict),
        absl::StrCat("--result DENIAL --principal /org/", kDistrict, "/system/hr"),
        absl::StrCat("--result DENIAL --principal ", spki),
        std::string("--result DENIAL --record-type Candidate --operation READ --since 1h")}) {
    const std::vector<Json> found = Entries(auditor_, options);
    ASSERT_EQ(found.size(), 1u) << options;
    EXPECT_EQ(found[0], denials[0]) << options;
  }
  for (const std::string& options :
       {std::string("--code NO_MOU"),
        absl::StrCat("--result DENIAL --principal /org/", kProgram, "/system/hr"),
        std::string("--result DENIAL --until 1h"), std::string("--mou another")}) {
    EXPECT_TRUE(Entries(auditor_, options).empty()) << options;
  }
  const Outcome wrong =
      Run(auditor_, absl::StrCat("audit log --principal /org/", kDistrict, "/auditor/lee"));
  EXPECT_EQ(wrong.code, client::kFailed);
  EXPECT_NE(wrong.err.find("filter.principal"), std::string::npos) << wrong.err;
}

TEST_F(LogReading, AnExportIsTheWholeLogAndGoesOnWhereItEnded) {
  const std::string files =
      absl::StrCat("audit export --resume ", deployment_.Path("cursor").string(), " --out ",
                   deployment_.Path("exported").string());
  EXPECT_EQ(Run(operator_, files).code, client::kDone);
  const size_t first = Lines(ReadFile(deployment_.Path("exported"))).size();
  EXPECT_GT(first, 4u);
  EXPECT_EQ(Run(operator_, files).code, client::kDone);
  const std::vector<Json> lines = Lines(ReadFile(deployment_.Path("exported")));
  ASSERT_GT(lines.size(), first);
  for (size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i]["index"], i);
  // The first export is an entry of the second.
  EXPECT_EQ(lines[first]["entry"]["type"], "read");
  EXPECT_EQ(lines[first]["entry"]["operation"], "ListEntries");
  EXPECT_EQ(lines[first]["entry"]["begin"], 0);
  EXPECT_TRUE(lines[first]["entry"]["caller"].contains("operator"));
  // What a line calls the leaf's hash is what the log proves.
  v1::GetInclusionProofRequest request;
  request.set_tree_size(1);
  const auto proof = deployment_.Connect(operator_)->GetInclusionProof(request);
  Must(proof.status());
  EXPECT_EQ(lines[0]["leaf_hash"], absl::BytesToHexString(proof->leaf_hash()));
}

TEST_F(LogReading, APartyExportsWhatConcernsItAlone) {
  const Outcome exported = Run(auditor_, "audit export");
  EXPECT_EQ(exported.code, client::kDone) << exported.err;
  const std::vector<Json> lines = Lines(exported.out);
  EXPECT_FALSE(lines.empty());
  for (const Json& line : lines) {
    EXPECT_NE(line.dump().find(kDistrict), std::string::npos) << line;
  }
}

TEST_F(LogReading, TellsWhatOneCertificateReceivedAndWhatStandsOut) {
  const Outcome outcome =
      Run(auditor_, absl::StrCat("audit exposure --since 1h --output json --principal /org/",
                                 kDistrict, "/system/hr"));
  ASSERT_EQ(outcome.code, client::kDone) << outcome.err;
  const Json exposure = Json::parse(outcome.out);
  ASSERT_EQ(exposure["received"].size(), 1u) << exposure;
  const Json& received = exposure["received"][0];
  EXPECT_EQ(received["owner"], kProgram);
  EXPECT_EQ(received["rows"], 10);
  EXPECT_EQ(received["mou"], "pipeline");
  const int64_t index = received["entries"][0];
  const std::vector<Json> entries = Entries(auditor_, "--type disclosure");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0]["index"], index);
  bool denied = false;
  for (const Json& asked : exposure["asked"]) {
    denied = denied || asked["result"] == "DENIAL PURPOSE_NOT_GRANTED";
  }
  EXPECT_TRUE(denied) << exposure;
  const Outcome other =
      Run(auditor_, absl::StrCat("audit exposure --principal /org/", kDistrict, "/system/another"));
  EXPECT_NE(other.out.find("it received nothing"), std::string::npos) << other.out;

  const Outcome found = Run(auditor_,
                            "audit anomalies --since 1h --time-zone UTC --hours 0-24 "
                            "--fail-on-findings --output ndjson");
  EXPECT_EQ(found.code, client::kCheckFailed) << found.err;
  const std::vector<Json> findings = Lines(found.out);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0]["finding"], "FIRST_TIME");
  EXPECT_EQ(findings[0]["index"], index);
}

// What a party packs, another verifies when no gateway is there to be asked.
TEST_F(LogReading, EvidenceIsVerifiedOfflineByWhoHoldsTheLogsKey) {
  const std::string bundle = deployment_.Path("pipeline.bundle").string();
  const std::string whole = deployment_.Path("whole.bundle").string();
  const std::string mine = " --state " + deployment_.Path("mine").string();
  const std::string theirs = " --state " + deployment_.Path("theirs").string() + " --vkey " +
                             deployment_.Path("log/vkey").string();
  const Outcome packed = Run(auditor_, "audit bundle --mou pipeline --out " + bundle + mine);
  EXPECT_EQ(packed.code, client::kDone) << packed.err;
  EXPECT_EQ(Run(operator_, "audit bundle --out " + whole + mine).code, client::kDone);
  const Outcome about =
      Run(deployment_.As(kProgram, "auditor", "kim"),
          absl::StrCat("audit bundle --id-space candidate --id C0 --openings "
                       "--organization ",
                       kProgram, " --out ", deployment_.Path("person.bundle").string(), mine));
  EXPECT_EQ(about.code, client::kDone) << about.err;
  // Each of them is a read that the log holds.
  EXPECT_GE(Entries(operator_, "--type read").size(), 2u);
  deployment_.End(SIGTERM);

  const Outcome verified = Run(auditor_, "audit verify " + bundle + theirs + " --output json");
  EXPECT_EQ(verified.code, client::kDone) << verified.err;
  const std::vector<Json> said = Lines(verified.out);
  ASSERT_EQ(said.size(), 1u) << verified.out;
  EXPECT_EQ(said[0]["filter"], Json({{"mou", "pipeline"}}));
  EXPECT_EQ(said[0]["range"], false);
  EXPECT_GE(said[0]["types"]["disclosure"], 1);
  const Outcome all = Run(operator_, "audit verify " + whole + theirs + " --output json");
  EXPECT_EQ(all.code, client::kDone) << all.err;
  ASSERT_EQ(Lines(all.out).size(), 1u) << all.out;
  EXPECT_EQ(Lines(all.out)[0]["range"], true);
  EXPECT_EQ(Lines(all.out)[0]["entries_verified"], Lines(all.out)[0]["size"]);

  const Outcome person = Run(
      auditor_, absl::StrCat("audit verify ", deployment_.Path("person.bundle").string(), theirs));
  EXPECT_EQ(person.code, client::kDone) << person.err;
  EXPECT_NE(person.out.find("1 disclosures of records of state-university\n             each about "
                            "who has the ordinals 1 there"),
            std::string::npos)
      << person.out;

  std::string text = ReadFile(bundle);
  const size_t at = text.find("\"rows\":{");
  ASSERT_NE(at, std::string::npos) << text;
  const size_t line = text.rfind("\nentry ", at) + 1;
  const std::string named = text.substr(line, text.find(' ', line + 6) - line);
  text[at + 1] = 'R';
  WriteFile(bundle, text);
  const Outcome changed = Run(auditor_, "audit verify " + bundle + theirs);
  EXPECT_EQ(changed.code, client::kCheckFailed);
  EXPECT_NE(changed.err.find(named + ": its bytes are not those"), std::string::npos)
      << named << "\n"
      << changed.err;
}

}  // namespace
}  // namespace sluice::tests
