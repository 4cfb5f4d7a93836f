// `sluice audit bundle` and `sluice audit verify BUNDLE`: what is packed, and what is said of it.
#include <sys/stat.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "client/command/command_for_test.h"
#include "client/disclosure_for_test.h"
#include "client/witness_for_test.h"

namespace sluice::client {
namespace {

using absl::StrContains;

class AuditBundleCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    for (int i = 0; i < 12; ++i) {
      gateway().entries.push_back(
          absl::StrCat(R"({"type":")", i % 2 == 0 ? "decision" : "outcome",
                       R"(","time_ms":1798761600000,"mou":"stem-pipeline","n":)", i, "}"));
    }
  }
  FakeGateway& gateway() { return service_->gateway; }
  std::string Bytes() { return *ReadFile(directory_ + "/b"); }
  void Bundle(const std::string& options = "--start 3 --end 9") {
    const Outcome outcome = Run("audit bundle --out b " + options);
    ASSERT_EQ(outcome.code, kDone) << outcome.err;
  }
  const std::string with_key_ = absl::StrCat("audit verify b --vkey ", LogForTest().vkey());
};

TEST_F(AuditBundleCommandTest, PacksARangeThatIsVerifiedWithoutAGateway) {
  const Outcome bundled = Run("audit bundle --out b --start 3 --end 9");
  EXPECT_EQ(bundled.code, kDone) << bundled.err;
  EXPECT_TRUE(StrContains(bundled.out, "entries    all from 3 to 8: 6\n")) << bundled.out;
  struct stat status = {};
  ASSERT_EQ(stat((directory_ + "/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  // Nobody listens there.
  WriteProfile("localhost:1");
  const Outcome verified = Run("audit verify b");
  EXPECT_EQ(verified.code, kDone) << verified.err;
  EXPECT_EQ(verified.out,
            "verified: gateway.example/log/1, 12 entries\n"
            "  signature  good, of the key held\n"
            "  history    continues the checkpoint held (12 entries)\n"
            "  entries    all from 3 to 8: 6\n"
            "  types      decision 3, outcome 3\n");
  const Outcome json = Run("audit verify b --output json");
  EXPECT_EQ(json.out,
            "{\"origin\":\"gateway.example/log/1\",\"size\":12,\"entries_verified\":6,"
            "\"range\":true,\"begin\":3,\"end\":9,\"history\":\"CONTINUED\",\"held_size\":12,"
            "\"types\":{\"decision\":3,\"outcome\":3}}\n");
}

TEST_F(AuditBundleCommandTest, SaysOfASelectionThatItShowsNoMoreThanItHolds) {
  gateway().shown = [](size_t i) { return i % 2 == 0; };
  const Outcome bundled = Run("audit bundle --out b --mou stem-pipeline --type decision");
  EXPECT_EQ(bundled.code, kDone) << bundled.err;
  EXPECT_EQ(gateway().listings[0].filter().mou(), "stem-pipeline");
  EXPECT_EQ(gateway().listings[0].type(), "decision");
  const Outcome verified = Run("audit verify b");
  EXPECT_TRUE(StrContains(verified.out,
                          "  entries    6 of those before 12: type decision, mou stem-pipeline\n"
                          "             that there are no others, no bundle of a selection can "
                          "show\n"))
      << verified.out;
  // Of a range some of whose entries are not shown, too.
  Bundle();
  const Outcome part = Run("audit verify b");
  EXPECT_TRUE(StrContains(part.out, "3 of those before 9 from 3 on: shown to who made the bundle"))
      << part.out;
}

TEST_F(AuditBundleCommandTest, BelievesNoKeyThatStandsInTheBundleAlone) {
  Bundle();
  const Outcome unseen = Run("audit verify b --state elsewhere");
  EXPECT_EQ(unseen.code, kFailed);
  EXPECT_TRUE(StrContains(unseen.err, "proves nothing of itself")) << unseen.err;
  EXPECT_TRUE(StrContains(unseen.err, LogForTest().vkey())) << unseen.err;
  EXPECT_TRUE(unseen.out.empty());
  const Outcome given = Run(with_key_ + " --state elsewhere");
  EXPECT_EQ(given.code, kDone) << given.err;
  EXPECT_TRUE(StrContains(given.out, "good, of the key given\n")) << given.out;
  EXPECT_TRUE(StrContains(given.out, "no checkpoint of this log was held")) << given.out;
  // And holds nothing afterwards.
  EXPECT_EQ(Run("audit verify b --state elsewhere").code, kFailed);
  ExpectError(absl::StrCat("audit verify b --state elsewhere --vkey ",
                           LogForTest("gateway.example/log/1", 'o').vkey()),
              kCheckFailed, "of another key than the one trusted");
}

TEST_F(AuditBundleCommandTest, NamesWhatIsWrongByItsIndex) {
  Bundle();
  const std::string good = Bytes();
  service_->Write("b", absl::StrReplaceAll(good, {{"\"n\":4", "\"n\":0"}, {"\"n\":7", "\"n\":0"}}));
  const Outcome changed = Run("audit verify b");
  EXPECT_EQ(changed.code, kCheckFailed);
  EXPECT_TRUE(StrContains(changed.err, "entry 4: its bytes")) << changed.err;
  EXPECT_TRUE(StrContains(changed.err, "entry 7: its bytes")) << changed.err;
  EXPECT_TRUE(StrContains(changed.err, "the bundle was damaged")) << changed.err;
  EXPECT_TRUE(changed.out.empty()) << changed.out;
  service_->Write("b", good.substr(0, good.size() / 2));
  ExpectError("audit verify b", kCheckFailed, "line ");
  ExpectError("audit verify absent", kFailed, "absent");
}

TEST_F(AuditBundleCommandTest, TakesNoCheckpointOlderThanTheOneHeldUnlessItIsToldTo) {
  Bundle();
  gateway().entries.push_back("{\"type\":\"read\"}");
  EXPECT_EQ(Run("audit verify").code, kDone);
  ExpectError("audit verify b", kCheckFailed,
              "(12 entries) is older than the one held (13 entries)");
  const Outcome older = Run("audit verify b --older");
  EXPECT_EQ(older.code, kDone) << older.err;
  EXPECT_TRUE(StrContains(older.out,
                          "older than the checkpoint held (13 entries); the bundle does "
                          "not show that the log still contains it"))
      << older.out;
  // To take an older one is not to take another.
  service_->Write("b", absl::StrReplaceAll(Bytes(), {{"\"n\":4", "\"n\":0"}}));
  ExpectError("audit verify b --older", kCheckFailed, "entry 4: ");
}

TEST_F(AuditBundleCommandTest, ShowsThatTheLogContinuesWhatWasHeld) {
  gateway().checkpoint_size = 5;
  EXPECT_EQ(Run("audit verify").code, kDone);
  EXPECT_EQ(Run("audit verify --state auditor").code, kDone);
  gateway().checkpoint_size.reset();
  Bundle();
  const Outcome verified = Run("audit verify b --state auditor");
  EXPECT_EQ(verified.code, kDone) << verified.err;
  EXPECT_TRUE(StrContains(verified.out, "history    continues the checkpoint held (5 entries)\n"))
      << verified.out;
  EXPECT_TRUE(StrContains(verified.out, "continues an earlier one that is in the bundle (5 "));
}

TEST_F(AuditBundleCommandTest, LeavesNoFileOfALogThatIsNotWhatItClaims) {
  gateway().checkpoint_entries = gateway().entries;
  gateway().entries[6] = "{}";
  ExpectError("audit bundle --out b", kCheckFailed, "entries 0 to 11: the proof leads to another");
  EXPECT_TRUE(absl::IsNotFound(ReadFile(directory_ + "/b").status()));
}

TEST_F(AuditBundleCommandTest, SaysWhatTheGatewayCouldNotRead) {
  gateway().lie = [](v1::ListEntriesResponse& page) {
    if (page.next_page_token().empty()) page.add_unread_indexes(11);
  };
  const Outcome bundled = Run("audit bundle --out b --mou stem-pipeline");
  EXPECT_EQ(bundled.code, kPartlyDone) << bundled.err;
  EXPECT_TRUE(StrContains(bundled.err, "can't read 1 of these entries, the first at 11"));
}

TEST_F(AuditBundleCommandTest, RefusesOptionsThatSayNothing) {
  ExpectError("audit bundle", kUsage, "--out");
  ExpectError("audit bundle --out b --start 3 --end 3", kUsage, "--end");
  ExpectError("audit bundle --out b --result x", kUsage, "--result");
  ExpectError("audit bundle --out b --end 13", kFailed, "covers 12 entries");
  ExpectError("audit verify b --directory d", kUsage, "--directory");
  ExpectError("audit verify --older", kUsage, "--older");
}

TEST_F(AuditBundleCommandTest, PacksWhatLeftOfOnePersonWithOrWithoutWhatShowsIt) {
  gateway().entries.clear();
  gateway().openings = {AddDisclosure(gateway(), "river-unified", {2, 5})};
  v1::ListSubjectDisclosuresResponse& page = gateway().subject_pages.emplace_back();
  page.add_ordinals(5);
  page.set_log_size(1);
  page.add_disclosures()->set_index(0);
  const std::string about = "audit bundle --out b --id-space candidate --id C1";
  const Outcome bundled = Run(about);
  EXPECT_EQ(bundled.code, kDone) << bundled.err;
  EXPECT_TRUE(StrContains(bundled.out, "1 disclosures of records of river-unified\n"))
      << bundled.out;
  EXPECT_TRUE(StrContains(bundled.out, "whom they are about, this bundle does not show"));
  EXPECT_FALSE(StrContains(Bytes(), "opening "));
  EXPECT_FALSE(StrContains(Bytes(), "C1"));
  EXPECT_EQ(gateway().subject_requests.at(0).id(), "C1");
  const Outcome opened = Run(about + " --openings");
  EXPECT_EQ(opened.code, kDone) << opened.err;
  EXPECT_TRUE(StrContains(opened.out, "each about who has the ordinals 5 there")) << opened.out;
  EXPECT_TRUE(StrContains(Bytes(), "ordinals 5\n"));
  WriteProfile("localhost:1");
  EXPECT_TRUE(StrContains(Run(with_key_ + " --output json").out,
                          "\"subject\":{\"owner\":\"river-unified\",\"ordinals\":[5]}"));
  ExpectError("audit bundle --out b --id C1", kUsage, "--id-space");
  ExpectError("audit bundle --out b --openings", kUsage, "--id");
  ExpectError(about + " --mou stem-pipeline", kUsage, "--mou");
  ExpectError(about + " --end 3", kUsage, "--end");
}

TEST_F(AuditBundleCommandTest, VerifiesCosignaturesThatTheBundleBears) {
  const WitnessForTest witness("w.example");
  const SlowTree tree = gateway().Tree();
  gateway().cosigned_checkpoint =
      witness.Cosign(gateway().log.Checkpoint(12, tree.Root(12)), 1700000000);
  Bundle("--end 12");
  WriteProfile("localhost:1");
  const Outcome verified = Run(with_key_ + " --witness " + witness.vkey());
  EXPECT_EQ(verified.code, kDone) << verified.err;
  EXPECT_TRUE(StrContains(verified.out, "  witnesses  w.example cosigned the first 12 entries at "))
      << verified.out;
  EXPECT_TRUE(StrContains(Run(with_key_ + " --output json --witness " + witness.vkey()).out,
                          "\"witnesses\":[{\"name\":\"w.example\""));
  const WitnessForTest other("other.example", 'o');
  const Outcome not_by = Run(with_key_ + " --witness " + other.vkey());
  EXPECT_EQ(not_by.code, kCheckFailed);
  EXPECT_TRUE(StrContains(not_by.err, "is cosigned by 0 of 1 witnesses")) << not_by.err;
  const Outcome too_few = Run(absl::StrCat(with_key_, " --witness ", witness.vkey(), " --witness ",
                                           other.vkey(), " --witness-quorum 2"));
  EXPECT_EQ(too_few.code, kCheckFailed);
}

}  // namespace
}  // namespace sluice::client
