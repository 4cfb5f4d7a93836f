// `sluice audit export`: whole, in pieces, and after it was cut off.
#include <algorithm>
#include <string>

#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

class AuditExportCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    for (int i = 0; i < 20; ++i) AddEntry();
  }
  // Entries with an index that shows in each form.
  void AddEntry() {
    service_->gateway.entries.push_back(
        absl::StrCat("{\"v\":1,\"type\":\"decision\",\"time_ms\":",
                     1798761600000 + service_->gateway.entries.size(),
                     ",\"operation\":\"READ\",\"result\":\"PERMIT\"}"));
  }
  std::string File(const std::string& name) const {
    return ReadFile(directory_ + "/" + name).value_or("");
  }
  static int64_t Lines(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  }
  static bool Holds(const std::string& text, absl::string_view part) {
    return absl::StrContains(text, part);
  }
  static constexpr char kOrigin[] = "gateway.example/log/1";
};

TEST_F(AuditExportCommandTest, WritesEveryEntryInEachForm) {
  const std::pair<const char*, std::string> forms[] = {
      {"jsonl", "{\"index\":19,\"leaf_hash\":\""},
      {"ocsf", absl::StrCat("\"uid\":\"", kOrigin, "/19\"")},
      {"cef", absl::StrCat("externalId=", kOrigin, "/19 ")},
      {"syslog", absl::StrCat("origin=\"", kOrigin, "\" index=\"19\"")}};
  for (const auto& [form, part] : forms) {
    const Outcome all = Run(absl::StrCat("audit export --format ", form));
    EXPECT_EQ(all.code, kDone) << all.err;
    EXPECT_EQ(all.err, "");
    EXPECT_EQ(Lines(all.out), 20) << form;
    EXPECT_TRUE(Holds(all.out, part)) << all.out;
  }
  EXPECT_TRUE(Holds(Run("audit export --format syslog --sd-id ours@99").out, "[ours@99 origin="));
}

TEST_F(AuditExportCommandTest, BeginsWhereItIsTold) {
  const Outcome some = Run("audit export --start 15");
  EXPECT_EQ(Lines(some.out), 5) << some.out;
  EXPECT_TRUE(Holds(some.out, "{\"index\":15,")) << some.out;
}

TEST_F(AuditExportCommandTest, GoesOnWhereTheLastOneEnded) {
  const std::string command = "audit export --resume cursor --out log";
  EXPECT_EQ(Run(command).code, kDone);
  const std::string first = File("log");
  EXPECT_EQ(Lines(first), 20);
  EXPECT_EQ(File("cursor"), absl::StrCat("{\"origin\":\"", kOrigin, "\",\"next_index\":20}\n"));
  // Nothing new.
  EXPECT_EQ(Run(command).code, kDone);
  EXPECT_EQ(File("log"), first);
  AddEntry();
  EXPECT_EQ(Run(command).code, kDone);
  EXPECT_EQ(File("log").substr(0, first.size()), first);
  EXPECT_EQ(Lines(File("log")), 21);
  EXPECT_TRUE(Holds(File("cursor"), "\"next_index\":21}")) << File("cursor");
}

TEST_F(AuditExportCommandTest, TheSameEntryIsTheSameLine) {
  EXPECT_EQ(Run("audit export --resume cursor").out, Run("audit export").out);
}

TEST_F(AuditExportCommandTest, WhatACrashLeftOfALineIsWrittenAgainWhole) {
  const std::string all = Run("audit export").out;
  // Cut off in the twelfth line, when the cursor said ten.
  size_t at = 0;
  for (int i = 0; i < 11; ++i) at = all.find('\n', at) + 1;
  service_->Write("log", all.substr(0, at + 9));
  service_->Write("cursor", absl::StrCat("{\"origin\":\"", kOrigin, "\",\"next_index\":10}\n"));
  EXPECT_EQ(Run("audit export --resume cursor --out log").code, kDone);
  // The eleventh is there twice, and none is missing or torn.
  size_t tenth = 0;
  for (int i = 0; i < 10; ++i) tenth = all.find('\n', tenth) + 1;
  EXPECT_EQ(File("log"), all.substr(0, at) + all.substr(tenth));
}

TEST_F(AuditExportCommandTest, TheCursorStaysWhereLinesCouldNotBeWritten) {
  const Outcome full = Run("audit export --resume cursor --out /dev/full");
  EXPECT_EQ(full.code, kFailed);
  EXPECT_TRUE(Holds(full.err, "can't write /dev/full")) << full.err;
  EXPECT_EQ(File("cursor"), "");
  const Outcome closed = RunProgram("sluice audit export --resume cursor >/dev/full");
  EXPECT_EQ(closed.code, kFailed) << closed.err;
  EXPECT_EQ(File("cursor"), "");
}

TEST_F(AuditExportCommandTest, RefusesTheCursorOfAnotherLog) {
  service_->Write("cursor", "{\"origin\":\"another.example/log/1\",\"next_index\":3}\n");
  service_->Write("log", "kept\n");
  ExpectError("audit export --resume cursor --out log", kCheckFailed,
              "is of the log another.example/log/1");
  EXPECT_EQ(File("log"), "kept\n");
}

TEST_F(AuditExportCommandTest, NoticesALogThatIsShorterThanWhatWasExported) {
  EXPECT_EQ(Run("audit export --resume cursor --out log").code, kDone);
  service_->gateway.entries.resize(12);
  ExpectError("audit export --resume cursor --out log", kCheckFailed, "it was rolled back");
  EXPECT_TRUE(Holds(File("cursor"), "\"next_index\":20}"));
}

TEST_F(AuditExportCommandTest, SaysThatSomeCouldNotBeRead) {
  service_->gateway.lie = [](v1::ListEntriesResponse& page) { page.add_unread_indexes(4); };
  const Outcome some = Run("audit export");
  EXPECT_EQ(some.code, kPartlyDone);
  EXPECT_TRUE(Holds(some.err, "can't read")) << some.err;
  EXPECT_EQ(Lines(some.out), 20);
}

TEST_F(AuditExportCommandTest, EndsAsWhatStoppedItSays) {
  ExpectError("audit export --start 1 --resume cursor", kUsage, "--resume");
  ExpectError("audit export --format xml", kUsage, "--format");
  ExpectError("audit export --sd-id sluice", kUsage, "--sd-id");
  service_->Write("cursor", "no cursor");
  ExpectError("audit export --resume cursor", kFailed, "is no file that an export goes on from");
  service_->Stop();
  ExpectError("audit export --attempts 1", kUnavailable, "");
}

}  // namespace
}  // namespace sluice::client
