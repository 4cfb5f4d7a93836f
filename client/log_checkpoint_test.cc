#include "client/log_checkpoint.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/log_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class LogCheckpointTest : public testing::Test {
 protected:
  std::string Why(const std::string& note) {
    const auto opened = OpenCheckpoint(note, log_.key());
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
    return std::string(opened.status().message());
  }
  // A note whose text is signed as it is.
  std::string WhyText(const std::string& text) { return Why(log_.Sign(text)); }

  const LogForTest log_;
  const TreeHash root_ = LeafHash("the only entry");
  const std::string note_ = log_.Checkpoint(1, root_);
};

TEST_F(LogCheckpointTest, OpensWhatItsKeySigned) {
  const auto opened = OpenCheckpoint(note_, log_.key());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->size, 1u);
  EXPECT_EQ(opened->root, root_);
  EXPECT_EQ(opened->origin, "gateway.example/log/1");
}

TEST_F(LogCheckpointTest, RefusesEachByteChanged) {
  for (size_t i = 0; i < note_.size(); ++i) {
    for (const char flip : {'\x01', '\x20', '\x80'}) {
      std::string changed = note_;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      EXPECT_FALSE(OpenCheckpoint(changed, log_.key()).ok()) << i;
    }
  }
}

TEST_F(LogCheckpointTest, RefusesEachPrefix) {
  for (size_t i = 0; i < note_.size(); ++i) {
    EXPECT_FALSE(OpenCheckpoint(note_.substr(0, i), log_.key()).ok()) << i;
  }
}

TEST_F(LogCheckpointTest, AcceptsOthersSignaturesBesideItsOwn) {
  const LogForTest witness("witness.example", 'w');
  const std::string line = witness.SignatureLine(std::string(72, 'x'));
  EXPECT_TRUE(OpenCheckpoint(note_ + line, log_.key()).ok());
}

TEST_F(LogCheckpointTest, RefusesWhatIsNoUtf8InAnyLine) {
  EXPECT_TRUE(absl::StrContains(Why(note_ + "\xE2\x80\x94 w\xFF AAAAAAA=\n"), "UTF-8"));
  EXPECT_TRUE(OpenCheckpoint(note_ + "\xE2\x80\x94 w\xC3\xA9 AAAAAAA=\n", log_.key()).ok());
}

TEST_F(LogCheckpointTest, ReadsExtensionLinesButOpensNoCheckpointWithThem) {
  const std::string text = "any/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
  const absl::StatusOr<TreeHead> head = ParseTreeHead(text);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->origin, "any/log");
  EXPECT_EQ(head->size, 0u);
  EXPECT_EQ(head->root, EmptyRoot());
  EXPECT_FALSE(head->extended);
  EXPECT_TRUE(ParseTreeHead(text + "more\n")->extended);
  EXPECT_FALSE(ParseTreeHead(text + "\nmore\n").ok());
  EXPECT_FALSE(ParseTreeHead(text.substr(0, text.size() - 1)).ok());
  EXPECT_FALSE(ParseTreeHead("\n" + text).ok());
  EXPECT_FALSE(ParseTreeHead("").ok());
}

TEST_F(LogCheckpointTest, RefusesANoteThatOnlyAnotherKeySigned) {
  const LogForTest other("gateway.example/log/1", 'o');
  EXPECT_TRUE(absl::StrContains(Why(other.Checkpoint(1, root_)), "not signed by"));
}

TEST_F(LogCheckpointTest, RefusesABadSignatureOfTheKeyBesideAGoodOne) {
  EXPECT_TRUE(absl::StrContains(Why(note_ + log_.SignatureLine(std::string(64, 'x'))), "twice"));
}

TEST_F(LogCheckpointTest, RefusesTheTextOfAnotherLog) {
  const std::string hash = "JRp9+zr0AF63VTEsGJ1mQDBGsmqpvhW4bTdKHkqtNzg=";
  EXPECT_TRUE(absl::StrContains(WhyText("other/log/1\n1\n" + hash + "\n"), "another log"));
}

TEST_F(LogCheckpointTest, RefusesSizesAndRootsThatAreNotToTheLetter) {
  const std::string origin = "gateway.example/log/1\n";
  const std::string hash = "JRp9+zr0AF63VTEsGJ1mQDBGsmqpvhW4bTdKHkqtNzg=";
  EXPECT_TRUE(OpenCheckpoint(log_.Sign(origin + "1\n" + hash + "\n"), log_.key()).ok());
  for (const char* size : {"01", "+1", "-1", "", " 1", "1 ", "x", "18446744073709551616"}) {
    EXPECT_TRUE(absl::StrContains(WhyText(absl::StrCat(origin, size, "\n", hash, "\n")), "size"))
        << size;
  }
  for (const char* root : {"", "AAAA", "JRp9+zr0AF63VTEsGJ1mQDBGsmqpvhW4bTdKHkqtNzg",
                           "JRp9+zr0AF63VTEsGJ1mQDBGsmqpvhW4bTdKHkqtNzh="}) {
    EXPECT_TRUE(absl::StrContains(WhyText(absl::StrCat(origin, "1\n", root, "\n")), "root"))
        << root;
  }
  EXPECT_TRUE(absl::StrContains(WhyText(origin + "1\n" + hash + "\nextension\n"), "exactly"));
}

TEST(LogVerifierKey, RefusesWhatIsNoKeyOrHasAnotherId) {
  const std::string good = LogForTest().vkey();
  ASSERT_TRUE(LogVerifierKey::Parse(good).ok());
  ASSERT_TRUE(LogVerifierKey::Parse(good + "\n").ok());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    EXPECT_FALSE(LogVerifierKey::Parse(changed).ok()) << i;
    EXPECT_FALSE(LogVerifierKey::Parse(good.substr(0, i)).ok()) << i;
  }
}

}  // namespace
}  // namespace sluice::client
