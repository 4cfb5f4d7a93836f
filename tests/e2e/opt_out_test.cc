// Opt-outs at a gateway that runs, on both engines: over a kill, by ids that are joined, and about
// persons whom nobody knows yet.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sluice/v1/person_records.pb.h"
#include "tests/e2e/stored_deployment.h"

namespace sluice::tests {
namespace {

class OptOuts : public OnBothEngines {
 protected:
  void SetUp() override {
    deployment_.Start();
    Must(Publish(*deployment_.Program(), "batch", 0, 10).status());
    ASSERT_EQ(deployment_.CountReleased(), 10u);
  }
  template <typename Request>
  static Request Of(const std::vector<int>& candidates) {
    Request request;
    request.set_parent(absl::StrCat("organizations/", kProgram));
    for (const int number : candidates) {
      v1::SubjectId& subject = *request.add_subjects();
      subject.set_id_space("candidate");
      subject.set_id(MakeCandidate(number).candidate_id());
    }
    return request;
  }
  std::unique_ptr<client::Gateway> Admin() {
    return deployment_.Connect(deployment_.As(kProgram, "admin", "registrar"));
  }
  int OptOut(const std::vector<int>& candidates) {
    return Must(Admin()->OptOut(Of<v1::OptOutRequest>(candidates))).changed_count();
  }
};

TEST_P(OptOuts, HoldOverAKillAndAreTakenBack) {
  EXPECT_EQ(OptOut({1, 2}), 2);
  EXPECT_EQ(deployment_.CountReleased(), 8u);
  deployment_.End(SIGKILL);
  deployment_.Start();
  EXPECT_EQ(deployment_.CountReleased(), 8u);
  EXPECT_EQ(OptOut({2, 3}), 1);
  EXPECT_EQ(deployment_.CountReleased(), 7u);
  EXPECT_EQ(Must(Admin()->OptIn(Of<v1::OptInRequest>({1, 2, 3}))).changed_count(), 3);
  EXPECT_EQ(deployment_.CountReleased(), 10u);
  deployment_.End(SIGTERM);
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
}

TEST_P(OptOuts, HoldForWhomNobodyHasPublishedYet) {
  EXPECT_EQ(OptOut({10}), 1);
  Must(Publish(*deployment_.Program(), "more", 10, 12).status());
  EXPECT_EQ(deployment_.CountReleased(), 11u);
}

TEST_P(OptOuts, HoldForWhoeverBecomesKnownAsTheSamePerson) {
  EXPECT_EQ(OptOut({1}), 1);
  EXPECT_EQ(deployment_.CountReleased(), 9u);
  v1::PublishRecordsRequest join;
  join.set_parent(absl::StrCat("organizations/", kProgram));
  join.set_record_type("PersonIdentity");
  join.set_request_id("join");
  for (const int number : {1, 2, 3}) {
    v1::PersonIdentity identity;
    identity.set_id_space("uri://sluice/IdSpaceDescriptor#candidate");
    identity.set_id(MakeCandidate(number).candidate_id());
    identity.set_person_id("ann");
    join.add_records(identity.SerializeAsString());
  }
  std::unique_ptr<client::PublishStream> stream = deployment_.Program()->PublishRecords();
  v1::PublishRecordsResponse response;
  ASSERT_TRUE(stream->Write(join) && stream->Read(&response));
  stream->WritesDone();
  ASSERT_EQ(response.state(), v1::PUBLISH_STATE_COMMITTED) << response.ShortDebugString();
  EXPECT_EQ(deployment_.CountReleased(), 7u);
  const v1::CheckOptOutsResponse found =
      Must(Admin()->CheckOptOuts(Of<v1::CheckOptOutsRequest>({2, 5})));
  EXPECT_TRUE(found.statuses(0).all_purposes());
  EXPECT_FALSE(found.statuses(1).all_purposes());
}

INSTANTIATE_TEST_SUITE_P(Engines, OptOuts, testing::Values(Engine::kSqlite, Engine::kPostgres),
                         EngineName);

}  // namespace
}  // namespace sluice::tests
