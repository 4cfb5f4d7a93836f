// A store whose key-encryption keys stand on a PKCS#11 token.
#include <gmock/gmock.h>

#include "server/pkcs11_token.h"
#include "server/store/sqlite_store.h"
#include "tests/support/owner_right.h"
#include "tests/support/softhsm_fixture.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kOwner[] = "state-university";
constexpr char kOther[] = "river-unified";

class TokenStoreTest : public SoftHsmTest {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> TryOpen() {
    absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> keks = TryOpenKeks();
    if (!keks.ok()) return keks.status();
    keks_ = *std::move(keks);
    SqliteStoreOptions options;
    options.path = Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = keks_;
    return OpenSqliteStore(std::move(options));
  }
  void Open() {
    Close();
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() {
    store_.reset();
    keks_.reset();
  }
  absl::Status TryPublish(const std::string& request, const std::string& content,
                          const std::string& owner = kOwner) {
    PublishBatch batch = BatchOf(request, {RecordOf("a", content, {"ann"})});
    batch.owner = owner;
    return Publish(*store_, batch).status();
  }
  absl::Status ScanOf(const std::string& owner) {
    return Scan(*store_, ReadRight({owner}), owner).status();
  }
  void ExpectRefusal(absl::StatusCode code, absl::string_view text) {
    const absl::Status refused = TryOpen().status();
    EXPECT_EQ(refused.code(), code) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(std::string(text)));
    keks_.reset();
  }

  std::shared_ptr<KeyEncryptionKeys> keks_;
  std::unique_ptr<Store> store_;
};

TEST_F(TokenStoreTest, ReadsAfterARestartWhatWasPublished) {
  Open();
  ASSERT_TRUE(TryPublish("r1", "ann 1").ok());
  Open();
  EXPECT_THAT(Scan(*store_, ReadRight({kOwner})).value(), SizeIs(1));
  ASSERT_TRUE(TryPublish("r2", "ann 2").ok());
  EXPECT_THAT(Scan(*store_, ReadRight({kOwner})).value(), SizeIs(1));
}

TEST_F(TokenStoreTest, ADestroyedKeyLeavesItsOwnersDataUnreadableInEveryCopy) {
  Open();
  ASSERT_TRUE(TryPublish("r1", "ann 1").ok());
  ASSERT_TRUE(TryPublish("r2", "ann 2", kOther).ok());
  Close();
  std::filesystem::copy_file(Path("store.db"), Path("backup.db"));
  std::filesystem::copy(Path("keys"), Path("backup.keys"));
  Open();
  ASSERT_TRUE(ScanOf(kOwner).ok());
  ASSERT_TRUE(keks_->Destroy({KekScope::kOwnerData, kOwner}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ScanOf(kOwner)));
  EXPECT_TRUE(ScanOf(kOther).ok());
  Close();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(Path(absl::StrCat("store.db", suffix)));
  }
  std::filesystem::copy_file(Path("backup.db"), Path("store.db"));
  Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(ScanOf(kOwner)));
  EXPECT_TRUE(ScanOf(kOther).ok());
  ASSERT_TRUE(TryPublish("r3", "di 1", kOther).ok());
  // Nor does an older copy of the directory of keys help: the key stood on the token.
  Close();
  std::filesystem::remove_all(Path("keys"));
  std::filesystem::rename(Path("backup.keys"), Path("keys"));
  ASSERT_EQ(chmod(Path("keys").c_str(), 0700), 0);
  ExpectRefusal(absl::StatusCode::kDataLoss, kOwner);
}

TEST_F(TokenStoreTest, StartsWithItsOwnTokenOnly) {
  Open();
  ASSERT_TRUE(TryPublish("r1", "ann 1").ok());
  Close();
  InitToken("another");
  source_.pkcs11->token = "another";
  ExpectRefusal(absl::StatusCode::kDataLoss, "another gateway's token");
  source_.pkcs11->token = kTokenLabel;
  SetPin("4321");
  ExpectRefusal(absl::StatusCode::kFailedPrecondition, "refuses the PIN");
  SetPin("1234");
  std::filesystem::rename(Path("tokens"), Path("aside"));
  std::filesystem::create_directory(Path("tokens"));
  ExpectRefusal(absl::StatusCode::kFailedPrecondition, "no token has the label \"sluice\"");
  std::filesystem::remove_all(Path("tokens"));
  std::filesystem::rename(Path("aside"), Path("tokens"));
  Open();
  EXPECT_TRUE(ScanOf(kOwner).ok());
}

TEST_F(TokenStoreTest, AnotherGatewaysDirectoryOfKeysIsRefused) {
  Open();
  ASSERT_TRUE(TryPublish("r1", "ann 1").ok());
  Close();
  source_.directory = Path("theirs");
  ExpectRefusal(absl::StatusCode::kFailedPrecondition, "another gateway's");
}

TEST_F(TokenStoreTest, WhileTheTokenIsAwayWhatIsOpenGoesOn) {
  Open();
  ASSERT_TRUE(TryPublish("r0", "ann 0").ok());
  ASSERT_TRUE(TryPublish("r1", "ann 1").ok());
  ASSERT_TRUE(ScanOf(kOwner).ok());
  faults().result = CKR_DEVICE_REMOVED;
  faults().fail = 1'000'000;
  EXPECT_TRUE(absl::IsUnavailable(TryPublish("r2", "di 1", kOther)));
  const absl::Status published = TryPublish("r3", "ann 2");
  EXPECT_TRUE(published.ok()) << published;
  EXPECT_TRUE(ScanOf(kOwner).ok());
  faults().fail = 0;
  EXPECT_TRUE(TryPublish("r4", "di 1", kOther).ok());
  EXPECT_TRUE(ScanOf(kOther).ok());
}

}  // namespace
}  // namespace sluice::server
