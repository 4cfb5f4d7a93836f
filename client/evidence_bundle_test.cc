// A bundle's one form: what it is written as is read, whatever else is refused.
#include "client/evidence_bundle.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "client/evidence_for_test.h"

namespace sluice::client {
namespace {

using absl::StrContains;
using EvidenceBundleTest = EvidenceTest;

std::string WhyNone(const std::string& text) {
  const auto parsed = EvidenceBundle::Parse(text);
  EXPECT_TRUE(absl::IsDataLoss(parsed.status())) << text;
  return std::string(parsed.status().message());
}

TEST_F(EvidenceBundleTest, IsWrittenAsItIsRead) {
  gateway_.entries[4] = "two\nlines and \x01\xFF";
  const std::string text = Range(3, 9, At(10)).Write();
  const auto parsed = EvidenceBundle::Parse(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->is_undamaged);
  EXPECT_EQ(parsed->Write(), text);
  EXPECT_EQ(parsed->runs[0].entries[1].body, gateway_.entries[4]);
  EXPECT_EQ(text, Range(3, 9, At(10)).Write());
}

TEST_F(EvidenceBundleTest, OfAFewEntriesIsTextThatAPersonCanRead) {
  gateway_.entries.resize(2);
  const EvidenceBundle bundle = Range(1, 2);
  const SlowTree tree = gateway_.Tree();
  const auto base64 = [](const TreeHash& hash) {
    return absl::Base64Escape(std::string(hash.begin(), hash.end()));
  };
  const std::string note = gateway_.log.Checkpoint(2, tree.Root(2));
  EXPECT_EQ(bundle.Write(),
            DigestedAnew(absl::StrCat("sluice evidence bundle 1\nvkey ", gateway_.log.vkey(),
                                      "\nrange 1 2\ncheckpoint ", note.size(), "\n", note,
                                      "\nrun 1 1\nhash ", base64(tree.leaf(0)), "\nentry 1 ",
                                      gateway_.entries[1].size(), " ", base64(tree.leaf(1)), "\n",
                                      gateway_.entries[1], "\nsha256 \n")));
}

TEST_F(EvidenceBundleTest, IsRefusedWithAnyBitFlipped) {
  std::vector<std::string> texts = {Range(3, 6, At(10)).Write()};
  LogPages::Options choice;
  choice.filter.set_mou("mou-1");
  gateway_.shown = [](size_t i) { return i % 3 == 1; };
  texts.push_back(Make(choice)->text);
  for (const std::string& text : texts) {
    ASSERT_EQ(WhyNot(text), "");
    for (size_t i = 0; i < text.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = text;
        changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
        ASSERT_NE(WhyNot(changed), "") << "bit " << bit << " of byte " << i << ":\n" << changed;
      }
    }
  }
}

// Whoever changes a bundle can make its digest anew: the proofs and the signature remain.
TEST_F(EvidenceBundleTest, OfARangeIsRefusedWithAnyBitFlippedUnderADigestMadeAnew) {
  const std::string text = Range(3, 6, At(10)).Write();
  ASSERT_EQ(WhyNot(DigestedAnew(text)), "");
  for (size_t i = 0; i < text.rfind("sha256 "); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      ASSERT_NE(WhyNot(DigestedAnew(changed)), "") << "bit " << bit << " of byte " << i << ":\n"
                                                   << changed;
    }
  }
}

TEST_F(EvidenceBundleTest, IsRefusedCutAnywhereAndWithAnythingAfterIt) {
  const std::string text = Range(3, 9, At(10)).Write();
  for (size_t i = 0; i < text.size(); ++i) EXPECT_NE(WhyNot(text.substr(0, i)), "") << i;
  for (const char* const more : {"\n", " ", "x", "sha256 \n", "run 3 1\n"}) {
    EXPECT_TRUE(StrContains(WhyNone(text + more), "something follows")) << more;
  }
  EXPECT_NE(WhyNot(text + text), "");
}

TEST_F(EvidenceBundleTest, HasNoEntryThatALogCanNotHold) {
  EvidenceBundle bundle = Range(3, 9);
  bundle.runs[0].entries[2].body = std::string(65536, 'x');
  EXPECT_TRUE(StrContains(WhyNone(bundle.Write()), "entry 5: line ")) << WhyNone(bundle.Write());
  EXPECT_TRUE(StrContains(WhyNone(bundle.Write()), "65536 bytes are more than the 65535"));
  bundle.runs[0].entries[2].body = std::string(65535, 'x');
  EXPECT_TRUE(EvidenceBundle::Parse(bundle.Write()).ok());
}

TEST_F(EvidenceBundleTest, HasEachThingInItsPlaceAndInOneWay) {
  LogPages::Options choice;
  choice.filter.set_mou("mou-1");
  choice.filter.set_purpose("p");
  gateway_.shown = [](size_t i) { return i == 1 || i == 4; };
  EvidenceBundle bundle;
  for (auto& entry : gateway_.entries) {
    entry = absl::StrReplaceAll(entry, {{"\"n\"", "\"purpose\":\"p\",\"n\""}});
  }
  bundle = Make(choice)->bundle;
  const std::string text = bundle.Write();
  ASSERT_TRUE(EvidenceBundle::Parse(text).ok());
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"bundle 1", "bundle 2"},
      {"selection 0", "selection 00"},
      {"selection 0", "selection +0"},
      {"selection 0 21", "selection 0  21"},
      {"selection 0 21", "selection 22 21"},
      {"selection 0 21", "range 0 21"},
      {"filter mou mou-1\nfilter purpose p\n", "filter purpose p\nfilter mou mou-1\n"},
      {"filter purpose p\n", "filter purpose p\nfilter purpose p\n"},
      {"filter purpose p\n", "filter color p\n"},
      {"filter purpose p\n", "filter purpose \n"},
      {"run 4 1", "run 1 1"},
      {"run 4 1", "run 4 0"},
      {"run 4 1", "run 4 2"},
      {"run 4 1", "run 4 18446744073709551615"},
      {"run 4 1", "run 18446744073709551615 1"},
      {"run 4 1", "run 2 1"},
      {"entry 4", "entry 5"},
      {"\nhash ", "\nhash ="},
      {"\nsha256 ", "\nopening AA== AA==\nsha256 "},
      {"\nrun 4 1", "\n\nrun 4 1"}};
  for (const auto& [from, to] : changes) {
    const std::string changed = absl::StrReplaceAll(text, {{from, to}});
    ASSERT_NE(changed, text) << from;
    EXPECT_TRUE(StrContains(WhyNone(changed), "line ")) << to << ": " << WhyNone(changed);
  }
  EXPECT_EQ(WhyNone("hello\n"), "this is no evidence bundle");
  EXPECT_EQ(WhyNone(""), "this is no evidence bundle");
}

TEST_F(EvidenceBundleTest, TakesNoProofOrNumberBeyondMeasure) {
  EvidenceBundle bundle = Range(3, 9);
  bundle.runs[0].proof.resize(129);
  EXPECT_TRUE(StrContains(WhyNone(bundle.Write()), "no proof has so many hashes"));
  EvidenceBundle large = Range(3, 9);
  large.note = std::string((1 << 20) + 1, 'x');
  EXPECT_TRUE(StrContains(WhyNone(large.Write()), "more than the 1048576"));
  EXPECT_TRUE(StrContains(WhyNone(std::string(EvidenceBundle::kMaxBytes + 1, 'x')), "64 MiB"));
}

}  // namespace
}  // namespace sluice::client
