#include "server/organizations.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/digest.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "server/trust_files.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/organization_for_test.h"
#include "tests/support/reissued_ca.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromUnixMillis(1798761600000);  // as TurnedClock stands

// The makers of callers are Identity's.
class OperatorsForTest : public Identity {
 public:
  static Caller Make() {
    return MakeCaller({policy::PrincipalKind::kOperator, "", "pat-doe"},
                      "spiffe://sluice.example/operator/pat-doe", std::string(64, 'a'),
                      std::string(32, 'f'));
  }
};

class OrganizationsTest : public ::testing::Test {
 protected:
  OrganizationsTest() {
    WriteFiles(river_);
    config_.trust_domain = kTrustDomainForTest;
    config_.organizations = {ConfigOf(river_)};
    Start();
  }
  ~OrganizationsTest() override {
    organizations_.reset();
    log_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string Path(absl::string_view name) const { return absl::StrCat(directory_, "/", name); }
  void WriteFiles(const OrganizationForTest& organization) {
    const TrustAnchors anchors = organization.Anchors();
    for (const auto& [what, text] :
         {std::pair("ca", &anchors.ca_bundle), std::pair("crl", &anchors.crl)}) {
      std::ofstream(Path(absl::StrCat(anchors.organization, ".", what))) << *text;
    }
  }
  OrganizationConfig ConfigOf(const OrganizationForTest& organization) const {
    return {.name = organization.name(),
            .ca_bundle = Path(organization.name() + ".ca"),
            .crl = Path(organization.name() + ".crl")};
  }
  absl::Status TryStart() {
    organizations_.reset();
    log_.reset();
    store_.Restart();
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "gateway-1";
    options.tile_directory = Path("tiles");
    options.background_thread = false;
    log_ = AuditLog::Open(options, &store_, key_.get(), [this] { return clock_.Now(); }).value();
    organizations_ = std::make_unique<Organizations>(
        Organizations::Parts{&store_, log_.get(), Path("client-cas.pem")});
    return organizations_->TakeConfiguration(config_, "START");
  }
  void Start() {
    const absl::Status started = TryStart();
    ASSERT_TRUE(started.ok()) << started;
  }

  static StoredOrganization Of(const OrganizationForTest& from) {
    const TrustAnchors anchors = from.Anchors();
    return {.name = from.name(),
            .ca_bundle = anchors.ca_bundle,
            .crl = anchors.crl,
            .signatory_bundle = anchors.signatory_bundle,
            .signatory_crl = anchors.signatory_crl};
  }
  absl::StatusOr<StoredOrganization> Put(const StoredOrganization& organization,
                                         std::optional<uint64_t> replaces = std::nullopt) {
    return organizations_->Put(operator_, RequestNumber(++requests_), organization, replaces, kNow);
  }
  // Whether the organization's client would be a caller now.
  bool LetsIn(const OrganizationForTest& organization) const {
    return organizations_->Current()
        ->identity->Verify(organization.Client("system", "sis").certificate, kNow)
        .ok();
  }
  std::vector<std::string> Entries() const {
    std::vector<std::string> entries;
    EXPECT_TRUE(store_
                    .ReadLogRows(0, log_->size(),
                                 [&](const LogRow& row) {
                                   entries.push_back(row.body);
                                   return true;
                                 })
                    .ok());
    return entries;
  }
  std::string ClientCas() const {
    std::ifstream in(Path("client-cas.pem"));
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  const std::string directory_ = FreshDirectory();
  TurnedClock clock_;
  OrganizationForTest river_{"river-unified", kNow};
  OrganizationForTest hill_{"hill-county", kNow};
  Config config_;
  MemoryStore store_;
  const std::unique_ptr<const LogKey> key_ = MakeLogKey();
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Organizations> organizations_;
  const Caller operator_ = OperatorsForTest::Make();
  uint64_t requests_ = 0;
};

TEST_F(OrganizationsTest, LetsAnAddedOrganizationInAndKeepsTheOthers) {
  EXPECT_FALSE(LetsIn(hill_));
  const absl::StatusOr<StoredOrganization> put = Put(Of(hill_));
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_TRUE(LetsIn(hill_));
  EXPECT_TRUE(LetsIn(river_));
  EXPECT_EQ(ClientCas(), organizations_->Current()->identity->trust()->AllCaBundles());
  EXPECT_TRUE(absl::StrContains(ClientCas(), hill_.ca().certificate));
}

TEST_F(OrganizationsTest, LogsWhoChangedWhatBeforeItIsInForce) {
  const size_t begin = Entries().size();
  const StoredOrganization put = Put(Of(hill_)).value();
  std::vector<std::string> entries = Entries();
  ASSERT_THAT(entries, SizeIs(begin + 3));
  const std::string of_ca = policy::Sha256Digest(hill_.ca().certificate);
  EXPECT_EQ(put.log_index, begin);
  EXPECT_THAT(entries[begin], HasSubstr("\"action\":\"ORGANIZATION\""));
  EXPECT_THAT(entries[begin], HasSubstr("\"caller\":{\"operator\":"));
  EXPECT_THAT(entries[begin],
              HasSubstr(absl::StrCat("\"organization\":\"hill-county\",\"after\":{\"ca_bundle\":\"",
                                     of_ca, "\",\"crl\":\"", policy::Sha256Digest(put.crl), "\"")));
  EXPECT_FALSE(absl::StrContains(entries[begin], "pat-doe"));
  EXPECT_THAT(entries[begin + 1], HasSubstr(absl::StrCat("\"action\":\"CA_BUNDLE\",\"organization\""
                                                         ":\"hill-county\",\"digest\":\"",
                                                         of_ca)));

  const OrganizationForTest next("hill-county", kNow);
  StoredOrganization both = put;
  both.ca_bundle += next.ca().certificate;
  both.crl += next.Anchors().crl;
  const StoredOrganization rotated = Put(both, put.log_index).value();
  entries = Entries();
  ASSERT_THAT(entries, SizeIs(begin + 5));
  EXPECT_THAT(entries[begin + 3],
              HasSubstr(absl::StrCat("\"before\":{\"ca_bundle\":\"", of_ca, "\"")));
  EXPECT_THAT(entries[begin + 3],
              HasSubstr(absl::StrCat("\"after\":{\"ca_bundle\":\"",
                                     policy::Sha256Digest(rotated.ca_bundle), "\"")));
  EXPECT_TRUE(Concerns(entries[begin + 3], "hill-county"));
  EXPECT_FALSE(Concerns(entries[begin + 3], "river-unified"));
}

TEST_F(OrganizationsTest, AcceptsOldAndNewCaUntilTheOldIsTakenOut) {
  const OrganizationForTest next("hill-county", kNow);
  StoredOrganization both = Put(Of(hill_)).value();
  both.ca_bundle += next.ca().certificate;
  both.crl += next.Anchors().crl;
  const StoredOrganization rotated = Put(both, both.log_index).value();
  EXPECT_TRUE(LetsIn(hill_));
  EXPECT_TRUE(LetsIn(next));
  const Caller caller = organizations_->Current()
                            ->identity->Verify(hill_.Client("system", "sis").certificate, kNow)
                            .value();
  StoredOrganization only = Of(next);
  only.signatory_bundle = rotated.signatory_bundle;
  only.signatory_crl = rotated.signatory_crl;
  ASSERT_TRUE(Put(only, rotated.log_index).ok());
  EXPECT_FALSE(LetsIn(hill_));
  EXPECT_TRUE(LetsIn(next));
  EXPECT_FALSE(organizations_->Current()->identity->StillValid(caller, kNow).ok());
  EXPECT_FALSE(absl::StrContains(ClientCas(), hill_.ca().certificate));
}

TEST_F(OrganizationsTest, ARevocationBindsWithTheListThatHasIt) {
  const StoredOrganization put = Put(Of(hill_)).value();
  const pki::Credential lost = hill_.Client("system", "lost");
  const auto is_caller = [&] {
    return organizations_->Current()->identity->Verify(lost.certificate, kNow).ok();
  };
  EXPECT_TRUE(is_caller());
  hill_.Revoke(lost, kNow - absl::Hours(1));
  hill_.crl().this_update += absl::Hours(1);
  StoredOrganization changed = put;
  changed.crl = Of(hill_).crl;
  ASSERT_TRUE(Put(changed, put.log_index).ok());
  EXPECT_FALSE(is_caller());
  EXPECT_TRUE(LetsIn(hill_));
}

TEST_F(OrganizationsTest, HoldsOverARestart) {
  StoredOrganization organization = Of(hill_);
  organization.display_name = "Hill County";
  const StoredOrganization put = Put(organization).value();
  Start();
  EXPECT_TRUE(LetsIn(hill_));
  EXPECT_TRUE(LetsIn(river_));
  const auto& known = organizations_->Current()->organizations.at("hill-county");
  EXPECT_FALSE(known.configured);
  EXPECT_EQ(known.stored.display_name, "Hill County");
  EXPECT_EQ(known.stored.log_index, put.log_index);
  EXPECT_TRUE(organizations_->Current()->organizations.at("river-unified").configured);
  // Each bundle in force is an entry of the start.
  EXPECT_THAT(Entries().back(), HasSubstr("CA_BUNDLE"));
  EXPECT_THAT(Entries().back(), HasSubstr("hill-county"));
}

TEST_F(OrganizationsTest, HoldsOverAReload) {
  ASSERT_TRUE(Put(Of(hill_)).ok());
  const size_t begin = Entries().size();
  ASSERT_TRUE(organizations_->TakeConfiguration(config_, "RELOAD").ok());
  EXPECT_TRUE(LetsIn(hill_));
  // Nothing came into force by it.
  EXPECT_THAT(Entries(), SizeIs(begin + 1));
}

TEST_F(OrganizationsTest, RefusesAStateThatIsNotTheOneLookedAt) {
  const StoredOrganization first = Put(Of(hill_)).value();
  StoredOrganization mine = first;
  mine.display_name = "Mine";
  StoredOrganization theirs = first;
  theirs.display_name = "Theirs";
  ASSERT_TRUE(Put(mine, first.log_index).ok());
  EXPECT_EQ(ReasonOf(Put(theirs, first.log_index).status()), "ETAG_MISMATCH");
  EXPECT_EQ(organizations_->Current()->organizations.at("hill-county").stored.display_name, "Mine");
}

TEST_F(OrganizationsTest, RefusesASecondOfTheName) {
  ASSERT_TRUE(Put(Of(hill_)).ok());
  EXPECT_EQ(ReasonOf(Put(Of(hill_)).status()), "ALREADY_EXISTS");
  StoredOrganization another = Of(hill_);
  another.name = "river-unified";
  EXPECT_EQ(ReasonOf(Put(another).status()), "ALREADY_EXISTS");
}

TEST_F(OrganizationsTest, LeavesWhatTheConfigurationFileHasToIt) {
  const StoredOrganization now =
      organizations_->Current()->organizations.at("river-unified").stored;
  EXPECT_EQ(ReasonOf(Put(now, now.log_index).status()), "ORGANIZATION_IN_CONFIGURATION");
  EXPECT_EQ(ReasonOf(Put(Of(hill_), 3).status()), "NOT_FOUND");
}

TEST_F(OrganizationsTest, RefusesTheKeyOfAnotherOrganizationsCaInWhicheverCertificate) {
  for (const std::string& theirs : {river_.ca().certificate, Reissued(river_.ca())}) {
    const absl::Status status =
        Put({.name = "hill-county", .ca_bundle = hill_.ca().certificate + theirs}).status();
    EXPECT_EQ(ReasonOf(status), "INVALID_ARGUMENT");
    EXPECT_THAT(std::string(status.message()), HasSubstr("has the key of a CA of hill-county"));
  }
  EXPECT_FALSE(LetsIn(hill_));
}

TEST_F(OrganizationsTest, RefusesTheKeyOfAnotherOrganizationsSignatoryCa) {
  StoredOrganization mine = Of(hill_);
  ASSERT_TRUE(Put(mine).ok());
  StoredOrganization theirs{.name = "valley", .ca_bundle = hill_.signatory_ca().certificate};
  const absl::Status status = Put(theirs).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_ARGUMENT");
  EXPECT_THAT(std::string(status.message()), HasSubstr("has the key of a CA of hill-county"));
}

TEST_F(OrganizationsTest, ChangesNothingWhereTheLogCantBeWritten) {
  const std::string cas = ClientCas();
  store_.FailNextCommit(/*persisted=*/false);
  EXPECT_EQ(ReasonOf(Put(Of(hill_)).status()), "AUDIT_UNAVAILABLE");
  EXPECT_FALSE(LetsIn(hill_));
  EXPECT_EQ(ClientCas(), cas);
  Start();
  EXPECT_FALSE(LetsIn(hill_));
}

TEST_F(OrganizationsTest, ChangesNothingWhereTheClientCasCantBeWritten) {
  const size_t begin = Entries().size();
  std::filesystem::create_directory(Path("client-cas.pem.new"));
  EXPECT_FALSE(Put(Of(hill_)).ok());
  EXPECT_FALSE(LetsIn(hill_));
  EXPECT_THAT(Entries(), SizeIs(begin));
  EXPECT_THAT(store_.Organizations(0).value(), IsEmpty());
}

TEST_F(OrganizationsTest, WhatIsAsItWasMakesNoEntry) {
  const StoredOrganization put = Put(Of(hill_)).value();
  const size_t begin = Entries().size();
  EXPECT_EQ(Put(put, put.log_index)->log_index, put.log_index);
  EXPECT_THAT(Entries(), SizeIs(begin));
}

TEST_F(OrganizationsTest, RefusesAFileThatHasWhatWasAdded) {
  ASSERT_TRUE(Put(Of(hill_)).ok());
  WriteFiles(hill_);
  config_.organizations.push_back(ConfigOf(hill_));
  const absl::Status reloaded = organizations_->TakeConfiguration(config_, "RELOAD");
  EXPECT_THAT(std::string(reloaded.message()), HasSubstr("take it out of the file"));
  EXPECT_TRUE(LetsIn(hill_));
  EXPECT_FALSE(TryStart().ok());
}

TEST_F(OrganizationsTest, RefusesAStoreThatIsNotWhatTheLogSays) {
  const StoredOrganization put = Put(Of(hill_)).value();
  const OrganizationForTest forger("hill-county", kNow);
  const auto forge = [&](StoredOrganization forged) {
    EXPECT_TRUE(
        store_
            .Commit(
                {.apply = [&](Transaction& t) { return t.PutOrganization(forged, put.log_index); }})
            .ok());
    const absl::Status started = TryStart();
    forged = put;
    return started;
  };
  StoredOrganization forged = put;
  forged.ca_bundle = forger.ca().certificate;
  EXPECT_TRUE(absl::IsDataLoss(forge(forged)));
  forged = put;
  forged.crl.clear();
  EXPECT_TRUE(absl::IsDataLoss(forge(forged)));
  forged = put;
  forged.signatory_bundle = forger.signatory_ca().certificate;
  EXPECT_TRUE(absl::IsDataLoss(forge(forged)));
  forged = put;
  forged.signatory_crl.clear();
  EXPECT_TRUE(absl::IsDataLoss(forge(forged)));
  EXPECT_TRUE(forge(put).ok());
}

TEST_F(OrganizationsTest, NamesThoseWithoutRevocation) {
  EXPECT_THAT(organizations_->Current()->WithoutRevocation(), IsEmpty());
  ASSERT_TRUE(Put({.name = "hill-county", .ca_bundle = hill_.ca().certificate}).ok());
  EXPECT_THAT(organizations_->Current()->WithoutRevocation(), ElementsAre("hill-county"));
}

}  // namespace
}  // namespace sluice::server
