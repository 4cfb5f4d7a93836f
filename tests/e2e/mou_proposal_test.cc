// A document on its way into force at a gateway that runs: proposed, signed with the parties' own
// keys, amended; over kills, and by those who may not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/mou_fixture.h"

namespace sluice::tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MouProposals : public MouFixture {
 protected:
  void SetUp() override {
    deployment_.Start();
    publisher_ = deployment_.Connect(program_);
  }
  std::string File(const std::string& name) const { return deployment_.Path(name).string(); }
  void Kill() {
    deployment_.End(SIGKILL);
    deployment_.Start();
    publisher_ = deployment_.Connect(program_);
  }
  // What a signatory does who has openssl and nothing of ours.
  std::string SignByOpenssl(const std::string& file, absl::string_view organization) {
    const Identity signatory = deployment_.As(organization, "signatory", "provost");
    const std::string signature = absl::StrCat(file, ".", organization, ".p7s");
    EXPECT_EQ(std::system(absl::StrCat("openssl cms -sign -binary -in ", file, " -signer ",
                                       File(signatory.certificate), " -inkey ", File(signatory.key),
                                       " -outform DER -out ", signature)
                              .c_str()),
              0);
    return signature;
  }
  std::string SignCommand(const std::string& file, absl::string_view organization) {
    return absl::StrCat("mou sign ", file, " --for ", organization, " --signature ",
                        SignByOpenssl(file, organization), " --send");
  }
};

TEST_F(MouProposals, FromADocumentToReleasesAndAnAmendmentOverKills) {
  PublishRows(1000);
  const std::string document = deployment_.Document("pipeline");
  const std::string file = File("mou.yaml");
  WriteFile(file, document);
  ASSERT_EQ(Sluice(registrar_, "mou propose " + file), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("PROPOSED"),
                           HasSubstr("to be signed by state-university, river-unified")));
  Kill();
  // The other party reads the very bytes that it is to sign.
  const std::string copy = File("their-copy.yaml");
  ASSERT_EQ(Sluice(superintendent_, "mou status pipeline --document " + copy), client::kDone)
      << told_;
  EXPECT_EQ(ReadFile(copy), document);
  EXPECT_EQ(ReadAll(), "NOT_SIGNED");
  ASSERT_EQ(Sluice(superintendent_, SignCommand(copy, kDistrict)), client::kDone) << told_;
  EXPECT_THAT(told_, HasSubstr("to be signed by state-university"));
  Kill();
  EXPECT_EQ(ReadAll(), "NOT_SIGNED");
  ASSERT_EQ(Sluice(registrar_, SignCommand(file, kProgram)), client::kDone) << told_;
  EXPECT_THAT(told_, HasSubstr("ACTIVE"));
  Kill();
  EXPECT_EQ(ReadAll(), "");

  const std::string second = File("mou-v2.yaml");
  WriteFile(second, absl::StrReplaceAll(document, {{"version: 1", "version: 2"},
                                                   {"operations: [READ]",
                                                    "operations: [READ, "
                                                    "SYNC]"}}));
  ASSERT_EQ(Sluice(registrar_, "mou amend " + second), client::kUsage) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("NEWLY_DISCLOSED"), HasSubstr("SYNC"),
                           HasSubstr("nothing was proposed: give --confirm pipeline")));
  ASSERT_EQ(Sluice(registrar_, absl::StrCat("mou amend ", second, " --confirm pipeline")),
            client::kDone)
      << told_;
  ASSERT_EQ(Sluice(registrar_, SignCommand(second, kProgram)), client::kDone) << told_;
  EXPECT_EQ(ReadAll(), "") << "the first version";
  ASSERT_EQ(Sluice(superintendent_, SignCommand(second, kDistrict)), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("ACTIVE"), HasSubstr("SUPERSEDED")));
  EXPECT_EQ(ReadAll(), "");

  ASSERT_EQ(Sluice(superintendent_, "mou status pipeline --version 1"), client::kDone) << told_;
  EXPECT_THAT(told_,
              AllOf(HasSubstr("PROPOSE by state-university"), HasSubstr("SIGN by river-unified"),
                    HasSubstr("SIGN by state-university"), Not(HasSubstr("version 2"))));
  deployment_.End(SIGTERM);
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
}

TEST_F(MouProposals, WhatIsRefusedSaysWhyAndChangesNothing) {
  const std::string document = deployment_.Document("pipeline");
  const std::string file = File("mou.yaml");
  WriteFile(file, absl::StrReplaceAll(document, {{"version: 1", "version: 2"}}));
  EXPECT_EQ(Sluice(registrar_, "mou propose " + file), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("NEXT: version 2 is not the next, 1"));
  WriteFile(file, absl::StrReplaceAll(document, {{"expected_completion_year", "no_such_field"}}));
  EXPECT_EQ(Sluice(registrar_, "mou propose " + file), client::kCheckFailed);
  EXPECT_THAT(told_, HasSubstr("P001"));
  WriteFile(file, document);
  EXPECT_EQ(Sluice(stranger_, "mou propose " + file), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("names your organization as no party"));
  EXPECT_EQ(Sluice(program_, "mou propose " + file), client::kDenied) << "a system";
  EXPECT_EQ(Sluice(registrar_, "mou list"), client::kDone);
  EXPECT_THAT(told_, HasSubstr("no MOU"));

  ASSERT_EQ(Sluice(registrar_, "mou propose " + file), client::kDone) << told_;
  const std::string other = File("other.yaml");
  WriteFile(other, absl::StrReplaceAll(document, {{"days: 60", "days: 61"}}));
  EXPECT_EQ(Sluice(registrar_, "mou propose " + other), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("P020"));
  EXPECT_EQ(Sluice(superintendent_, SignCommand(other, kDistrict)), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("signature: "));
  EXPECT_EQ(Sluice(superintendent_, absl::StrCat("mou sign ", file,
                                                 " --for river-unified "
                                                 "--signature ",
                                                 SignByOpenssl(file, kProgram), " --send")),
            client::kFailed)
      << "another party's";
  // Who is no party of it can't tell it from one that is not there.
  EXPECT_EQ(Sluice(stranger_, SignCommand(file, kProgram)), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("there is no such MOU"));
  WriteFile(other, absl::StrReplaceAll(document, {{"river-unified", kStranger}}));
  EXPECT_EQ(Sluice(stranger_, "mou propose " + other), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("has this name; choose another"));
  ASSERT_EQ(Sluice(stranger_, "audit log --result DENIAL"), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("ProposeMou"), HasSubstr("SignMou"), HasSubstr("NO_MOU")));

  ASSERT_EQ(Sluice(superintendent_,
                   "mou terminate pipeline --version 1 --reason NO_REASON "
                   "--confirm pipeline"),
            client::kDone)
      << told_;
  EXPECT_EQ(Sluice(registrar_, SignCommand(file, kProgram)), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("has ended"));
}

}  // namespace
}  // namespace sluice::tests
