// Organizations of several gateways on one store: a change at one is in force at the others, and
// two changes that do not go together are never both made.
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/error.h"
#include "server/organizations.h"
#include "tests/support/log_fixture.h"
#include "tests/support/organization_for_test.h"
#include "tests/support/shared_memory_store.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = TurnedClock().Now();

// The makers of callers are Identity's.
class OperatorsForTest : public Identity {
 public:
  static Caller Make() {
    return MakeCaller({policy::PrincipalKind::kOperator, "", "pat-doe"},
                      "spiffe://sluice.example/operator/pat-doe", std::string(64, 'a'),
                      std::string(32, 'f'));
  }
};

// A store on whose way to a commit something else happens first.
class RacingStore : public SharedMemoryStore {
 public:
  using SharedMemoryStore::SharedMemoryStore;
  void Submit(Work work) override {
    if (before_next) std::exchange(before_next, nullptr)();
    SharedMemoryStore::Submit(std::move(work));
  }
  std::function<void()> before_next;
};

struct Gateway {
  Gateway(const std::string& name, const std::string& directory, MemoryStore* shared,
          const LogKey* key, const Config& config)
      : client_cas(absl::StrCat(directory, "/cas-", name)), store(shared) {
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = name;
    options.tile_directory = absl::StrCat(directory, "/tiles-", name);
    options.background_thread = false;
    log = AuditLog::Open(options, &store, key, [] { return kNow; }).value();
    organizations =
        std::make_unique<Organizations>(Organizations::Parts{&store, log.get(), client_cas});
    const absl::Status started = organizations->TakeConfiguration(config, "START");
    EXPECT_TRUE(started.ok()) << started;
  }

  const std::string client_cas;
  RacingStore store;
  std::unique_ptr<AuditLog> log;
  std::unique_ptr<Organizations> organizations;
};

class SharedOrganizationsTest : public ::testing::Test {
 protected:
  SharedOrganizationsTest() : directory_(FreshDirectory()) {
    config_.trust_domain = kTrustDomainForTest;
    a_.emplace("a", directory_, &store_, key_.get(), config_);
    b_.emplace("b", directory_, &store_, key_.get(), config_);
  }
  ~SharedOrganizationsTest() override {
    a_.reset();
    b_.reset();
    std::filesystem::remove_all(directory_);
  }

  static StoredOrganization Of(const OrganizationForTest& from) {
    const TrustAnchors anchors = from.Anchors();
    return {.name = from.name(),
            .ca_bundle = anchors.ca_bundle,
            .crl = anchors.crl,
            .signatory_bundle = anchors.signatory_bundle,
            .signatory_crl = anchors.signatory_crl};
  }
  absl::StatusOr<StoredOrganization> Put(Gateway& gateway, const StoredOrganization& organization,
                                         std::optional<uint64_t> replaces = std::nullopt) {
    return gateway.organizations->Put(operator_, RequestNumber(++requests_), organization, replaces,
                                      kNow);
  }
  static bool LetsIn(const Gateway& gateway, const pki::Credential& client) {
    return gateway.organizations->Current()->identity->Verify(client.certificate, kNow).ok();
  }
  static std::string ClientCas(const Gateway& gateway) {
    std::ifstream in(gateway.client_cas);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  size_t CountStored() const { return store_.Organizations(0)->size(); }

  const Caller operator_ = OperatorsForTest::Make();
  uint64_t requests_ = 0;
  OrganizationForTest river_{"river-unified", kNow};
  OrganizationForTest hill_{"hill-county", kNow};
  const pki::Credential client_ = river_.Client("system", "sis");
  const std::string directory_;
  MemoryStore store_;
  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  Config config_;
  std::optional<Gateway> a_, b_;
};

TEST_F(SharedOrganizationsTest, LetsInAndShutsOutEverywhereWhatOneDoes) {
  const auto added = Put(*a_, Of(river_));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_FALSE(LetsIn(*b_, client_));
  ASSERT_TRUE(b_->organizations->CatchUp().ok());
  EXPECT_TRUE(LetsIn(*b_, client_));
  EXPECT_THAT(ClientCas(*b_), HasSubstr(added->ca_bundle));

  river_.Revoke(client_, kNow);
  StoredOrganization renewed = *added;
  renewed.crl = river_.Anchors().crl;
  ASSERT_TRUE(Put(*a_, renewed, added->log_index).ok());
  EXPECT_TRUE(LetsIn(*b_, client_));
  ASSERT_TRUE(b_->organizations->CatchUp().ok());
  EXPECT_FALSE(LetsIn(*b_, client_));
  EXPECT_TRUE(LetsIn(*b_, river_.Client("system", "other")));
}

TEST_F(SharedOrganizationsTest, ChangesOnlyWhatItHasTakenOver) {
  const auto added = Put(*a_, Of(river_));
  ASSERT_TRUE(added.ok()) << added.status();
  // It knows of the other's without being asked to catch up.
  EXPECT_EQ(ReasonOf(Put(*b_, Of(river_)).status()), "ALREADY_EXISTS");
  StoredOrganization mine = *added, theirs = *added;
  mine.display_name = "Mine";
  theirs.display_name = "Theirs";
  ASSERT_TRUE(Put(*b_, mine, added->log_index).ok());
  EXPECT_EQ(ReasonOf(Put(*a_, theirs, added->log_index).status()), "ETAG_MISMATCH");
  EXPECT_EQ(a_->organizations->Current()->organizations.at("river-unified").stored.display_name,
            "Mine");
}

TEST_F(SharedOrganizationsTest, OfTwoThatAddTheSameAtOnceOneDoes) {
  b_->store.before_next = [this] { ASSERT_TRUE(Put(*a_, Of(river_)).ok()); };
  EXPECT_EQ(ReasonOf(Put(*b_, Of(river_)).status()), "ALREADY_EXISTS");
  EXPECT_EQ(CountStored(), 1u);
}

TEST_F(SharedOrganizationsTest, NeverGivesTwoOrganizationsOneCaHoweverTheyAreAdded) {
  StoredOrganization thief = Of(river_);
  thief.name = "thief-county";
  b_->store.before_next = [this] { ASSERT_TRUE(Put(*a_, Of(river_)).ok()); };
  const absl::Status refused = Put(*b_, thief).status();
  EXPECT_EQ(ReasonOf(refused), "INVALID_ARGUMENT");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has the key of a CA of "));
  EXPECT_EQ(CountStored(), 1u);
  EXPECT_TRUE(a_->organizations->CatchUp().ok());
  EXPECT_TRUE(b_->organizations->CatchUp().ok());
}

TEST_F(SharedOrganizationsTest, AddsAnotherAlthoughOneWasFaster) {
  b_->store.before_next = [this] { ASSERT_TRUE(Put(*a_, Of(river_)).ok()); };
  const auto added = Put(*b_, Of(hill_));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(CountStored(), 2u);
  EXPECT_TRUE(LetsIn(*b_, client_));
}

TEST_F(SharedOrganizationsTest, SaysThatAChangeDoesNotGoWithItsOwnConfiguration) {
  const TrustAnchors anchors = river_.Anchors();
  std::ofstream(directory_ + "/river.ca") << anchors.ca_bundle;
  config_.organizations = {{.name = river_.name(), .ca_bundle = directory_ + "/river.ca"}};
  ASSERT_TRUE(b_->organizations->TakeConfiguration(config_, "RELOAD").ok());
  ASSERT_TRUE(Put(*a_, Of(river_)).ok());
  const absl::Status refused = b_->organizations->CatchUp();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("take it out of the file"));
  config_.organizations.clear();
  ASSERT_TRUE(b_->organizations->TakeConfiguration(config_, "RELOAD").ok());
  EXPECT_TRUE(b_->organizations->CatchUp().ok());
  EXPECT_TRUE(LetsIn(*b_, client_));
}

}  // namespace
}  // namespace sluice::server
