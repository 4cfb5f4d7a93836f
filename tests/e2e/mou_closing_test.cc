// What is left of an MOU that is closed, at a gateway that runs: nothing that leads from a
// pseudonym to a person, whatever is kept of the gateway's own files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/mou_fixture.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class MouClosing : public MouFixture {
 protected:
  void SetUp() override {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    publisher_ = deployment_.Connect(program_);
    PublishRows(1000);
  }

  // By the candidate's number.
  std::map<std::string, std::string> Pseudonyms(absl::string_view mou) {
    ReadRows rows;
    Must(Read(*deployment_.Connect(district_), ReadRequest(mou), rows));
    std::map<std::string, std::string> pseudonyms;
    for (const v1::Candidate& candidate : rows.candidates) {
      pseudonyms[absl::StrCat(candidate.source().change_version())] = candidate.candidate_id();
    }
    return pseudonyms;
  }
  void Close() {
    ASSERT_EQ(
        Sluice(registrar_, "mou terminate pipeline --reason PURPOSE_ENDED --confirm pipeline"),
        client::kDone)
        << told_;
    const Identity signatory = deployment_.As(kDistrict, "signatory", "provost");
    ASSERT_EQ(Sluice(superintendent_,
                     absl::StrCat("mou attest pipeline --for river-unified", " --signer ",
                                  signatory.certificate, " --signer-key ", signatory.key)),
              client::kDone)
        << told_;
    ASSERT_THAT(told_, HasSubstr("CLOSED"));
  }
  // Of what a gateway keeps but its configuration.
  void Copy(const std::string& from, const std::string& to) {
    fs::create_directories(deployment_.Path(to));
    for (const char* name : {"keys", "log", "sluice.db", "sluice.db-wal"}) {
      const fs::path own = deployment_.Path(to) / name;
      fs::remove_all(own);
      if (fs::exists(deployment_.Path(from) / name)) {
        fs::copy(deployment_.Path(from) / name, own, fs::copy_options::recursive);
      }
    }
  }
  fs::path Root() const { return deployment_.Path("keys/mou-pipeline.root"); }
};

TEST_F(MouClosing, LeavesNothingThatLeadsFromAPseudonymToAPerson) {
  const std::map<std::string, std::string> before = Pseudonyms("pipeline");
  ASSERT_EQ(before.size(), 1000u);
  ASSERT_TRUE(fs::exists(Root()));
  const std::string root = ReadFile(Root());
  Close();
  EXPECT_FALSE(fs::exists(Root()));
  EXPECT_EQ(ReadAll(), "TERMINATED");
  // Not under another name, either.
  for (const auto& entry : fs::recursive_directory_iterator(deployment_.Path("."))) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(ReadFile(entry.path()).find(root), std::string::npos) << entry.path();
  }
  // The same parties, persons and fields: other pseudonyms.
  deployment_.ProposeSigned("successor");
  deployment_.Reload();
  const std::map<std::string, std::string> after = Pseudonyms("successor");
  ASSERT_EQ(after.size(), 1000u);
  std::map<std::string, std::string> whose;
  for (const auto& [candidate, pseudonym] : before) whose[pseudonym] = candidate;
  for (const auto& [candidate, pseudonym] : after) EXPECT_FALSE(whose.contains(pseudonym));

  ASSERT_EQ(Sluice(superintendent_, "audit log --type key"), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("DESTROYED"), HasSubstr("DESTROYED mou-pipeline.root")));
  ASSERT_EQ(Sluice(superintendent_, "mou status pipeline"), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("ATTEST by river-unified"), HasSubstr("CLOSED")));
  deployment_.End(SIGTERM);
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
}

TEST_F(MouClosing, AKeptRootBringsNoPseudonymBack) {
  const std::string root = ReadFile(Root());
  Close();
  deployment_.End(SIGKILL);
  WriteFile(Root(), root);
  fs::permissions(Root(), fs::perms::owner_read | fs::perms::owner_write);
  deployment_.Start();
  EXPECT_EQ(ReadAll(), "TERMINATED");
  EXPECT_FALSE(fs::exists(Root())) << "it is destroyed again";
}

TEST_F(MouClosing, AKeptStoreBringsNoPseudonymBack) {
  deployment_.End(SIGTERM);
  Copy(".", "kept");
  deployment_.Start();
  Close();
  deployment_.End(SIGTERM);
  // Store and log as they were while the MOU was in force; the keys of today.
  fs::remove_all(deployment_.Path("kept/keys"));
  fs::copy(deployment_.Path("keys"), deployment_.Path("kept/keys"), fs::copy_options::recursive);
  Copy("kept", ".");
  deployment_.Start();
  ReadRows rows;
  EXPECT_FALSE(Read(*deployment_.Connect(district_), ReadRequest("pipeline"), rows).ok());
  EXPECT_TRUE(rows.candidates.empty());
}

}  // namespace
}  // namespace sluice::tests
