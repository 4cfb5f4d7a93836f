// A witness as a test wants it: in a directory of its own, of a log whose entries the test says, at
// a time that it sets.
//
// Not thread-safe, but for Ask.
#ifndef SLUICE_CLIENT_WITNESS_WITNESS_FOR_TEST_H_
#define SLUICE_CLIENT_WITNESS_WITNESS_FOR_TEST_H_

#include <openssl/evp.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/log_for_test.h"
#include "client/slow_tree_for_test.h"
#include "client/witness/witness.h"
#include "gtest/gtest.h"

namespace sluice::witness {

inline constexpr char kWitnessName[] = "witness.river-unified.example/w1";

inline std::vector<std::string> LogEntries(size_t count, absl::string_view history = "entry") {
  std::vector<std::string> entries;
  for (size_t i = 0; i < count; ++i) entries.push_back(absl::StrCat(history, " ", i));
  return entries;
}

// The body of `add-checkpoint`.
inline std::string Body(uint64_t old_size, const std::vector<client::TreeHash>& proof,
                        absl::string_view checkpoint) {
  std::string body = absl::StrCat("old ", old_size, "\n");
  for (const client::TreeHash& hash : proof) {
    absl::StrAppend(&body, absl::Base64Escape(std::string(hash.begin(), hash.end())), "\n");
  }
  return absl::StrCat(body, "\n", checkpoint);
}

// The time of a cosignature over a note's text by the key of a vkey, checked as the specification
// has it and by nothing of ours. nullopt: it does not verify.
inline std::optional<int64_t> CosignedAt(absl::string_view vkey, absl::string_view text,
                                         absl::string_view line) {
  const std::vector<std::string> parts = absl::StrSplit(vkey, absl::MaxSplits('+', 2));
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  std::string key, signature;
  if (parts.size() != 3 || words.size() != 3 || words[0] != "\u2014" || words[1] != parts[0] ||
      line.back() != '\n' || !absl::Base64Unescape(parts[2], &key) ||
      !absl::Base64Unescape(words[2].substr(0, words[2].size() - 1), &signature) ||
      key.size() != 33 || key[0] != 4 || signature.size() != 4 + 8 + 64 ||
      absl::BytesToHexString(signature.substr(0, 4)) != parts[1]) {
    return std::nullopt;
  }
  int64_t time = 0;
  if (!absl::SimpleHexAtoi(absl::BytesToHexString(signature.substr(4, 8)), &time)) {
    return std::nullopt;
  }
  const std::string message = absl::StrCat("cosignature/v1\ntime ", time, "\n", text);
  EVP_PKEY* const public_key = EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(key.data()) + 1, 32);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, public_key) == 1 &&
      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()) + 12, 64,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(public_key);
  if (!good) return std::nullopt;
  return time;
}

class WitnessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "witness-XXXXXX";
    path_ = mkdtemp(name.data());
    ASSERT_TRUE(WitnessDirectory::Init(path_, kWitnessName).ok());
    Start();
  }
  void TearDown() override {
    witness_.reset();
    directory_.reset();
    std::filesystem::remove_all(path_);
  }
  // As after a start of the program.
  void Start() {
    witness_.reset();
    directory_.reset();
    auto directory = WitnessDirectory::Open(path_);
    ASSERT_TRUE(directory.ok()) << directory.status();
    directory_ = *std::move(directory);
    ASSERT_TRUE(Restart().ok());
  }
  // With another keeper in the directory's place, if one is given.
  absl::Status Restart(CheckpointKeeper* keeper = nullptr) {
    auto witness = Witness::Create(&directory_->key(), keeper ? keeper : directory_.get(),
                                   {log_.key()}, [this] { return now_; });
    if (!witness.ok()) return witness.status();
    witness_ = *std::move(witness);
    return absl::OkStatus();
  }
  std::string Checkpoint(size_t size) const { return log_.Checkpoint(size, tree_.Root(size)); }
  std::string Text(size_t size) const {
    const std::string note = Checkpoint(size);
    return note.substr(0, note.rfind("\n\n") + 1);
  }
  std::string Growth(size_t from, size_t to) const {
    return Body(from, tree_.Consistency(from, to), Checkpoint(to));
  }
  WitnessAnswer Ask(absl::string_view body) { return witness_->AddCheckpoint(body); }
  void ExpectCosigned(const WitnessAnswer& answer, size_t size) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(CosignedAt(directory_->key().vkey(), Text(size), answer.body),
              absl::ToUnixSeconds(now_))
        << answer.body;
  }
  void ExpectSize(const WitnessAnswer& answer, size_t size) {
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(answer.content_type, "text/x.tlog.size");
    EXPECT_EQ(answer.body, absl::StrCat(size, "\n"));
  }
  void ExpectRefused(const WitnessAnswer& answer, int status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_FALSE(absl::StrContains(answer.body, "\u2014")) << answer.body;
  }
  // The file of the log's last checkpoint.
  std::filesystem::path StateFile() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/logs")) {
      if (entry.path().extension().empty()) return entry.path();
    }
    return {};
  }

  std::string path_;
  const client::LogForTest log_;
  const client::SlowTree tree_{LogEntries(40)};
  const client::SlowTree fork_{LogEntries(40, "another history")};
  absl::Time now_ = absl::FromUnixSeconds(1679315147);
  std::unique_ptr<WitnessDirectory> directory_;
  std::unique_ptr<Witness> witness_;
};

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_WITNESS_FOR_TEST_H_
