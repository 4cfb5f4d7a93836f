// Bundles of evidence as a test wants them: of a log in memory, taken apart and put together again.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_EVIDENCE_FOR_TEST_H_
#define SLUICE_CLIENT_EVIDENCE_FOR_TEST_H_

#include <openssl/sha.h>

#include <optional>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/evidence_maker.h"
#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {

// The bundle with the digest that its bytes have now.
inline std::string DigestedAnew(const std::string& text) {
  const std::string digested = text.substr(0, text.rfind("sha256 "));
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(digested.data()), digested.size(), hash);
  return absl::StrCat(
      digested, "sha256 ",
      absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash)),
      "\n");
}

class EvidenceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 21; ++i) {
      gateway_.entries.push_back(
          absl::StrCat("{\"type\":\"decision\",\"time_ms\":", 1798761600000 + i, ",\"mou\":\"mou-",
                       i % 3, "\",\"n\":", i, "}"));
    }
  }
  absl::StatusOr<Evidence> Make(const LogPages::Options& choice,
                                const std::optional<LogCheckpoint>& held = std::nullopt) {
    return MakeEvidence(
        gateway_, gateway_.log.key(), held, choice,
        [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  }
  // Of entries [begin, end), all of them.
  EvidenceBundle Range(int64_t begin, int64_t end,
                       const std::optional<LogCheckpoint>& held = std::nullopt) {
    const absl::StatusOr<Evidence> made = Make({.start = begin, .until = end}, held);
    EXPECT_TRUE(made.ok()) << made.status();
    return made->bundle;
  }
  LogCheckpoint At(size_t size) const {
    return gateway_.log.Open(size, gateway_.Tree().Root(size));
  }
  // What is wrong with a bundle's bytes, or with what they say; empty: nothing.
  std::string WhyNot(const std::string& text,
                     const std::optional<LogCheckpoint>& held = std::nullopt) {
    const absl::StatusOr<EvidenceBundle> parsed = EvidenceBundle::Parse(text);
    if (!parsed.ok()) return std::string(parsed.status().message());
    const absl::StatusOr<EvidenceReport> report = VerifyEvidence(*parsed, gateway_.log.key(), held);
    if (!report.ok()) return std::string(report.status().message());
    return absl::StrJoin(report->failures, "\n");
  }

  FakeGateway gateway_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_EVIDENCE_FOR_TEST_H_
