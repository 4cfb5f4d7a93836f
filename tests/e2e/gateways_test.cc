// Two gateways on one PostgreSQL, as processes: what is done at one holds at the other, their log
// is one log, and neither goes by what it can't see to hold.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "client/error.h"
#include "client/pki_directory.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "tests/e2e/gateways_fixture.h"
#include "tests/e2e/held_read.h"
#include "tests/support/cutting_proxy.h"

namespace sluice::tests {
namespace {

constexpr char kNew[] = "valley-college";
constexpr int kBatch = 500;

TEST_F(Gateways, GiveOutAtOneWhatWasPublishedAtTheOther) {
  StartBoth();
  // Taken in by the first one, after both have begun: the second has no such document.
  a_.ProposeSigned("pipeline");
  a_.Reload();
  Must(Publish(*a_.Connect(program_), "one", 0, 100).status());
  WaitFor("the MOU at the other", [&] {
    ReadRows rows;
    return ReadAll(b_, rows);
  });
  EXPECT_EQ(Rows(b_), 100u);
  Must(Publish(*b_.Connect(program_), "two", 50, 150).status());
  EXPECT_EQ(Rows(a_), 150u);
  // The same request again, at the other gateway, is answered as it was.
  EXPECT_EQ(Must(Publish(*a_.Connect(program_), "two", 50, 150)).new_count(), 50);

  // A row has one id, whoever gives it out.
  ReadRows at_a, at_b;
  ASSERT_TRUE(ReadAll(a_, at_a) && ReadAll(b_, at_b));
  EXPECT_EQ(at_a.row_ids, at_b.row_ids);
  EXPECT_EQ(at_a.candidates[0].candidate_id(), at_b.candidates[0].candidate_id());
}

TEST_F(Gateways, UnderstandOneAnothersPageTokensAndDecisions) {
  a_.ProposeSigned("pipeline");
  StartBoth();
  Must(Publish(*a_.Connect(program_), "one", 0, 3000).status());
  ReadRows whole;
  ASSERT_TRUE(ReadAll(a_, whole));
  std::vector<std::string> row_ids;
  v1::ReadRecordsRequest request = ReadRequest("pipeline");
  {
    const auto gateway = a_.Connect(district_);
    const auto stream = gateway->ReadRecords(request);
    v1::ReadRecordsResponse message;
    while (row_ids.empty() && stream->Read(&message)) {
      row_ids.assign(message.batch().row_ids().begin(), message.batch().row_ids().end());
    }
    request.set_page_token(message.batch().next_page_token());
  }
  ReadRows rest;
  Must(Read(*b_.Connect(district_), request, rest));
  row_ids.insert(row_ids.end(), rest.row_ids.begin(), rest.row_ids.end());
  EXPECT_EQ(row_ids, whole.row_ids);

  v1::ExplainDecisionRequest explain;
  explain.set_decision_id(whole.header.decision_id());
  EXPECT_TRUE(Must(b_.Connect(district_)->ExplainDecision(explain)).decision().permit());
}

TEST_F(Gateways, LetInAndShutOutAtOnceWhomAnOperatorChangedAtTheOther) {
  StartBoth();
  const std::string pki = a_.Path("pki").string();
  pki::InitOptions options;
  options.now = absl::Now();
  Must(pki::InitOrganization(pki, kTrustDomain, kNew, options).status());
  const Identity system = a_.As(kNew, "system", "sis");
  const auto file = [&](const char* name) { return absl::StrCat(pki, "/", kNew, "/", name); };
  ASSERT_EQ(
      Sluice(a_, operator_,
             absl::StrCat("organization add ", kNew, " --ca-bundle ", file("ca.pem"), " --crl ",
                          file("crl.pem"), " --signatory-bundle ", file("signatory-ca.pem"),
                          " --signatory-crl ", file("signatory-crl.pem"))),
      0)
      << Told();
  WaitFor("the added organization at the other",
          [&] { return b_.Connect(system)->ListGrants({}).ok(); });

  // Its publish runs at the other when its certificate is revoked at the first.
  const auto gateway = b_.Connect(system);
  const auto publish = gateway->PublishRecords();
  int batches = 0;
  const auto publish_one = [&] {
    v1::PublishRecordsRequest batch;
    batch.set_parent(absl::StrCat("organizations/", kNew));
    batch.set_record_type("Candidate");
    batch.set_request_id(absl::StrCat("batch-", batches));
    batch.add_records(MakeCandidate(batches++).SerializeAsString());
    v1::PublishRecordsResponse answer;
    return publish->Write(batch) && publish->Read(&answer) && answer.new_count() == 1;
  };
  ASSERT_TRUE(publish_one());
  a_.Revoke(kNew, system, absl::Now());
  ASSERT_EQ(Sluice(a_, operator_,
                   absl::StrCat("organization renew-crl ", kNew, " --crl ", file("crl.pem"))),
            0)
      << Told();
  const absl::Time revoked = absl::Now();
  while (publish_one()) ASSERT_LT(absl::Now() - revoked, absl::Seconds(30));
  RecordProperty("bound_after_ms",
                 static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - revoked)));
  EXPECT_EQ(Reason(publish->Finish()), "UNAUTHENTICATED");
  EXPECT_EQ(Reason(b_.Connect(system)->ListGrants({}).status()), "UNAUTHENTICATED");
}

TEST_F(Gateways, EndARunningReleaseWhenASignatureIsVoidAtTheOther) {
  a_.ProposeSigned("pipeline");
  StartBoth();
  PublishMany(b_);
  HeldRead read(b_, district_);
  a_.Revoke(kDistrict, a_.As(kDistrict, "signatory", "provost"), absl::Now() - absl::Hours(48));
  a_.Reload();
  WaitFor("the denial at the other", [&] {
    ReadRows rows;
    return Reason(Read(*b_.Connect(district_), ReadRequest("pipeline"), rows)) == "NOT_SIGNED";
  });
  EXPECT_EQ(Reason(read.GoOn()), "NOT_SIGNED");
  EXPECT_FALSE(read.complete());
  EXPECT_LT(read.rows(), kManyRows);
}

TEST_F(Gateways, EndARunningReleaseWhenSomebodyOptsOutAtTheOther) {
  a_.ProposeSigned("pipeline");
  StartBoth();
  PublishMany(b_);
  HeldRead read(b_, district_);
  v1::OptOutRequest opt_out;
  opt_out.set_parent(absl::StrCat("organizations/", kProgram));
  opt_out.add_subjects()->set_id_space("candidate");
  opt_out.mutable_subjects(0)->set_id(MakeCandidate(kManyRows - 1).candidate_id());
  Must(a_.Connect(a_.As(kProgram, "admin", "registrar"))->OptOut(opt_out).status());
  // What the other saw last counts for half a second at most.
  absl::SleepFor(absl::Milliseconds(600));
  EXPECT_EQ(Reason(read.GoOn()), "RECORDS_RETRACTED");
  EXPECT_LT(read.rows(), kManyRows);
  EXPECT_EQ(Rows(a_), static_cast<size_t>(kManyRows - 1));
  EXPECT_EQ(Rows(b_), static_cast<size_t>(kManyRows - 1));
}

TEST_F(Gateways, EndARunningReleaseWhenItsMouIsSuspendedAtTheOther) {
  a_.ProposeSigned("pipeline");
  StartBoth();
  PublishMany(b_);
  HeldRead read(b_, district_);
  const Identity admin = a_.As(kProgram, "admin", "registrar");
  v1::SuspendMouRequest suspend;
  suspend.set_name("mous/pipeline");
  Must(a_.Connect(admin)->SuspendMou(suspend).status());
  // What the other saw last counts for half a second at most.
  absl::SleepFor(absl::Milliseconds(600));
  EXPECT_EQ(Reason(read.GoOn()), "SUSPENDED");
  EXPECT_LT(read.rows(), kManyRows);
  v1::ResumeMouRequest resume;
  resume.set_name("mous/pipeline");
  Must(b_.Connect(admin)->ResumeMou(resume).status());
  WaitFor("the release at the first", [&] {
    ReadRows rows;
    return ReadAll(a_, rows) && rows.row_ids.size() == static_cast<size_t>(kManyRows);
  });
}

TEST_F(Gateways, PublishAndReadAtOnceInOneLogThoughOneIsKilled) {
  a_.ProposeSigned("pipeline");
  StartBoth();
  std::atomic<bool> stop = false;
  // Each publishes batches of its own range, and counts those that were acknowledged.
  const auto publish = [&](const Deployment& gateway, int range, std::atomic<int>& acknowledged) {
    const auto connection = gateway.Connect(program_);
    while (!stop) {
      const int begin = range + acknowledged * kBatch;
      if (!Publish(*connection, absl::StrCat("batch-", begin), begin, begin + kBatch).ok()) return;
      ++acknowledged;
    }
  };
  // What was received, by the decision under which it was.
  const auto read = [&](const Deployment& gateway, std::vector<std::string>& decisions) {
    const auto connection = gateway.Connect(district_);
    while (!stop) {
      ReadRows rows;
      const absl::Status status = Read(*connection, ReadRequest("pipeline"), rows);
      if (!rows.row_ids.empty()) decisions.push_back(rows.header.decision_id());
      if (!status.ok()) return;
    }
  };
  std::atomic<int> of_a = 0, of_b = 0;
  std::vector<std::string> decisions_a, decisions_b;
  std::thread publish_a([&] { publish(a_, 0, of_a); });
  std::thread publish_b([&] { publish(b_, 1'000'000, of_b); });
  std::thread read_a([&] { read(a_, decisions_a); });
  std::thread read_b([&] { read(b_, decisions_b); });
  WaitFor("publishes at both", [&] { return of_a >= 5 && of_b >= 5; });
  EXPECT_EQ(a_.End(SIGKILL), -SIGKILL);
  const int before = of_b;
  WaitFor("the other to go on", [&] { return of_b >= before + 5; });
  stop = true;
  for (std::thread* thread : {&publish_a, &publish_b, &read_a, &read_b}) thread->join();
  EXPECT_FALSE(decisions_a.empty());
  EXPECT_FALSE(decisions_b.empty());

  a_.Start();
  for (const Deployment* gateway : {&a_, &b_}) {
    ReadRows rows;
    ASSERT_TRUE(ReadAll(*gateway, rows));
    std::set<int> numbers;
    for (const v1::Candidate& candidate : rows.candidates) {
      numbers.insert(static_cast<int>(candidate.source().change_version()));
    }
    for (int number = 0; number < of_a * kBatch; ++number) {
      ASSERT_TRUE(numbers.contains(number)) << "acknowledged, and lost";
    }
    for (int number = 0; number < of_b * kBatch; ++number) {
      ASSERT_TRUE(numbers.contains(1'000'000 + number)) << "acknowledged, and lost";
    }
    // What one decided the other knows of.
    decisions_a.insert(decisions_a.end(), decisions_b.begin(), decisions_b.end());
    for (const std::string& decision : decisions_a) {
      v1::ExplainDecisionRequest explain;
      explain.set_decision_id(decision);
      EXPECT_TRUE(gateway->Connect(district_)->ExplainDecision(explain).ok()) << decision;
    }
  }
  // One after the other continues what was verified of the first.
  ExpectLogVerifies(a_, "log");
  ExpectLogVerifies(b_, "second.log");
}

TEST_F(Gateways, TakeInADocumentOnceThatLiesInBothInboxes) {
  a_.ProposeSigned("pipeline");
  for (const char* file :
       {"pipeline.yaml", "pipeline.yaml.state-university.p7s", "pipeline.yaml.river-unified.p7s"}) {
    WriteFile(b_.Path(absl::StrCat("second.mous/", file)),
              ReadFile(a_.Path(absl::StrCat("mous/", file))));
  }
  StartBoth();
  b_.Reload();
  ASSERT_EQ(Sluice(b_, operator_, "audit log --type mou --limit 1000 --output ndjson"), 0)
      << Told();
  const std::string log = Told();
  for (const char* state : {"\"state\":\"SIGNED\"", "\"state\":\"ACTIVE\""}) {
    size_t count = 0;
    for (size_t at = log.find(state); at != std::string::npos; at = log.find(state, at + 1))
      ++count;
    EXPECT_EQ(count, 1u) << state << "\n" << log;
  }
}

TEST_F(Gateways, RefuseASecondOneOfTheirNameOrWithOtherKeys) {
  a_.Start();
  Deployment twin(a_, "test");
  StoreAt(twin, server_->TcpSettings(database_));
  EXPECT_NE(twin.RunAnother(), 0) << "of the same name";
  b_.WriteConfiguration(
      absl::StrReplaceAll(ReadFile(b_.Path("second.sluiced.yaml")), {{"keys: keys", "keys: own"}}));
  EXPECT_NE(b_.RunAnother(), 0) << "with keys of its own";
  Deployment beside(a_, "third");
  StoreAt(beside, server_->TcpSettings(database_));
  beside.WriteConfiguration(absl::StrReplaceAll(ReadFile(beside.Path("third.sluiced.yaml")),
                                                {{"tiles: third.log", "tiles: log"}}));
  EXPECT_NE(beside.RunAnother(), 0) << "with the other's tile directory";
  EXPECT_TRUE(a_.Connect(district_)->ListGrants({}).ok());
}

// The second one's way to the database leads through a proxy.
class GatewaysApart : public Gateways {
 protected:
  GatewaysApart() : proxy_(ProxyDirectory(), server_->port(), server_->socket()) {
    StoreAt(b_, server_->SocketSettings(database_, ProxyDirectory()));
    a_.ProposeSigned("pipeline");
    StartBoth();
    PublishMany(a_);
  }
  std::string ProxyDirectory() const { return a_.Path("mous").parent_path().string(); }
  absl::Status ReadAtB() {
    ReadRows rows;
    return Read(*b_.Connect(district_), ReadRequest("pipeline"), rows);
  }

  server::CuttingProxy proxy_;
};

TEST_F(GatewaysApart, OneThatLosesItsDatabaseEndsItsReleasesAndGoesOnByItself) {
  HeldRead held(b_, district_);
  std::atomic<int> whole = 0;
  absl::Status ended;
  std::thread reader([&] {
    while (ended.ok()) {
      ended = ReadAtB();
      if (ended.ok()) ++whole;
    }
  });
  WaitFor("a whole read", [&] { return whole > 0; });
  const absl::Time since = absl::Now();
  proxy_.HangAll();
  reader.join();
  RecordProperty("ended_after_ms",
                 static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - since)));
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  // Long before the database's connections would be given up.
  EXPECT_LT(absl::Now() - since, absl::Seconds(15));
  const absl::Status of_held = held.GoOn();
  EXPECT_TRUE(absl::IsUnavailable(of_held)) << of_held;
  EXPECT_FALSE(held.complete());
  EXPECT_LT(held.rows(), kManyRows);
  EXPECT_EQ(Reason(b_.Connect(district_)->ListGrants({}).status()), "STATE_UNAVAILABLE");
  // Where it was cut off in its turn to write, the server ends that session first.
  WaitFor("the other one", [&] {
    ReadRows rows;
    return ReadAll(a_, rows) && rows.row_ids.size() == static_cast<size_t>(kManyRows);
  });

  proxy_.Heal();
  WaitFor("the one that was cut off", [&] { return ReadAtB().ok(); });
}

TEST_F(GatewaysApart, OneThatWasStoppedSendsNothingByWhatItKnew) {
  HeldRead held(b_, district_);
  // First: what is on its way to one that is stopped would never arrive, and hold the proxy up.
  proxy_.HangAll();
  b_.Signal(SIGSTOP);
  int status = 0;
  ASSERT_EQ(waitpid(b_.process(), &status, WUNTRACED), b_.process());
  ASSERT_TRUE(WIFSTOPPED(status));
  // When it continues it remembers a signature that is void, and can't ask.
  a_.Revoke(kDistrict, a_.As(kDistrict, "signatory", "provost"), absl::Now() - absl::Hours(48));
  a_.Reload();
  absl::SleepFor(absl::Milliseconds(600));  // until what it saw last is too old
  b_.Signal(SIGCONT);
  const absl::Status ended = held.GoOn();
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  EXPECT_FALSE(held.complete());
  EXPECT_LT(held.rows(), kManyRows);

  proxy_.Heal();
  WaitFor("the denial", [&] { return Reason(ReadAtB()) == "NOT_SIGNED"; });
}

}  // namespace
}  // namespace sluice::tests
