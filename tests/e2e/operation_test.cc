// A gateway in its operator's hands: reloads, a stop that lets streams end, a restart that forgets
// nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

class Operation : public ::testing::Test {
 protected:
  Operation() {
    deployment_.ProposeSigned("pipeline");
    // Made before a test spoils what makes it.
    deployment_.As(kDistrict, "system", "hr");
    deployment_.Start();
  }

  std::unique_ptr<client::Gateway> Program() {
    return deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
  }
  std::unique_ptr<client::Gateway> District() {
    return deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
  }
  void PublishMany(int records) {
    constexpr int kBatch = 5000;
    const std::unique_ptr<client::Gateway> program = Program();
    for (int begin = 0; begin < records; begin += kBatch) {
      const auto answer = Publish(*program, absl::StrCat("batch-", begin), begin,
                                  std::min(begin + kBatch, records));
      Must(answer.status());
      ASSERT_EQ(answer->state(), v1::PUBLISH_STATE_COMMITTED);
    }
  }
  // Every row, as `row_id` and bytes, in the order of their ids.
  std::vector<std::pair<std::string, std::string>> Release() {
    ReadRows rows;
    Must(Read(*District(), ReadRequest("pipeline"), rows));
    std::vector<std::pair<std::string, std::string>> release;
    for (size_t i = 0; i < rows.row_ids.size(); ++i) {
      release.emplace_back(rows.row_ids[i], rows.candidates[i].SerializeAsString());
    }
    std::sort(release.begin(), release.end());
    return release;
  }

  // As the operator's guide says to.
  void BackUpTo(absl::string_view name) {
    const std::string command =
        absl::StrCat("umask 077; sqlite3 ", deployment_.Path("sluice.db").string(), " \".backup ",
                     deployment_.Path(name).string(), "\"");
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  void Restore(absl::string_view name) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(deployment_.Path(absl::StrCat("sluice.db", suffix)));
    }
    std::filesystem::rename(deployment_.Path(name), deployment_.Path("sluice.db"));
  }

  Deployment deployment_;
};

// What a gateway says to Prometheus, with the head of the answer.
std::string GetMetrics(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  constexpr absl::string_view kRequest = "GET /metrics HTTP/1.0\r\n\r\n";
  std::string answer;
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(connection, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) > 0) {
    char bytes[4096];
    for (ssize_t got; (got = recv(connection, bytes, sizeof bytes, 0)) > 0;) {
      answer.append(bytes, static_cast<size_t>(got));
    }
  }
  close(connection);
  return answer;
}

TEST_F(Operation, ReloadsAGoodConfiguration) {
  deployment_.ProposeSigned("second-pipeline");
  deployment_.Reload();
  ReadRows rows;
  Must(Read(*District(), ReadRequest("second-pipeline"), rows));
}

TEST_F(Operation, KeepsTheOldConfigurationWhenAReloadIsBad) {
  PublishMany(10);
  deployment_.WriteConfiguration(
      absl::StrReplaceAll(deployment_.Configuration(), {{"organizations:", "organisations:"}}));
  deployment_.Reload();
  EXPECT_EQ(Release().size(), 10);
}

TEST_F(Operation, KeepsTheOldTrustWhenAnOrganizationsCaIsGarbled) {
  PublishMany(10);
  WriteFile(deployment_.Path(absl::StrCat("pki/", kDistrict, "/ca.pem")), "no certificate");
  deployment_.Reload();
  EXPECT_EQ(Release().size(), 10);
}

TEST_F(Operation, KeepsTheOldTrustWhenARevocationListIsGarbled) {
  const Identity lost = deployment_.As(kDistrict, "system", "lost");
  deployment_.Revoke(kDistrict, lost, absl::Now());
  deployment_.Reload();
  WriteFile(deployment_.Path(absl::StrCat("pki/", kDistrict, "/crl.pem")), "");
  deployment_.Reload();
  EXPECT_EQ(Reason(deployment_.Connect(lost)->ListGrants({}).status()), "UNAUTHENTICATED");
}

TEST_F(Operation, SaysWhatIsInForceWhenAReloadFails) {
  WriteFile(deployment_.Path(absl::StrCat("pki/", kDistrict, "/crl.pem")), "");
  deployment_.Signal(SIGHUP);
  deployment_.WaitForLine("\"the old configuration stays in force: ");
}

TEST_F(Operation, SaysThatTrustIsInForceWhereTheInboxIsNot) {
  const Identity lost = deployment_.As(kDistrict, "system", "lost");
  deployment_.Revoke(kDistrict, lost, absl::Now());
  std::filesystem::remove_all(deployment_.Path("mous"));
  deployment_.Signal(SIGHUP);
  deployment_.WaitForLine("\"trust and quotas are in force; the inbox is not: ");
  EXPECT_EQ(Reason(deployment_.Connect(lost)->ListGrants({}).status()), "UNAUTHENTICATED");
}

TEST_F(Operation, WarnsOfAnOrganizationWithoutRevocationAtStartAndAtEachReload) {
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  const std::string revoked = absl::StrCat(
      deployment_.Configuration(), "metrics: {listen: 127.0.0.1:0, port_file: metrics-port}\n");
  const std::string unrevoked = absl::StrReplaceAll(
      revoked, {{"    crl: pki/hill-county/crl.pem\n", ""},
                {"    signatory_crl: pki/hill-county/signatory-crl.pem\n", ""}});
  const char kWarning[] =
      "\"warning\",\"event\":\"organization without revocation\",\"organization\":\"hill-county\"";
  deployment_.WriteConfiguration(unrevoked);
  deployment_.Start();
  deployment_.WaitForLine(kWarning);
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(ReadFile(deployment_.Path("metrics-port")), &port));
  const auto metrics = [port] {
    std::vector<std::string> found;
    const std::string text = GetMetrics(port);
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      if (absl::StartsWith(line, "sluice_organization_without_revocation{")) {
        found.emplace_back(absl::StripTrailingAsciiWhitespace(line));
      }
    }
    return found;
  };
  const std::string gauge =
      "sluice_organization_without_revocation{organization=\"hill-county\"} 1";
  EXPECT_THAT(metrics(), testing::ElementsAre(gauge)) << "and none of the others";

  deployment_.WriteConfiguration(revoked);
  deployment_.Reload();
  EXPECT_THAT(metrics(), testing::IsEmpty());

  deployment_.WriteConfiguration(unrevoked);
  deployment_.Signal(SIGHUP);
  deployment_.WaitForLine(kWarning);
  deployment_.WaitForLine("\"reload\"");
  EXPECT_THAT(metrics(), testing::ElementsAre(gauge));
}

TEST_F(Operation, MeasuresWhenEachMouEnds) {
  deployment_.End(SIGTERM);
  deployment_.WriteConfiguration(absl::StrCat(
      deployment_.Configuration(), "metrics: {listen: 127.0.0.1:0, port_file: metrics-port}\n"));
  deployment_.Start();
  const auto shown = [&] {
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(ReadFile(deployment_.Path("metrics-port")), &port));
    return GetMetrics(port);
  };
  constexpr char kGauge[] = "sluice_mou_end_timestamp_seconds{mou=\"pipeline\"} ";
  WaitFor("the term's end", [&] { return absl::StrContains(shown(), kGauge); });
  const auto admin = deployment_.Connect(deployment_.As(kProgram, "admin", "registrar"));
  v1::TerminateMouRequest end;
  end.set_name("mous/pipeline");
  end.set_reason(v1::TERMINATION_REASON_NO_REASON);
  end.mutable_effective()->set_year(2099);
  end.mutable_effective()->set_month(1);
  end.mutable_effective()->set_day(1);
  EXPECT_EQ(Reason(admin->TerminateMou(end).status()), "INVALID_ARGUMENT") << "after the term";
  end.clear_effective();
  Must(admin->TerminateMou(end).status());
  WaitFor("the end", [&] { return !absl::StrContains(shown(), kGauge); });
  constexpr char kDuty[] =
      "sluice_obligation_due_timestamp_seconds{mou=\"pipeline\",organization=\"river-unified\"} ";
  WaitFor("the duty that it opens", [&] { return absl::StrContains(shown(), kDuty); });
}

TEST_F(Operation, StopsAtOnceWhenNothingIsUnderWay) { EXPECT_EQ(deployment_.End(SIGTERM), 0); }

TEST_F(Operation, LetsAReleaseUnderWayEndBeforeItStops) {
  constexpr int kRecords = 60000;  // more than the transport holds on its way
  PublishMany(kRecords);
  const std::unique_ptr<client::Gateway> district = District();
  const std::unique_ptr<client::ReadStream> stream = district->ReadRecords(ReadRequest("pipeline"));
  v1::ReadRecordsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(response.has_header());

  deployment_.Signal(SIGTERM);
  int rows = 0;
  bool complete = false;
  while (stream->Read(&response)) {
    rows += response.batch().records_size();
    complete = response.has_trailer();
  }
  Must(stream->Finish());
  EXPECT_EQ(rows, kRecords);
  EXPECT_TRUE(complete);
  EXPECT_EQ(deployment_.Wait(), 0);
}

TEST_F(Operation, EachPageOfTheLogSaysWhereTheNextBegins) {
  const std::unique_ptr<client::Gateway> gateway =
      deployment_.Connect(deployment_.As("operator", "operator", "root"));
  v1::ListEntriesRequest request;
  request.set_page_size(2);
  const auto first = gateway->ListEntries(request);
  Must(first.status());
  ASSERT_EQ(first->entries_size(), 2);
  EXPECT_EQ(first->next_index(), first->entries(1).index() + 1);
  request.set_page_token(first->next_page_token());
  const auto second = gateway->ListEntries(request);
  Must(second.status());
  ASSERT_GT(second->entries_size(), 0);
  EXPECT_EQ(second->entries(0).index(), first->next_index());
  // One that shows nothing says how far it looked.
  v1::ListEntriesRequest none;
  none.set_type("none");
  const auto looked = gateway->ListEntries(none);
  Must(looked.status());
  EXPECT_EQ(looked->entries_size(), 0);
  EXPECT_EQ(looked->next_index(), looked->log_size());
  EXPECT_GT(looked->next_index(), second->entries(0).index());
}

TEST_F(Operation, KeepsEverythingAcrossARestart) {
  PublishMany(1000);
  const auto before = Release();
  ASSERT_EQ(before.size(), 1000);
  const std::unique_ptr<client::Gateway> gateway =
      deployment_.Connect(deployment_.As("operator", "operator", "root"));
  v1::ListEntriesRequest all;
  all.set_page_size(1000);
  const auto log_before = gateway->ListEntries(all);
  Must(log_before.status());

  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  deployment_.Start();

  EXPECT_EQ(Release(), before);
  const auto log_after =
      deployment_.Connect(deployment_.As("operator", "operator", "root"))->ListEntries(all);
  Must(log_after.status());
  ASSERT_GT(log_after->entries_size(), log_before->entries_size());
  for (int i = 0; i < log_before->entries_size(); ++i) {
    EXPECT_EQ(log_after->entries(i).body(), log_before->entries(i).body());
  }
  // Published again, nothing is new.
  const auto answer = Publish(*Program(), "again", 0, 1000);
  Must(answer.status());
  EXPECT_EQ(answer->unchanged_count(), 1000);
}

TEST_F(Operation, StartsFromABackupThatIsAsNewAsTheLogOnDisk) {
  PublishMany(100);
  const auto before = Release();
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  BackUpTo("backup.db");
  Restore("backup.db");
  deployment_.Start();
  EXPECT_EQ(Release(), before);
}

TEST_F(Operation, RefusesAStoreThatIsOlderThanTheLogOnDisk) {
  PublishMany(100);
  BackUpTo("backup.db");
  Release();  // is logged
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  Restore("backup.db");
  EXPECT_NE(deployment_.RunAnother(), 0);
}

TEST_F(Operation, RefusesToStartWhileAnotherGatewayHoldsTheStore) {
  EXPECT_NE(deployment_.RunAnother(), 0);
  EXPECT_EQ(Release().size(), 0);
}

TEST_F(Operation, ChecksAConfigurationWithoutStarting) {
  EXPECT_EQ(deployment_.Check(), 0);
  deployment_.WriteConfiguration(absl::StrCat(deployment_.Configuration(), "liste: 1\n"));
  EXPECT_NE(deployment_.Check(), 0);
}

}  // namespace
}  // namespace sluice::tests
