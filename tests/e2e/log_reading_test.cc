// How the log is read, at the command's boundary: `sluice audit log` and `sluice audit export`
// against `sluiced`.
#include <gtest/gtest.h>
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

}  // namespace
}  // namespace sluice::tests
