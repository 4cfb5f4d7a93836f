#include "server/audit/witness.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/fake_witness.h"
#include "tests/support/log_fixture.h"

namespace sluice::server {
namespace {

constexpr uint64_t kNow = 1798761600;  // 2027-01-01

class WitnessTest : public testing::Test {
 protected:
  std::string NoteOf(uint64_t size) const {
    Checkpoint checkpoint;
    checkpoint.origin = kTestOrigin;
    checkpoint.size = size;
    return log_key_->SignNote(checkpoint.Body()).value();
  }
  std::string TextOf(uint64_t size) const {
    const std::string note = NoteOf(size);
    return note.substr(0, note.find("\n\n") + 1);
  }

  WitnessOutcome Read(const WitnessAnswer& answer, uint64_t old_size = 3) const {
    return ReadWitnessAnswer(answer, {old_size, 7, NoteOf(7)}, verifier_,
                             absl::FromUnixSeconds(kNow));
  }
  WitnessOutcome ReadBody(const std::string& body) const { return Read({200, "text/plain", body}); }
  WitnessOutcome ReadSize(const std::string& body, uint64_t old_size = 3,
                          const std::string& type = "text/x.tlog.size") const {
    return Read({409, type, body}, old_size);
  }
  static std::string Word(const WitnessOutcome& outcome) {
    const WitnessTrouble* const trouble = std::get_if<WitnessTrouble>(&outcome);
    return trouble == nullptr ? "" : std::string(trouble->word);
  }

  const std::unique_ptr<const LogKey> log_key_ = MakeLogKey();
  const WitnessKeyForTest key_{"witness.example/w1", 'w'};
  const CosignatureVerifier verifier_ = CosignatureVerifier::Create(key_.vkey()).value();
};

TEST_F(WitnessTest, IsAskedToTheLetterOfTheProtocol) {
  const Hash hash = LeafHash("x");
  const WitnessQuestion question{3, 7, NoteOf(7)};
  EXPECT_EQ(question.Body({hash, hash}),
            absl::StrCat("old 3\n", absl::Base64Escape(HashBytes(hash)), "\n",
                         absl::Base64Escape(HashBytes(hash)), "\n\n", NoteOf(7)));
  EXPECT_EQ(question.Text(), TextOf(7));
  EXPECT_EQ((WitnessQuestion{0, 7, NoteOf(7)}.Body({})), absl::StrCat("old 0\n\n", NoteOf(7)));
}

TEST_F(WitnessTest, CosignsWithATimeThatTheLineHolds) {
  const std::string line = key_.Cosign(TextOf(7), kNow - 2);
  const WitnessOutcome outcome = ReadBody(line);
  const Cosignature* const cosignature = std::get_if<Cosignature>(&outcome);
  ASSERT_NE(cosignature, nullptr) << Word(outcome);
  EXPECT_EQ(cosignature->line, line);
  EXPECT_EQ(cosignature->time, absl::FromUnixSeconds(kNow - 2));
}

TEST_F(WitnessTest, MaySignByOtherKeysBesideItsOwn) {
  const WitnessKeyForTest other("witness.example/w2", 'v');
  const std::string line = key_.Cosign(TextOf(7), kNow);
  const WitnessOutcome outcome = ReadBody(other.Cosign("anything\n", 1) + line);
  ASSERT_NE(std::get_if<Cosignature>(&outcome), nullptr) << Word(outcome);
  EXPECT_EQ(std::get<Cosignature>(outcome).line, line);
  EXPECT_EQ(Word(ReadBody(other.Cosign(TextOf(7), kNow))), "BAD_COSIGNATURE");
  EXPECT_EQ(Word(ReadBody(line + line)), "BAD_COSIGNATURE");
}

TEST_F(WitnessTest, DoesNotCosignByAnotherKeyOfItsName) {
  EXPECT_EQ(Word(ReadBody(WitnessKeyForTest(key_.name(), 'x').Cosign(TextOf(7), kNow))),
            "BAD_COSIGNATURE");
  // Its own key under the type of a log's signature.
  EXPECT_EQ(
      Word(ReadBody(WitnessKeyForTest(key_.name(), 'w', kNoteSignature).Cosign(TextOf(7), kNow))),
      "BAD_COSIGNATURE");
}

TEST_F(WitnessTest, DoesNotCosignAnotherSizeOrAnotherTime) {
  EXPECT_EQ(Word(ReadBody(key_.Cosign(TextOf(6), kNow))), "BAD_COSIGNATURE");
  EXPECT_EQ(Word(ReadBody(key_.Cosign(TextOf(7), kNow - 301))), "BAD_COSIGNATURE");
  EXPECT_EQ(Word(ReadBody(key_.Cosign(TextOf(7), kNow + 301))), "BAD_COSIGNATURE");
  EXPECT_EQ(Word(ReadBody(key_.Cosign(TextOf(7), ~uint64_t{0}))), "BAD_COSIGNATURE");
}

TEST_F(WitnessTest, DoesNotCosignByALineWithAnyByteChanged) {
  const std::string line = key_.Cosign(TextOf(7), kNow);
  for (size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    EXPECT_NE(Word(ReadBody(changed)), "") << i;
    EXPECT_NE(Word(ReadBody(line.substr(0, i))), "") << i;
  }
}

TEST_F(WitnessTest, AnswersGarbage) {
  for (const char* body : {"", "\n", "yes\n", "<html></html>\n", "\xE2\x80\x94 \n"}) {
    EXPECT_EQ(Word(ReadBody(body)), "BAD_ANSWER") << body;
  }
}

TEST_F(WitnessTest, NamesTheSizeToGoOnFrom) {
  for (const uint64_t size : {0, 2, 4, 7, 8}) {
    const WitnessOutcome outcome = ReadSize(absl::StrCat(size, "\n"));
    ASSERT_NE(std::get_if<WitnessSize>(&outcome), nullptr) << size;
    EXPECT_EQ(std::get<WitnessSize>(outcome).size, size);
  }
  EXPECT_EQ(Word(ReadSize("4\n", 3, "text/x.tlog.size; charset=utf-8")), "");
}

TEST_F(WitnessTest, NamesASizeToTheLetterOrNone) {
  for (const char* body : {"", "4", "04\n", "+4\n", "-4\n", " 4\n", "4 \n", "4\n\n", "four\n",
                           "18446744073709551616\n"}) {
    EXPECT_EQ(Word(ReadSize(body)), "BAD_ANSWER") << body;
  }
  EXPECT_EQ(Word(ReadSize("4\n", 3, "text/plain")), "BAD_ANSWER");
  EXPECT_EQ(Word(ReadSize("3\n")), "BAD_ANSWER");  // it was asked from there
}

TEST_F(WitnessTest, SaysThatItHasSeenAnotherHistory) {
  EXPECT_EQ(Word(Read({422, "text/plain", ""})), "WITNESS_CONFLICT");
  EXPECT_EQ(Word(ReadSize("7\n", 7)), "WITNESS_CONFLICT");
}

TEST_F(WitnessTest, RefusesByNameWhatItDoesNotKnow) {
  EXPECT_EQ(Word(Read({403, "", ""})), "KEY_REFUSED");
  EXPECT_EQ(Word(Read({404, "", ""})), "LOG_UNKNOWN");
  for (const int status : {100, 201, 204, 301, 400, 500, 503}) {
    EXPECT_EQ(Word(Read({status, "", key_.Cosign(TextOf(7), kNow)})), "BAD_ANSWER") << status;
  }
}

TEST(CosignatureVerifier, IsOfAWitnessesKeyAndNoOther) {
  EXPECT_FALSE(CosignatureVerifier::Create(MakeLogKey()->vkey()).ok());
  EXPECT_FALSE(CosignatureVerifier::Create("").ok());
  const std::string vkey = WitnessKeyForTest("w", 'w').vkey();
  ASSERT_TRUE(CosignatureVerifier::Create(vkey).ok());
  for (size_t i = 0; i < vkey.size(); ++i) {
    std::string changed = vkey;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    EXPECT_FALSE(CosignatureVerifier::Create(changed).ok()) << i;
  }
}

TEST(WitnessUrl, IsHttpsWithAHostAndPerhapsAPortAndAPrefix) {
  const WitnessUrl whole = ParseWitnessUrl("https://w.example:8444/of/us/").value();
  EXPECT_EQ(whole.host, "w.example");
  EXPECT_EQ(whole.port, 8444);
  EXPECT_EQ(whole.prefix, "/of/us");
  const WitnessUrl bare = ParseWitnessUrl("https://127.0.0.1").value();
  EXPECT_EQ(bare.host, "127.0.0.1");
  EXPECT_EQ(bare.port, 443);
  EXPECT_EQ(bare.prefix, "");
  for (const char* url : {"", "http://w.example", "w.example", "https://", "https:///x",
                          "https://w.example:", "https://w.example:0", "https://w.example:70000",
                          "https://w.example:08", "https://a@b", "https://w.example/x?y",
                          "https://w.example/x y", "https://w.example/\r\nX: y"}) {
    EXPECT_FALSE(ParseWitnessUrl(url).ok()) << url;
  }
}

}  // namespace
}  // namespace sluice::server
