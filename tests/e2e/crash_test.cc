// kill -9 at random moments of publish and read. What was acknowledged is there afterwards, a batch
// is there whole or not at all, no row was received without its disclosure entry, and the log's
// directory is what it claims.
//
// SLUICE_SEED repeats a run, SLUICE_KILLS says how many moments.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/log_verifiers.h"

namespace sluice::tests {
namespace {

constexpr int kBatch = 100;
constexpr int kRecordsBefore = 20000;  // so that a read takes a while

uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
  const char* text = std::getenv(name);
  uint32_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) ADD_FAILURE() << name << " is no number";
  return number;
}

class Crashes : public ::testing::Test {
 protected:
  Crashes() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    program_ = deployment_.As(kProgram, "system", "sis");
    district_ = deployment_.As(kDistrict, "system", "hr");
    operator_ = deployment_.As("operator", "operator", "root");
  }

  // Publishes batch after batch until the gateway is gone. `next_batch_` may have been committed
  // without an answer.
  void PublishUntilKilled() {
    const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(program_);
    while (!killed_) {
      if (!PublishOne(*gateway)) break;
    }
  }
  bool PublishOne(client::Gateway& gateway) {
    const auto answer = Publish(gateway, absl::StrCat("batch-", next_batch_), next_batch_ * kBatch,
                                (next_batch_ + 1) * kBatch);
    if (!answer.ok() || answer->state() != v1::PUBLISH_STATE_COMMITTED) return false;
    ++next_batch_;
    return true;
  }

  void ReadUntilKilled() {
    const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(district_);
    while (!killed_) {
      ReadRows rows;
      const absl::Status status = Read(*gateway, ReadRequest("pipeline"), rows);
      if (!rows.row_ids.empty()) received_[rows.header.decision_id()] += rows.row_ids.size();
      if (!status.ok()) break;
    }
  }

  // The log's disclosures since the last look: rows by decision.
  void ReadDisclosures() {
    const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(operator_);
    v1::ListEntriesRequest request;
    request.set_type("disclosure");
    request.set_start_index(log_seen_);
    request.set_page_size(1000);
    do {
      const auto page = gateway->ListEntries(request);
      Must(page.status());
      for (const v1::LogEntry& entry : page->entries()) {
        const nlohmann::json body = nlohmann::json::parse(entry.body());
        disclosed_[body.at("request").get<std::string>()] +=
            body.at("rows").at("released").get<size_t>();
        log_seen_ = entry.index() + 1;
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
  }

  void ExpectEveryRowDisclosed() {
    ReadDisclosures();
    for (const auto& [decision, rows] : received_) {
      EXPECT_LE(rows, disclosed_[decision]) << "rows that the log does not know, of " << decision;
    }
    received_.clear();
  }

  void ExpectWholeBatchesAndAllThatWereAcknowledged() {
    ReadRows rows;
    Must(Read(*deployment_.Connect(district_), ReadRequest("pipeline"), rows));
    ASSERT_TRUE(rows.complete);
    std::map<int, int> batches;  // records in each
    std::set<std::string> row_ids(rows.row_ids.begin(), rows.row_ids.end());
    EXPECT_EQ(row_ids.size(), rows.row_ids.size());
    for (const v1::Candidate& candidate : rows.candidates) {
      ++batches[static_cast<int>(candidate.source().change_version()) / kBatch];
    }
    for (const auto& [batch, records] : batches) EXPECT_EQ(records, kBatch) << "in batch " << batch;
    for (int batch = 0; batch < next_batch_; ++batch) {
      EXPECT_EQ(batches.count(batch), 1) << "batch " << batch << " was acknowledged and is lost";
    }
    EXPECT_LE(batches.size(), static_cast<size_t>(next_batch_ + 1));
  }

  // Each time it continues what was verified the last time.
  void ExpectLogIsWhatItClaims() {
    const std::filesystem::path log = deployment_.Path("log");
    WaitFor("the directory", [&] { return PublishedSize(log) >= log_seen_; });
    EXPECT_EQ(VerifyLog(log, deployment_.Path("state")), absl::OkStatus());
  }

  Deployment deployment_;
  Identity program_;
  Identity district_;
  Identity operator_;

  std::atomic<bool> killed_{false};
  int next_batch_ = 0;
  std::map<std::string, size_t> received_;   // rows by decision
  std::map<std::string, size_t> disclosed_;  // the same, as the log says
  int64_t log_seen_ = 0;
};

TEST_F(Crashes, LoseNothingAcknowledgedAndDiscloseNothingUnlogged) {
  const uint32_t seed = FromEnvironment("SLUICE_SEED", 1);
  const uint32_t kills = FromEnvironment("SLUICE_KILLS", 5);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> moment_ms(0, 400);
  {
    const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(program_);
    while (next_batch_ < kRecordsBefore / kBatch) ASSERT_TRUE(PublishOne(*gateway));
  }

  size_t rows_received = 0;
  for (uint32_t kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE(absl::StrCat("SLUICE_SEED=", seed, ", kill ", kill));
    const int acknowledged_before = next_batch_;
    killed_ = false;
    std::thread publisher([this] { PublishUntilKilled(); });
    std::thread reader([this] { ReadUntilKilled(); });
    absl::SleepFor(absl::Milliseconds(moment_ms(random)));
    EXPECT_EQ(deployment_.End(SIGKILL), -SIGKILL);
    killed_ = true;
    publisher.join();
    reader.join();
    for (const auto& [decision, rows] : received_) rows_received += rows;

    deployment_.Start();
    ExpectEveryRowDisclosed();
    ExpectWholeBatchesAndAllThatWereAcknowledged();
    ExpectLogIsWhatItClaims();
    // The batch that got no answer is answered now, whatever became of it.
    ASSERT_TRUE(PublishOne(*deployment_.Connect(program_)));
    EXPECT_GT(next_batch_, acknowledged_before);
    if (HasFailure()) return;
  }
  EXPECT_GT(rows_received, 0) << "no kill met a read";
}

}  // namespace
}  // namespace sluice::tests
