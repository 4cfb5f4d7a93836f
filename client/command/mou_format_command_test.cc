// `sluice mou fmt` as it is run, on files alone.
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/command/command_for_test.h"
#include "client/file.h"
#include "gtest/gtest.h"
#include "policy/mou_format.h"
#include "tests/support/mou_for_test.h"

namespace sluice::client {
namespace {

class MouFormatCommandTest : public CommandTest {
 protected:
  std::string Read(const std::string& name) { return *ReadFile(directory_ + "/" + name); }
  static std::string Canonical() {
    return *policy::FormatMou(policy::MouDocument::Parse("m", policy::ExampleMou()).document);
  }
  void ExpectQuiet(const std::string& arguments) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, kDone) << arguments;
    EXPECT_EQ(outcome.out + outcome.err, "") << arguments;
  }
};

TEST_F(MouFormatCommandTest, RewritesInPlaceAndSaysNothing) {
  service_->Write("mou.yaml", policy::ExampleMou());
  const std::string file = directory_ + "/mou.yaml";
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  std::filesystem::create_symlink("mou.yaml", directory_ + "/link.yaml");
  ExpectQuiet("mou fmt link.yaml");
  EXPECT_EQ(Read("mou.yaml"), Canonical());
  struct stat info;
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_TRUE(std::filesystem::is_symlink(directory_ + "/link.yaml"));
  // What is canonical is not written again.
  const ino_t before = info.st_ino;
  ExpectQuiet("mou fmt mou.yaml");
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_ino, before);
}

TEST_F(MouFormatCommandTest, CheckListsWhatIsNotCanonicalAndChangesNothing) {
  service_->Write("loose.yaml", policy::ExampleMou());
  service_->Write("good.yaml", Canonical());
  const Outcome outcome = Run("mou fmt --check good.yaml loose.yaml");
  EXPECT_EQ(outcome.code, kCheckFailed);
  EXPECT_EQ(outcome.out, "loose.yaml\n");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(Read("loose.yaml"), policy::ExampleMou());
  ExpectQuiet("mou fmt --check good.yaml");
}

TEST_F(MouFormatCommandTest, PinFillsTheCatalogWithTheSessionsDigests) {
  service_->Write("mou.yaml", policy::ExampleMouWith(
                                  absl::StrCat("catalog: {", policy::Pin("Candidate"), "}\n"), ""));
  ExpectQuiet("mou fmt --pin mou.yaml");
  EXPECT_EQ(Read("mou.yaml"), Canonical());
  ExpectQuiet("mou fmt --check --pin mou.yaml");
  const std::string stale = absl::StrReplaceAll(
      Canonical(), {{policy::Pin("Candidate"), "Candidate: sha256:" + std::string(64, 'b')}});
  service_->Write("mou.yaml", stale);
  ExpectQuiet("mou fmt --check mou.yaml");
  EXPECT_EQ(Run("mou fmt --check --pin mou.yaml").code, kCheckFailed);
  EXPECT_EQ(Read("mou.yaml"), stale);
  ExpectQuiet("mou fmt --pin mou.yaml");
  EXPECT_EQ(Read("mou.yaml"), Canonical());
}

TEST_F(MouFormatCommandTest, RefusesOtherBytesBesideASignature) {
  service_->Write("mou.yaml", policy::ExampleMou());
  service_->Write("mou.yaml.river-unified.p7s", "signature");
  service_->Write("other.yaml", policy::ExampleMou());
  ExpectError("mou fmt mou.yaml other.yaml", kFailed,
              "mou.yaml has a signature beside it (mou.yaml.river-unified.p7s)");
  EXPECT_EQ(Read("mou.yaml"), policy::ExampleMou());
  // The other file is no less formatted.
  EXPECT_EQ(Read("other.yaml"), Canonical());
  // A link elsewhere changes nothing about it.
  std::filesystem::create_directory(directory_ + "/drafts");
  std::filesystem::create_symlink("../mou.yaml", directory_ + "/drafts/link.yaml");
  ExpectError("mou fmt drafts/link.yaml", kFailed, "mou.yaml.river-unified.p7s");
  EXPECT_EQ(Read("mou.yaml"), policy::ExampleMou());
  // What is canonical stays as it was signed.
  service_->Write("mou.yaml", Canonical());
  ExpectQuiet("mou fmt mou.yaml");
}

TEST_F(MouFormatCommandTest, LeavesWhatDoesNotParseAndSaysWhatIsWrong) {
  service_->Write("mou.yaml", "mou: x\nversion: \"1\"\n");
  service_->Write("other.yaml", policy::ExampleMou());
  ExpectError("mou fmt mou.yaml other.yaml", kCheckFailed, "mou.yaml:2:10: error P");
  EXPECT_EQ(Read("mou.yaml"), "mou: x\nversion: \"1\"\n");
  EXPECT_EQ(Read("other.yaml"), Canonical());
  const std::string unknown = policy::ExampleMouWith("record: Candidate", "record: Candidat");
  service_->Write("mou.yaml", unknown);
  ExpectError("mou fmt --pin mou.yaml", kCheckFailed, "did you mean \"Candidate\"?");
  EXPECT_EQ(Read("mou.yaml"), unknown);
}

TEST_F(MouFormatCommandTest, AMissingFileIsAnError) {
  service_->Write("mou.yaml", policy::ExampleMou());
  ExpectError("mou fmt none.yaml mou.yaml", kFailed, "none.yaml");
  EXPECT_EQ(Read("mou.yaml"), Canonical());
  ExpectError("mou fmt", kUsage, "FILE");
}

}  // namespace
}  // namespace sluice::client
