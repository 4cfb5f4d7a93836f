// One person with two ids, at the gateway's boundary: what a recipient sees of them before their
// owner says that they are one person, after, and once it no longer says so.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sluice/v1/person_records.pb.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

class Persons : public ::testing::Test {
 protected:
  Persons() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    program_ = deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
    district_ = deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
  }

  static v1::PersonIdentity IdentityOf(int number) {
    v1::PersonIdentity identity;
    identity.set_id_space("uri://sluice/IdSpaceDescriptor#candidate");
    identity.set_id(MakeCandidate(number).candidate_id());
    identity.set_person_id("ann");
    return identity;
  }
  v1::PublishRecordsResponse PublishIdentities(const std::string& request_id,
                                               const std::vector<v1::PersonIdentity>& identities) {
    v1::PublishRecordsRequest request;
    request.set_parent(absl::StrCat("organizations/", kProgram));
    request.set_record_type("PersonIdentity");
    request.set_request_id(request_id);
    for (const auto& identity : identities) request.add_records(identity.SerializeAsString());
    std::unique_ptr<client::PublishStream> stream = program_->PublishRecords();
    v1::PublishRecordsResponse response;
    EXPECT_TRUE(stream->Write(request) && stream->Read(&response));
    stream->WritesDone();
    return response;
  }

  // What the district gets as each candidate's id, by the candidate's number.
  std::map<std::string, std::string> Pseudonyms() {
    ReadRows rows;
    Must(Read(*district_, ReadRequest("pipeline"), rows));
    EXPECT_TRUE(rows.complete);
    std::map<std::string, std::string> pseudonyms;
    for (const v1::Candidate& candidate : rows.candidates) {
      pseudonyms[absl::StrCat(candidate.source().change_version())] = candidate.candidate_id();
    }
    return pseudonyms;
  }

  Deployment deployment_;
  std::unique_ptr<client::Gateway> program_;
  std::unique_ptr<client::Gateway> district_;
};

TEST_F(Persons, HaveOnePseudonymForAsLongAsTheirOwnerSaysThatTheyAreOne) {
  Must(Publish(*program_, "candidates", 1, 4));
  auto apart = Pseudonyms();
  ASSERT_EQ(apart.size(), 3u);
  EXPECT_NE(apart["1"], apart["2"]);

  const auto joined = PublishIdentities("join", {IdentityOf(1), IdentityOf(2)});
  ASSERT_EQ(joined.state(), v1::PUBLISH_STATE_COMMITTED) << joined.ShortDebugString();
  auto together = Pseudonyms();
  ASSERT_EQ(together.size(), 3u);
  EXPECT_EQ(together["1"], together["2"]);
  EXPECT_NE(together["1"], apart["1"]);
  EXPECT_NE(together["1"], apart["2"]);
  EXPECT_EQ(together["3"], apart["3"]);

  // The owner's dictionary, and the log's commitment to it, grow with merges and splits.
  v1::DeleteRecordsRequest part;
  part.set_parent(absl::StrCat("organizations/", kProgram));
  part.set_record_type("PersonIdentity");
  part.set_request_id("part");
  part.add_keys(IdentityOf(1).SerializeAsString());
  EXPECT_EQ(Must(program_->DeleteRecords(part)).deleted_count(), 1);
  auto again = Pseudonyms();
  EXPECT_NE(again["1"], again["2"]);
  for (const char* const candidate : {"1", "2"}) {
    EXPECT_NE(again[candidate], together["1"]);
    EXPECT_NE(again[candidate], apart["1"]);
    EXPECT_NE(again[candidate], apart["2"]);
  }
  EXPECT_EQ(again["3"], apart["3"]);

  // A withdraw of the split is a merge.
  v1::GetRecordStatusRequest status;
  status.set_parent(absl::StrCat("organizations/", kProgram));
  const auto counts = Must(program_->GetRecordStatus(status));
  EXPECT_EQ(counts.subject_count(), 6);  // three, one, two
  v1::WithdrawRecordsRequest withdraw;
  withdraw.set_parent(status.parent());
  withdraw.set_request_id("withdraw");
  withdraw.set_first_position(joined.position() + 1);
  withdraw.set_last_position(joined.position() + 1);
  Must(program_->WithdrawRecords(withdraw));
  auto back = Pseudonyms();
  EXPECT_EQ(back["1"], back["2"]);
  EXPECT_NE(back["1"], together["1"]);
  EXPECT_EQ(Must(program_->GetRecordStatus(status)).subject_count(), 7);

  // It all stands in the log: a new start folds and compares it.
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  deployment_.Start();
  district_ = deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
  EXPECT_EQ(Pseudonyms(), back);
}

TEST_F(Persons, AreToldWhatAnIdentityLacks) {
  v1::PersonIdentity identity = IdentityOf(1);
  identity.set_id_space("uri://sluice/IdSpaceDescriptor#person");
  const auto refused = PublishIdentities("lacks", {IdentityOf(2), identity});
  EXPECT_EQ(refused.state(), v1::PUBLISH_STATE_REFUSED);
  ASSERT_EQ(refused.bad_records_size(), 1);
  EXPECT_EQ(refused.bad_records(0).index(), 1);
  EXPECT_EQ(refused.bad_records(0).field(), "source_system");
  EXPECT_EQ(refused.bad_records(0).reason(), "KEY_MISSING");

  std::vector<v1::PersonIdentity> too_many;
  for (int i = 0; i < 65; ++i) too_many.push_back(IdentityOf(i));
  const auto refused_too = PublishIdentities("too-many", too_many);
  EXPECT_EQ(refused_too.state(), v1::PUBLISH_STATE_REFUSED);
  EXPECT_EQ(refused_too.error().code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_NE(refused_too.error().message().find("more than 64 ids"), std::string::npos)
      << refused_too.error().message();
}

}  // namespace
}  // namespace sluice::tests
