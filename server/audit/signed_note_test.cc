#include "server/audit/signed_note.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "policy/secret.h"
#include "server/audit/checkpoint.h"
#include "server/audit/log_key.h"

namespace sluice::server {
namespace {

// The note and verifier key that the format's own documents show.
constexpr char kNeumannsKey[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr char kNeumannsText[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr char kNeumannsSignature[] =
    "\n— PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

std::unique_ptr<const LogKey> MakeKey(absl::string_view origin = "log.example/records/1",
                                      char seed = 7) {
  return LogKey::Create(policy::Secret::Copy(std::string(32, seed)), origin).value();
}

TEST(NoteVerifier, AcceptsTheFormatsOwnExample) {
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create(kNeumannsKey);
  ASSERT_TRUE(verifier.ok()) << verifier.status();
  absl::StatusOr<std::string> text =
      verifier->Open(absl::StrCat(kNeumannsText, kNeumannsSignature));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, kNeumannsText);
}

// RFC 8032, 7.1, test 2: the seed and its public key.
TEST(LogKey, HasThePublicKeyThatRfc8032Gives) {
  const std::string seed =
      absl::HexStringToBytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  std::unique_ptr<const LogKey> key =
      LogKey::Create(policy::Secret::Copy(seed), "example.com/log").value();
  const std::string public_key =
      absl::HexStringToBytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_TRUE(absl::StrContains(key->vkey(), absl::Base64Escape(absl::StrCat("\x01", public_key))))
      << key->vkey();
}

TEST(LogKey, SignsNotesThatItsVerifierKeyOpens) {
  std::unique_ptr<const LogKey> key = MakeKey();
  const std::string note = key->SignNote("some text\n").value();
  EXPECT_EQ(NoteVerifier::Create(key->vkey())->Open(note).value(), "some text\n");
  // Ed25519 is deterministic: the same text has one note.
  EXPECT_EQ(key->SignNote("some text\n").value(), note);
}

TEST(LogKey, RefusesWhatANoteCannotCarry) {
  std::unique_ptr<const LogKey> key = MakeKey();
  EXPECT_FALSE(key->SignNote("no newline").ok());
  EXPECT_FALSE(key->SignNote("").ok());
  const policy::Secret seed = policy::Secret::Copy(std::string(32, 'x'));
  EXPECT_FALSE(LogKey::Create(seed, "with space").ok());
  EXPECT_FALSE(LogKey::Create(seed, "with+plus").ok());
  EXPECT_FALSE(LogKey::Create(seed, "").ok());
  EXPECT_FALSE(LogKey::Create(policy::Secret::Copy("short"), "log").ok());
}

TEST(NoteVerifier, RefusesANoteWithAnyByteChanged) {
  std::unique_ptr<const LogKey> key = MakeKey();
  const NoteVerifier verifier = NoteVerifier::Create(key->vkey()).value();
  const std::string note = key->SignNote("log.example/records/1\n5\nAAAA\n").value();
  for (size_t i = 0; i < note.size(); ++i) {
    for (int flip : {0x01, 0x02, 0x20, 0x80}) {
      std::string changed = note;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      EXPECT_FALSE(verifier.Open(changed).ok()) << "byte " << i;
    }
    EXPECT_FALSE(verifier.Open(note.substr(0, i)).ok()) << "cut to " << i;
  }
  ASSERT_TRUE(verifier.Open(note).ok());
}

TEST(NoteVerifier, RefusesAnotherKeysNote) {
  const std::string note = MakeKey("log.example/records/1", 1)->SignNote("text\n").value();
  EXPECT_FALSE(NoteVerifier::Create(MakeKey("log.example/records/1", 2)->vkey())->Open(note).ok());
  EXPECT_FALSE(NoteVerifier::Create(MakeKey("log.example/records/2", 1)->vkey())->Open(note).ok());
}

TEST(NoteVerifier, AllowsASecondKeysLineAndRefusesASecondOfItsOwn) {
  std::unique_ptr<const LogKey> key = MakeKey();
  const NoteVerifier verifier = NoteVerifier::Create(key->vkey()).value();
  const std::string note = key->SignNote("text\n").value();
  const std::string other = MakeKey("witness.example/w", 9)->SignNote("text\n").value();
  const std::string own_line = note.substr(6);
  const std::string other_line = other.substr(6);
  EXPECT_TRUE(verifier.Open(absl::StrCat(note, other_line)).ok());
  EXPECT_TRUE(verifier.Open(absl::StrCat(other, own_line)).ok());
  EXPECT_FALSE(verifier.Open(absl::StrCat(note, own_line)).ok());
  EXPECT_FALSE(verifier.Open(absl::StrCat(note, "something else\n")).ok());
}

TEST(NoteVerifier, RefusesVerifierKeysThatAreNotTheirOwn) {
  const std::string vkey = MakeKey()->vkey();
  EXPECT_TRUE(NoteVerifier::Create(vkey).ok());
  for (size_t i = 0; i < vkey.size(); ++i) {
    std::string changed = vkey;
    changed[i] ^= 1;
    EXPECT_FALSE(NoteVerifier::Create(changed).ok()) << changed;
  }
  EXPECT_FALSE(NoteVerifier::Create("").ok());
  EXPECT_FALSE(NoteVerifier::Create("name+00000000").ok());
}

TEST(Checkpoint, IsReadOnlyAsItIsWritten) {
  Checkpoint checkpoint;
  checkpoint.origin = "log.example/records/1";
  checkpoint.size = 70000;
  checkpoint.root = Sha256("root");
  const std::string body = checkpoint.Body();
  absl::StatusOr<Checkpoint> parsed = ParseCheckpointBody(body);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->size, 70000u);
  EXPECT_EQ(parsed->root, checkpoint.root);
  for (absl::string_view size :
       {"070000", "+70000", " 70000", "70000 ", "-1", "", "0x1", "18446744073709551616", "7e4"}) {
    EXPECT_FALSE(ParseCheckpointBody(absl::StrReplaceAll(body, {{"70000", size}})).ok()) << size;
  }
  EXPECT_FALSE(ParseCheckpointBody(body + "extension\n").ok());
  EXPECT_FALSE(ParseCheckpointBody(body.substr(0, body.size() - 1)).ok());
  EXPECT_FALSE(ParseCheckpointBody(absl::StrReplaceAll(body, {{"=", ""}})).ok());
  EXPECT_FALSE(ParseCheckpointBody("").ok());
}

TEST(Checkpoint, OfAnotherOriginThanItsKeyIsRefused) {
  std::unique_ptr<const LogKey> key = MakeKey();
  const NoteVerifier verifier = NoteVerifier::Create(key->vkey()).value();
  Checkpoint checkpoint;
  checkpoint.origin = key->origin();
  EXPECT_TRUE(OpenCheckpoint(key->SignNote(checkpoint.Body()).value(), verifier).ok());
  checkpoint.origin = "log.example/records/2";
  EXPECT_FALSE(OpenCheckpoint(key->SignNote(checkpoint.Body()).value(), verifier).ok());
}

}  // namespace
}  // namespace sluice::server
