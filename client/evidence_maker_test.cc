// Evidence is made of what the log shows, and shows whoever verifies it what was changed, and
// where.
#include "client/evidence_maker.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "client/disclosure_for_test.h"
#include "client/evidence_for_test.h"

namespace sluice::client {
namespace {

using absl::StrContains;
using History = EvidenceReport::History;
using EvidenceMakerTest = EvidenceTest;

class EvidenceVerifierTest : public EvidenceTest {
 protected:
  absl::StatusOr<EvidenceReport> Verify(const EvidenceBundle& bundle,
                                        const std::optional<LogCheckpoint>& held = std::nullopt) {
    return VerifyEvidence(bundle, gateway_.log.key(), held);
  }
  // What is wrong with a bundle, put together again as if it were right.
  std::string Why(const EvidenceBundle& bundle,
                  const std::optional<LogCheckpoint>& held = std::nullopt) {
    return WhyNot(bundle.Write(), held);
  }
};

TEST_F(EvidenceMakerTest, PacksEveryRangeOfTheLog) {
  for (int64_t begin = 0; begin < 21; ++begin) {
    for (int64_t end = begin + 1; end <= 21; ++end) {
      const auto made = Make({.start = begin, .until = end});
      ASSERT_TRUE(made.ok()) << made.status();
      EXPECT_TRUE(made->bundle.is_range);
      EXPECT_EQ(made->report.entries, end - begin);
      ASSERT_EQ(WhyNot(made->text), "") << begin << " to " << end;
    }
  }
}

TEST_F(EvidenceMakerTest, HasOneProofARunHoweverLong) {
  gateway_.entries.resize(8);
  const auto made = Make({.start = 1, .until = 7});
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_EQ(made->bundle.runs.size(), 1u);
  // Beside six of eight entries stand the first and the last.
  EXPECT_EQ(made->bundle.runs[0].proof.size(), 2u);
}

TEST_F(EvidenceMakerTest, PacksWhatAFilterChooses) {
  LogPages::Options choice;
  choice.type = "decision";
  choice.filter.set_mou("mou-1");
  choice.filter.mutable_start_time()->set_seconds(1798761600);
  choice.filter.mutable_end_time()->set_seconds(1798761601);
  gateway_.shown = [](size_t i) { return i % 3 == 1; };
  const auto made = Make(choice);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->bundle.is_range);
  EXPECT_EQ(made->bundle.runs.size(), 7u);
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"type", "decision"},
      {"mou", "mou-1"},
      {"since", "2027-01-01T00:00:00+00:00"},
      {"until", "2027-01-01T00:00:01+00:00"}};
  EXPECT_EQ(made->bundle.filter, lines);
  EXPECT_EQ(WhyNot(made->text), "");
}

TEST_F(EvidenceMakerTest, CallsNoRangeWhatIsNotShownWhole) {
  gateway_.shown = [](size_t i) { return i != 7; };
  const auto made = Make({.start = 3, .until = 9});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->bundle.is_range);
  EXPECT_EQ(made->report.entries, 5);
  gateway_.shown = [](size_t) { return false; };
  EXPECT_EQ(Make({.start = 3, .until = 9})->report.entries, 0);
}

TEST_F(EvidenceMakerTest, EndsWhereTheCheckpointDoes) {
  gateway_.checkpoint_size = 15;
  EXPECT_EQ(Make({})->report.entries, 15);
  EXPECT_TRUE(absl::IsFailedPrecondition(Make({.until = 16}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Make({.start = 16}).status()));
}

TEST_F(EvidenceMakerTest, MakesNothingOfALogThatIsNotWhatItClaims) {
  const SlowTree before = gateway_.Tree();
  gateway_.checkpoint_entries = gateway_.entries;
  gateway_.entries[6] = "{\"n\":\"changed\"}";
  const absl::Status changed = Make({.start = 3, .until = 9}).status();
  EXPECT_TRUE(absl::IsDataLoss(changed)) << changed;
  EXPECT_TRUE(StrContains(changed.message(), "entries 3 to 8: the proof leads to another root"));
  gateway_.checkpoint_entries.reset();
  EXPECT_TRUE(absl::IsDataLoss(Make({}, gateway_.log.Open(17, before.Root(17))).status()));
  EXPECT_TRUE(absl::IsDataLoss(Make({}, gateway_.log.Open(21, before.Root(21))).status()));
  EXPECT_TRUE(StrContains(Make({}, gateway_.log.Open(22, before.Root(21))).status().message(),
                          "rolled back"));
  gateway_.entries[6] = std::string(65536, 'x');
  EXPECT_TRUE(StrContains(Make({}).status().message(), "entry 6: has 65536 bytes"));
}

TEST_F(EvidenceMakerTest, PacksNothingThatTheFilterDidNotAskFor) {
  LogPages::Options choice;
  choice.filter.set_mou("mou-1");
  const absl::Status status = Make(choice).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(StrContains(status.message(), "entry 0: is not of what the bundle says"));
}

TEST_F(EvidenceMakerTest, MakesNoBundleThatNobodyCouldRead) {
  gateway_.entries.assign(1050, std::string(65000, 'x'));
  gateway_.checkpoint_size = 1050;
  const absl::Status status = Make({}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(StrContains(status.message(), "64 MiB")) << status;
}

TEST_F(EvidenceVerifierTest, NamesTheEntryWhoseBytesWereChanged) {
  EvidenceBundle bundle = Range(3, 9);
  bundle.runs[0].entries[4].body += " ";
  bundle.runs[0].entries[1].body = "{}";
  EXPECT_EQ(Why(bundle),
            "entry 4: its bytes are not those that its leaf's hash was made of\n"
            "entry 7: its bytes are not those that its leaf's hash was made of");
}

TEST_F(EvidenceVerifierTest, FindsAnEntryThatTheLogDoesNotHold) {
  EvidenceBundle bundle = Range(3, 9);
  bundle.runs[0].entries[4].body = "{}";
  bundle.runs[0].entries[4].leaf = LeafHash("{}");
  EXPECT_EQ(Why(bundle), "entries 3 to 8: the proof leads to another root than the checkpoint's");
  EvidenceBundle one = Range(3, 4);
  one.runs[0].entries[0].body = "{}";
  one.runs[0].entries[0].leaf = LeafHash("{}");
  EXPECT_EQ(Why(one), "entry 3: the proof leads to another root than the checkpoint's");
}

TEST_F(EvidenceVerifierTest, NamesEachEntryLeftOutOfARange) {
  EvidenceBundle bundle = Range(3, 9);
  bundle.runs[0].entries.pop_back();
  EXPECT_TRUE(StrContains(Why(bundle), "entry 8: left out of the range")) << Why(bundle);
  // Even where each of those that are left is proven.
  gateway_.shown = [](size_t i) { return i != 5 && i != 6; };
  EvidenceBundle gap = Make({.start = 3, .until = 9})->bundle;
  EXPECT_EQ(Why(gap), "");
  gap.is_range = true;
  EXPECT_EQ(Why(gap), "entries 5 to 6: left out of the range");
  gap.runs.clear();
  EXPECT_EQ(Why(gap), "entries 3 to 8: left out of the range");
}

TEST_F(EvidenceVerifierTest, FindsARangeBeyondTheCheckpoint) {
  EvidenceBundle bundle = Range(3, 9);
  bundle.end = 30;
  EXPECT_EQ(Why(bundle),
            "entry 29: the checkpoint covers only 21 entries\n"
            "entries 9 to 29: left out of the range");
}

TEST_F(EvidenceVerifierTest, HoldsEachEntryAgainstWhatWasAskedFor) {
  gateway_.entries = {
      R"({"type":"decision","time_ms":1798761600000,"caller":{"organization":"river",)"
      R"("system":"hr","spki":"ab"},"mou":"m","purpose":"p","record":"Candidate",)"
      R"("operation":"READ","result":"DENIAL","code":"NO_MOU"})"};
  const std::vector<std::pair<std::string, std::string>> good = {
      {"type", "decision"},
      {"organization", "river"},
      {"principal", "/org/river/system/hr"},
      {"mou", "m"},
      {"purpose", "p"},
      {"result", "DENIAL"},
      {"code", "NO_MOU"},
      {"record-type", "Candidate"},
      {"operation", "READ"},
      {"since", "2027-01-01T00:00:00+00:00"},
      {"until", "2027-01-01T00:00:00.001+00:00"}};
  EvidenceBundle bundle = Range(0, 1);
  bundle.is_range = false;
  bundle.filter = good;
  EXPECT_EQ(Why(bundle), "");
  bundle.filter[2].second = "sha256:AB";
  EXPECT_EQ(Why(bundle), "");
  for (size_t i = 0; i < good.size(); ++i) {
    bundle.filter = good;
    std::string& value = bundle.filter[i].second;
    value = good[i].first == "since"   ? "2027-01-01T00:00:00.001+00:00"
            : good[i].first == "until" ? "2027-01-01T00:00:00+00:00"
                                       : value + "x";
    EXPECT_EQ(Why(bundle), absl::StrCat("entry 0: is not of what the bundle says that it holds: ",
                                        good[i].first, " ", value));
  }
  // An entry that is none, and one that would wind up a stack.
  for (const std::string& body : {std::string("x"), std::string(60000, '[')}) {
    gateway_.entries = {body};
    EvidenceBundle none = Range(0, 1);
    none.is_range = false;
    none.filter = {{"organization", "river"}};
    EXPECT_TRUE(StrContains(Why(none), "entry 0: is not of what")) << body.size();
  }
}

TEST_F(EvidenceVerifierTest, RefusesAnotherLogsCheckpointAndAnotherKey) {
  EvidenceBundle bundle = Range(3, 9);
  // The same key, another log of as many entries.
  FakeGateway other;
  other.entries.assign(21, "{}");
  bundle.note = other.GetCheckpoint()->checkpoint();
  EXPECT_EQ(Why(bundle), "entries 3 to 8: the proof leads to another root than the checkpoint's");
  // Another key of the same name; another name.
  for (const LogForTest& log :
       {LogForTest("gateway.example/log/1", 'o'), LogForTest("gateway.example/log/2")}) {
    bundle = Range(3, 9);
    bundle.note = log.Checkpoint(21, gateway_.Tree().Root(21));
    EXPECT_TRUE(StrContains(Why(bundle), "the checkpoint is not signed by the key")) << Why(bundle);
    bundle.vkey = log.vkey();
    EXPECT_TRUE(StrContains(Why(bundle), "of another key than the one trusted")) << Why(bundle);
  }
}

TEST_F(EvidenceVerifierTest, RefusesABundleOfTwoLogs) {
  EvidenceBundle bundle = Range(3, 9);
  gateway_.shown = [](size_t i) { return i == 3 || i == 7; };
  bundle = Make({.start = 3, .until = 9})->bundle;
  ASSERT_EQ(bundle.runs.size(), 2u);
  FakeGateway other;
  other.entries.assign(21, R"({"type":"decision"})");
  const absl::StatusOr<Evidence> theirs = MakeEvidence(
      other, other.log.key(), std::nullopt, {.start = 7, .until = 8},
      [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  bundle.runs[1] = theirs->bundle.runs[0];
  EXPECT_EQ(Why(bundle), "entry 7: the proof leads to another root than the checkpoint's");
  // Nor does one log continue another.
  bundle = Range(3, 4);
  const SlowTree tree = other.Tree();
  bundle.earlier =
      EvidenceBundle::Earlier{other.log.Checkpoint(10, tree.Root(10)), tree.Consistency(10, 21)};
  EXPECT_TRUE(StrContains(Why(bundle), "does not continue the earlier one of 10")) << Why(bundle);
}

TEST_F(EvidenceVerifierTest, SaysHowItStandsToTheCheckpointThatIsHeld) {
  EXPECT_EQ(Verify(Range(3, 9))->history, History::kNoneHeld);
  EXPECT_EQ(Verify(Range(3, 9), At(21))->history, History::kContinued);
  EXPECT_EQ(Verify(Range(3, 9), At(0))->history, History::kContinued);
  EXPECT_EQ(Verify(Range(3, 9), At(10))->history, History::kUnproven);
  // The maker held the same one; or all entries since the first are there.
  EXPECT_EQ(Verify(Range(3, 9, At(10)), At(10))->history, History::kContinued);
  EXPECT_EQ(Verify(Range(3, 9, At(10)), At(10))->earlier->size, 10u);
  EXPECT_EQ(Verify(Range(3, 9, At(10)), At(11))->history, History::kUnproven);
  EXPECT_EQ(Verify(Range(0, 12), At(10))->history, History::kContinued);
  const LogCheckpoint now = At(21);
  gateway_.checkpoint_size = 15;
  EXPECT_EQ(Verify(Range(3, 9), now)->history, History::kOlder);
}

TEST_F(EvidenceVerifierTest, FindsAnotherHistoryThanTheOneHeld) {
  const LogCheckpoint at21 = At(21);
  const LogCheckpoint at10 = At(10);
  gateway_.entries[6] = "{\"n\":\"changed\"}";
  for (const EvidenceBundle& bundle : {Range(3, 9), Range(0, 12, At(10))}) {
    EXPECT_EQ(Why(bundle, at21),
              "the log's first 21 entries are not those of the checkpoint that was held: its "
              "history was changed");
  }
  EXPECT_TRUE(StrContains(Why(Range(0, 12), at10), "first 10 entries are not those"));
  EXPECT_TRUE(StrContains(Why(Range(3, 4, At(10)), at10), "first 10 entries are not those"));
}

TEST_F(EvidenceVerifierTest, RefusesAnEarlierCheckpointThatIsNotContinued) {
  EvidenceBundle bundle = Range(3, 9, At(10));
  EvidenceBundle changed = bundle;
  changed.earlier->proof[1][0] ^= 1;
  EXPECT_TRUE(StrContains(Why(changed), "does not continue the earlier one of 10"));
  changed = bundle;
  changed.earlier->note = LogForTest("gateway.example/log/1", 'o').Checkpoint(10, At(10).root);
  EXPECT_TRUE(StrContains(Why(changed), "the earlier checkpoint: "));
}

TEST_F(EvidenceVerifierTest, NamesNoMoreThanAHundred) {
  gateway_.entries.assign(150, "{}");
  EvidenceBundle bundle = Range(0, 150);
  for (EvidenceBundle::Entry& entry : bundle.runs[0].entries) entry.body = "x";
  EXPECT_EQ(Verify(bundle)->failures.size(), 100u);
}

// One person's, of a log in which others' stand between.
class SubjectEvidenceTest : public EvidenceVerifierTest {
 protected:
  void SetUp() override {
    gateway_.entries = {"{\"n\":0}"};
    Disclose("state-university", {1, 2, 3});    // 1
    Disclose("river-unified", {2});             // 2
    Disclose("state-university", {3, 70'000});  // 3
    gateway_.entries.push_back("{\"n\":4}");
    Disclose("state-university", {2});  // 5
    Disclose("state-university", {9});  // 6: not about him
    claim_ = {"state-university", {2, 70'000}, {}, 7};
    for (const int64_t index : {1, 3, 5}) claim_.disclosures.emplace_back().set_index(index);
  }
  void Disclose(const std::string& owner, const std::vector<uint32_t>& ordinals) {
    gateway_.openings.push_back(AddDisclosure(gateway_, owner, ordinals));
  }
  absl::StatusOr<Evidence> MakeAbout(bool openings,
                                     const std::optional<LogCheckpoint>& held = std::nullopt) {
    return MakeSubjectEvidence(
        gateway_, gateway_.log.key(), held, claim_, openings,
        [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  }
  EvidenceBundle About(bool openings) {
    const auto made = MakeAbout(openings);
    EXPECT_TRUE(made.ok()) << made.status();
    return made->bundle;
  }

  SubjectClaim claim_;
};

TEST_F(SubjectEvidenceTest, PacksTheDisclosuresOfAReportAndNoOthers) {
  for (const bool openings : {false, true}) {
    const auto made = MakeAbout(openings, At(4));
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->report.entries, 3);
    EXPECT_EQ(made->report.history, History::kContinued);
    ASSERT_EQ(made->bundle.runs.size(), 3u);
    EXPECT_EQ(made->bundle.runs[2].first, 5u);
    EXPECT_EQ(made->bundle.runs[0].entries[0].opening.has_value(), openings);
    EXPECT_EQ(WhyNot(made->text), "");
    EXPECT_EQ(StrContains(made->text, "\nordinals 2 70000\n"), openings);
    EXPECT_EQ(StrContains(made->text, "\nopening "), openings);
  }
}

TEST_F(SubjectEvidenceTest, OfNobodysDisclosuresIsEmpty) {
  claim_.disclosures.clear();
  const auto made = MakeAbout(true);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->report.entries, 0);
  EXPECT_TRUE(gateway_.listings.empty());
}

TEST_F(SubjectEvidenceTest, IsRefusedWithAnyBitFlipped) {
  for (const bool openings : {false, true}) {
    const std::string text = MakeAbout(openings, At(4))->text;
    for (size_t i = 0; i < text.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = text;
        changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
        ASSERT_NE(WhyNot(changed), "") << "bit " << bit << " of byte " << i << ":\n" << changed;
      }
    }
  }
}

TEST_F(SubjectEvidenceTest, FindsEachPartThatIsNotThePersons) {
  EvidenceBundle bundle = About(true);
  bundle.subject->ordinals = {2};
  EXPECT_EQ(Why(bundle), "entry 3: is not about this person");
  bundle = About(true);
  bundle.subject->owner = "river-unified";
  EXPECT_TRUE(StrContains(Why(bundle), "entry 1: is no disclosure of records of river-unified"));
  bundle = About(true);
  bundle.runs[1].entries[0].opening.reset();
  EXPECT_EQ(Why(bundle), "entry 3: what opens it is left out");
  bundle = About(true);
  bundle.runs[1].entries[0].opening = bundle.runs[0].entries[0].opening;
  EXPECT_EQ(Why(bundle), "entry 3: whom it is said to be about is not what it commits to");
  bundle = About(true);
  bundle.runs[1].entries[0].opening->salt[0] ^= 1;
  EXPECT_EQ(Why(bundle), "entry 3: whom it is said to be about is not what it commits to");
}

TEST_F(SubjectEvidenceTest, MakesNothingOfAReportThatTheLogDoesNotShow) {
  claim_.disclosures.back().set_index(4);
  EXPECT_TRUE(StrContains(MakeAbout(false).status().message(), "is no disclosure of records"));
  claim_.disclosures.back().set_index(6);
  EXPECT_TRUE(StrContains(MakeAbout(true).status().message(), "entry 6: is not about this person"));
  claim_.disclosures.back().set_index(5);
  gateway_.shown = [](size_t i) { return i != 5; };
  EXPECT_TRUE(StrContains(MakeAbout(false).status().message(), "the log shows 2 of them"));
  gateway_.shown = [](size_t) { return true; };
  gateway_.openings.erase(gateway_.openings.begin() + 2);
  const absl::Status unopened = MakeAbout(true).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(unopened)) << unopened;
  EXPECT_TRUE(StrContains(unopened.message(), "entry 3")) << unopened;
  gateway_.checkpoint_size = 5;
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeAbout(false).status()));
}

TEST_F(EvidenceMakerTest, BearsTheCheckpointThatWitnessesCosignedWhereItCoversWhatIsAskedFor) {
  gateway_.cosigned_checkpoint = At(9).note;
  EXPECT_EQ(Make({})->report.checkpoint.size, 9u);
  EXPECT_EQ(Make({.start = 2, .until = 9})->report.checkpoint.size, 9u);
  EXPECT_EQ(Make({.start = 2, .until = 10})->report.checkpoint.size, 21u);
  // Nor does it go back behind what was held.
  EXPECT_EQ(Make({}, At(10))->report.checkpoint.size, 21u);
}

}  // namespace
}  // namespace sluice::client
