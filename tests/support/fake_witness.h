// A witness as tests want it: it keeps the last checkpoint that it cosigned, checks what it is sent
// as C2SP tlog-witness says, and answers otherwise where a test says so.
//
// Thread-safe.
#ifndef SLUICE_TESTS_SUPPORT_FAKE_WITNESS_H_
#define SLUICE_TESTS_SUPPORT_FAKE_WITNESS_H_

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/audit/checkpoint.h"
#include "server/audit/signed_note.h"
#include "server/audit/witness.h"
#include "tests/support/slow_tree.h"

namespace sluice::server {

// For what other threads bring about; fails the test if it does not come.
inline void Await(absl::FunctionRef<bool()> came) {
  const absl::Time until = absl::Now() + absl::Minutes(1);
  while (!came()) {
    ASSERT_LT(absl::Now(), until) << "what is awaited does not come";
    absl::SleepFor(absl::Milliseconds(1));
  }
}

// The key of a witness, of a type that only tests may choose.
class WitnessKeyForTest {
 public:
  explicit WitnessKeyForTest(std::string name, char seed, char type = kCosignature)
      : name_(std::move(name)) {
    const std::string bytes(32, seed);
    key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                            reinterpret_cast<const uint8_t*>(bytes.data()), 32));
    std::string raw(32, '\0');
    size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<uint8_t*>(raw.data()), &size);
    const std::array<uint8_t, 4> id = NoteKeyId(name_, raw, type);
    id_.assign(reinterpret_cast<const char*>(id.data()), id.size());
    vkey_ = absl::StrCat(name_, "+", absl::BytesToHexString(id_), "+",
                         absl::Base64Escape(absl::StrCat(absl::string_view(&type, 1), raw)));
  }

  const std::string& name() const { return name_; }
  const std::string& vkey() const { return vkey_; }

  // The signature line over a checkpoint's text, as of a time in seconds.
  std::string Cosign(absl::string_view text, uint64_t seconds) const {
    struct Free {
      void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    const std::string message = absl::StrCat("cosignature/v1\ntime ", seconds, "\n", text);
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string bytes = id_;
    for (int shift = 56; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<char>(seconds >> shift));
    std::string signature(64, '\0');
    size_t size = signature.size();
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                   reinterpret_cast<const uint8_t*>(message.data()), message.size());
    return absl::StrCat("\xE2\x80\x94 ", name_, " ", absl::Base64Escape(bytes + signature), "\n");
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::string name_;
  std::unique_ptr<EVP_PKEY, Free> key_;
  std::string id_;
  std::string vkey_;
};

class FakeWitness {
 public:
  FakeWitness(std::string name, char seed, std::function<absl::Time()> clock)
      : key_(std::move(name), seed), clock_(std::move(clock)) {}

  const WitnessKeyForTest& key() const { return key_; }
  WitnessConfig Config() const { return {key_.vkey(), "https://" + key_.name(), "ca.pem"}; }

  // What it says instead, from now on; null: what it should.
  using Instead = std::function<absl::StatusOr<WitnessAnswer>(const std::string& body)>;
  void Say(Instead instead) {
    absl::MutexLock lock(&mutex_);
    instead_ = std::move(instead);
  }
  void SayStatus(int status) {
    Say([status](const std::string&) { return WitnessAnswer{status, "text/plain", ""}; });
  }
  void Vanish() {
    Say([](const std::string&) { return absl::UnavailableError("no answer"); });
  }
  void Return() { Say(nullptr); }

  uint64_t size() const {
    absl::MutexLock lock(&mutex_);
    return size_;
  }
  int asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }
  std::vector<std::string> bodies() const {
    absl::MutexLock lock(&mutex_);
    return bodies_;
  }

  absl::StatusOr<WitnessAnswer> Answer(const std::string& body) {
    Instead instead;
    {
      absl::MutexLock lock(&mutex_);
      ++asked_;
      bodies_.push_back(body);
      instead = instead_;
    }
    if (instead != nullptr) return instead(body);
    absl::MutexLock lock(&mutex_);
    return Honest(body);
  }

 private:
  static WitnessAnswer Plain(int status) { return {status, "text/plain", ""}; }
  WitnessAnswer SizeAnswer() const { return {409, "text/x.tlog.size", absl::StrCat(size_, "\n")}; }

  WitnessAnswer Honest(absl::string_view body) {
    const size_t gap = body.find("\n\n");
    if (gap == absl::string_view::npos) return Plain(400);
    const std::vector<absl::string_view> lines = absl::StrSplit(body.substr(0, gap), '\n');
    const absl::string_view note = body.substr(gap + 2);
    absl::string_view old_line = lines[0];
    uint64_t old_size = 0;
    if (!absl::ConsumePrefix(&old_line, "old ") || !absl::SimpleAtoi(old_line, &old_size)) {
      return Plain(400);
    }
    std::vector<Hash> proof;
    for (size_t i = 1; i < lines.size(); ++i) {
      std::string bytes;
      Hash& hash = proof.emplace_back();
      if (!absl::Base64Unescape(lines[i], &bytes) || bytes.size() != hash.size()) return Plain(400);
      std::copy(bytes.begin(), bytes.end(), hash.begin());
    }
    const absl::string_view text = note.substr(0, note.rfind("\n\n") + 1);
    const absl::StatusOr<Checkpoint> checkpoint = ParseCheckpointBody(text);
    if (!checkpoint.ok() || old_size > checkpoint->size) return Plain(400);
    if (old_size != size_) return SizeAnswer();
    const bool is_same_size = old_size == checkpoint->size;
    if (is_same_size && checkpoint->root != root_) return SizeAnswer();
    const bool needs_proof = old_size > 0 && !is_same_size;
    if (needs_proof
            ? !slow::IsConsistent(old_size, checkpoint->size, root_, checkpoint->root, proof)
            : !proof.empty()) {
      return Plain(422);
    }
    size_ = checkpoint->size;
    root_ = checkpoint->root;
    const auto seconds = static_cast<uint64_t>(absl::ToUnixSeconds(clock_()));
    return {200, "text/plain; charset=utf-8", key_.Cosign(text, seconds)};
  }

  const WitnessKeyForTest key_;
  const std::function<absl::Time()> clock_;

  mutable absl::Mutex mutex_;
  Instead instead_ ABSL_GUARDED_BY(mutex_);
  uint64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  Hash root_ ABSL_GUARDED_BY(mutex_){};
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> bodies_ ABSL_GUARDED_BY(mutex_);
};

// Asks it without a wire.
class FakeWitnessTransport final : public WitnessTransport {
 public:
  explicit FakeWitnessTransport(FakeWitness* witness) : witness_(*witness) {}

  absl::StatusOr<WitnessAnswer> Post(const std::string& body) override {
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = false;
    }
    return witness_.Answer(body);
  }
  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  // For an answer that does not come: until the question is ended.
  absl::Status AwaitCancel() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&cancelled_));
    return absl::UnavailableError("no answer in time");
  }

 private:
  FakeWitness& witness_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_FAKE_WITNESS_H_
