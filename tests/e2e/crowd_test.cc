// A gateway that more connect to than it has to do with: who has a certificate and a question is
// answered, and when the crowd leaves nothing of it is left. SLUICE_CONNECTIONS says how many.
#include "tests/e2e/crowd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using Member = Crowd::Member;

// Of idle connections: what one may take of the gateway, TLS and HTTP/2 included.
constexpr int64_t kMostKibOfOne = 128;
// Descriptors of either side that are no connections.
constexpr int kBeside = 400;

int Connections(int otherwise) {
  const char* const text = std::getenv("SLUICE_CONNECTIONS");
  int wanted = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &wanted)) ADD_FAILURE() << "no number: " << text;
  const int room = Crowd::RaiseDescriptors() - kBeside;
  if (wanted > room) {
    printf("only %d connections: this process may open no more descriptors\n", room);
    return room;
  }
  return wanted;
}

class CrowdedGateway : public ::testing::Test {
 protected:
  CrowdedGateway() {
    deployment_.ProposeSigned("pipeline");
    program_ = deployment_.As(kProgram, "system", "sis");
  }
  ~CrowdedGateway() override {
    if (crowd_ != nullptr) crowd_->Leave();
    EXPECT_EQ(deployment_.End(SIGTERM), 0);
  }

  void Start() {
    deployment_.Start();
    crowd_ = std::make_unique<Crowd>(deployment_.port(),
                                     deployment_.Path("pki/operator/ca.pem").string(), program_);
    AnswersANewCaller();
  }
  // On a connection of its own.
  void AnswersANewCaller() {
    const absl::Time began = absl::Now();
    Must(deployment_.Connect(program_)->ListGrants({}).status());
    EXPECT_LT(absl::Now() - began, absl::Seconds(10));
  }
  int64_t ResidentKib() const {
    std::ifstream status(absl::StrCat("/proc/", deployment_.process(), "/status"));
    std::string word;
    int64_t kib = 0;
    while (status >> word && word != "VmRSS:") continue;
    status >> kib;
    return kib;
  }
  int Descriptors() const {
    const std::filesystem::path of(absl::StrCat("/proc/", deployment_.process(), "/fd"));
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(of), {}));
  }

  Deployment deployment_;
  Identity program_;
  std::unique_ptr<Crowd> crowd_;
};

TEST_F(CrowdedGateway, AnswersBesideManyIdleConnectionsInBoundedMemory) {
  const int many = Connections(1000);
  Start();
  const int64_t kib_before = ResidentKib();
  const int descriptors_before = Descriptors();
  ASSERT_EQ(crowd_->Join(Member::kStands, many), many);
  AnswersANewCaller();
  const int64_t kib_of_one = (ResidentKib() - kib_before) / many;
  printf("%d idle connections, %d KiB each\n", many, static_cast<int>(kib_of_one));
  EXPECT_LE(kib_of_one, kMostKibOfOne);
  EXPECT_EQ(crowd_->Standing(), many);
  crowd_->Leave();
  WaitFor("the end of what the crowd had", [&] { return Descriptors() <= descriptors_before + 8; });
  AnswersANewCaller();
}

TEST_F(CrowdedGateway, AnswersBesideManyThatNeverFinishAHandshake) {
  const int many = Connections(1000);
  Start();
  const int descriptors_before = Descriptors();
  ASSERT_EQ(crowd_->Join(Member::kMute, many / 2), many / 2);
  ASSERT_EQ(crowd_->Join(Member::kHalf, many - many / 2), many - many / 2);
  AnswersANewCaller();
  crowd_->Leave();
  WaitFor("the end of what the crowd had", [&] { return Descriptors() <= descriptors_before + 8; });
}

// gRPC's own listener would never accept again.
TEST_F(CrowdedGateway, AcceptsAgainAfterItsDescriptorsRanOut) {
  Crowd::RaiseDescriptors();
  deployment_.LimitDescriptors(256);
  Start();
  const std::unique_ptr<client::Gateway> before = deployment_.Connect(program_);
  Must(before->ListGrants({}).status());
  crowd_->Join(Member::kMute, 400);
  WaitFor("connections that are turned away", [&] { return crowd_->Standing() < 400; });
  EXPECT_GT(crowd_->Standing(), 100);
  // Who has a connection keeps it, and what needs a descriptor has one.
  Must(before->ListGrants({}).status());
  deployment_.Reload();
  crowd_->Leave();
  WaitFor("a new caller to be answered",
          [&] { return deployment_.Connect(program_)->ListGrants({}).ok(); });
}

TEST_F(CrowdedGateway, TakesNoMoreConnectionsThanItsQuota) {
  deployment_.WriteConfiguration(
      absl::StrCat(deployment_.Configuration(), "quotas: {connections: 100}\n"));
  Start();
  crowd_->Join(Member::kMute, 600);
  WaitFor("connections that are turned away", [&] { return crowd_->Standing() < 600; });
  EXPECT_GE(crowd_->Standing(), 100);
  EXPECT_LE(Descriptors(), 100 + 256 + 8);
  crowd_->Leave();
  WaitFor("a new caller to be answered",
          [&] { return deployment_.Connect(program_)->ListGrants({}).ok(); });
}

}  // namespace
}  // namespace sluice::tests
