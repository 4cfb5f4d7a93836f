// Several gateways on one PostgreSQL database, and keys that one of them changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/key_renewal.h"
#include "server/store/postgres_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::SizeIs;

constexpr char kOwner[] = "state-university";
constexpr KekScope kRecords = KekScope::kOwnerData;

class SharedKeysTest : public testing::Test {
 protected:
  ~SharedKeysTest() override {
    a_.reset();
    b_.reset();
    EXPECT_TRUE(server_.DropDatabase(database_).ok());
  }
  std::unique_ptr<Store> Open() {
    PostgresStoreOptions options;
    options.settings = server_.SocketSettings(database_);
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    options.readers = 2;
    return OpenPostgresStore(std::move(options)).value();
  }
  static absl::Status PublishAll(Store& store, const std::string& content, int records) {
    std::vector<policy::ValidRecord> valid;
    for (int i = 0; i < records; ++i) {
      valid.push_back(RecordOf(absl::StrCat("key ", i), absl::StrCat(content, " ", i),
                               {absl::StrCat("person ", i)}));
    }
    return Publish(store, BatchOf(content, std::move(valid))).status();
  }
  static absl::StatusOr<std::vector<ScannedRecord>> ReadBy(Store& store) {
    return Scan(store, ReadRight({kOwner}));
  }

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
  std::unique_ptr<Store> a_ = Open(), b_ = Open();
};

TEST_F(SharedKeysTest, NobodyReadsOrWritesUnderWhatOneHasDestroyed) {
  ASSERT_TRUE(PublishAll(*a_, "of a", 3).ok());
  ASSERT_TRUE(PublishAll(*b_, "of b", 3).ok());
  for (int i = 0; i < 4; ++i) ASSERT_THAT(ReadBy(*b_).value(), SizeIs(3));  // keys are at hand
  ASSERT_TRUE(
      a_->Commit(
            {.apply =
                 [](Transaction& transaction) {
                   return transaction.keys()->MarkDestroyed({kRecords, kOwner, 1}, std::nullopt, 1);
                 }})
          .ok());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(DestroyedKeyOf(ReadBy(*b_).status()),
              "organizations/state-university/keys/records/versions/1");
  }
  ASSERT_TRUE(PublishAll(*b_, "again of b", 3).ok());
  EXPECT_THAT(ReadBy(*a_).value(), SizeIs(3));
  ASSERT_TRUE(PublishAll(*a_, "again of a", 3).ok());
  EXPECT_THAT(ReadBy(*b_).value(), SizeIs(3));
  const std::vector<StoredKeyVersion> versions = a_->KeyVersions().value();
  EXPECT_EQ(versions.back().name, (KekName{kRecords, kOwner, 2}));
}

TEST_F(SharedKeysTest, ARotationByOneIsTheOthersAtItsNextGroupAndBothSealAnew) {
  ASSERT_TRUE(PublishAll(*b_, "before", 900).ok());
  ASSERT_TRUE(
      a_->Commit(
            {.apply =
                 [](Transaction& transaction) {
                   return transaction.keys()->Rotate(kRecords, kOwner, std::nullopt, 1).status();
                 }})
          .ok());
  ASSERT_TRUE(PublishAll(*b_, "after", 10).ok());
  const KeyRenewal::Limits limits{.rows = 20, .looked_at = 100};
  KeyRenewal of_a(a_.get(), limits, [](const absl::Status&) {});
  KeyRenewal of_b(b_.get(), limits, [](const absl::Status&) {});
  const StoredKeyVersion first = a_->KeyVersions().value().at(0);
  EXPECT_EQ(of_a.Count(first)->rows(), 900) << "10 of them in the history";
  std::thread beside([&] { EXPECT_TRUE(of_b.Turn().ok()); });
  EXPECT_TRUE(of_a.Turn().ok());
  beside.join();
  EXPECT_EQ(of_a.Count(first)->rows(), 0);
  EXPECT_TRUE(b_->KeyVersions().value().at(0).empty);
  EXPECT_THAT(ReadBy(*a_).value(), SizeIs(900));
  EXPECT_THAT(ReadBy(*b_).value(), SizeIs(900));
}

}  // namespace
}  // namespace sluice::server
