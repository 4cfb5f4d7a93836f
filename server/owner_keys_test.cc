// What administrators and the operator may do to keys, what of it is in the log, and that a crash
// between a destruction's entry and the destruction is made up for.
#include "server/owner_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/denials.h"
#include "server/error.h"
#include "server/key_name.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_store.h"
#include "tests/support/log_fixture.h"
#include "tests/support/owner_right.h"
#include "tests/support/store_builders.h"

namespace {
std::atomic<int> removals_that_fail{0};
}  // namespace

// In the place of the C library's: a disk that keeps the file of a key.
extern "C" int unlinkat(int directory, const char* name, int flags) noexcept {
  if (absl::EndsWith(name, ".kek") && removals_that_fail > 0) {
    --removals_that_fail;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_unlinkat, directory, name, flags));
}

namespace sluice::server {
namespace {

using policy::PrincipalKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOwner[] = "state-university";
constexpr char kOther[] = "river-unified";
constexpr char kRecords[] = "organizations/state-university/keys/records";

class CallersForTest : public Identity {
 public:
  static Caller Make(PrincipalKind kind, const std::string& organization) {
    return MakeCaller({kind, organization, "pat-doe"},
                      absl::StrCat("spiffe://sluice.example/", organization, "/", KindName(kind)),
                      std::string(64, 'a'), std::string(32, 'f'));
  }
};

// Files, but nobody destroys one: the process ends first, or it fails.
class KeksThatDontDestroy final : public KeyEncryptionKeys {
 public:
  enum class By { kDying, kFailing };
  KeksThatDontDestroy(std::unique_ptr<KeyEncryptionKeys> keks, By by)
      : keks_(std::move(keks)), by_(by) {}

  absl::Status Create(const KekName& name) override { return keks_->Create(name); }
  absl::StatusOr<std::string> Wrap(const KekName& name, const policy::Secret& key) const override {
    return keks_->Wrap(name, key);
  }
  absl::StatusOr<policy::Secret> Unwrap(const KekName& name,
                                        absl::string_view wrapped) const override {
    return keks_->Unwrap(name, wrapped);
  }
  absl::StatusOr<std::vector<Listed>> List() const override { return keks_->List(); }

 private:
  absl::Status DoDestroy(const KekName&) override {
    if (by_ == By::kDying) raise(SIGKILL);
    return absl::UnavailableError("the key store does not answer");
  }

  const std::unique_ptr<KeyEncryptionKeys> keks_;
  const By by_;
};

// A gateway's parts, as far as keys stand on them.
class KeyGateway {
 public:
  explicit KeyGateway(const TestDirectory& directory,
                      std::optional<KeksThatDontDestroy::By> by = std::nullopt)
      : clock_([this] { return turned_.Now(); }, [this] { return log_->NewestEntryTime(); }) {
    std::unique_ptr<KeyEncryptionKeys> keks =
        OpenKeyEncryptionKeys({.directory = directory.Path("keys")}, [] {
          return kTestTime;
        }).value();
    if (by) keks = std::make_unique<KeksThatDontDestroy>(std::move(keks), *by);
    keks_ = std::move(keks);
    SqliteStoreOptions options;
    options.path = directory.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = keks_;
    store_ = OpenSqliteStore(std::move(options)).value();
    AuditLogOptions log_options;
    log_options.origin = kTestOrigin;
    log_options.writer = "gateway-1";
    log_options.tile_directory = directory.Path("tiles");
    log_options.background_thread = false;
    log_ = AuditLog::Open(log_options, store_.get(), key_.get(), [this] {
             return turned_.Now();
           }).value();
    denials_ = std::make_unique<Denials>(log_.get(), absl::Seconds(1));
    Admission::Parts admission;
    admission.log = log_.get();
    admission.clock = &clock_;
    admission.denials = denials_.get();
    admission_ = std::make_unique<Admission>(std::move(admission));
    renewal_ = std::make_unique<KeyRenewal>(store_.get(), KeyRenewal::Limits(),
                                            [](const absl::Status&) {});
    keys_ = std::make_unique<OwnerKeys>(OwnerKeys::Parts{admission_.get(),
                                                         log_.get(),
                                                         store_.get(),
                                                         keks_.get(),
                                                         renewal_.get(),
                                                         {"the safe of the registrar"}});
  }
  ~KeyGateway() {
    denials_->Stop();
    log_->Stop();
    store_->Stop();
  }

  void Publish(const std::string& request, int records, const std::string& owner = kOwner) {
    std::vector<policy::ValidRecord> valid;
    for (int i = 0; i < records; ++i) {
      valid.push_back(RecordOf(absl::StrCat("key ", i), absl::StrCat(request, " ", i),
                               {absl::StrCat("person ", i)}));
    }
    PublishBatch batch = BatchOf(request, std::move(valid));
    batch.owner = owner;
    const absl::Status status =
        store_->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
          const absl::StatusOr<PublishOutcome> outcome = transaction.Publish(batch);
          if (!outcome.ok()) return outcome.status();
          return log_->GrowDictionaryIn(transaction, owner, outcome->new_subjects);
        }});
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::StatusOr<v1::Key> Get(const std::string& name, const Caller& caller) {
    RequestId request = RequestNumber(++requests_);
    v1::GetKeyRequest get;
    get.set_name(name);
    absl::StatusOr<v1::GetKeyResponse> response = keys_->Get(caller, request, get);
    if (!response.ok()) return response.status();
    return response->key();
  }
  absl::StatusOr<v1::Key> Rotate(const std::string& name, const Caller& caller,
                                 const std::string& etag = "") {
    RequestId request = RequestNumber(++requests_);
    v1::RotateKeyRequest rotate;
    rotate.set_name(name);
    rotate.set_etag(etag);
    absl::StatusOr<v1::RotateKeyResponse> response = keys_->Rotate(caller, request, rotate);
    if (!response.ok()) return response.status();
    return response->key();
  }
  absl::StatusOr<v1::DestroyKeyResponse> Destroy(v1::DestroyKeyRequest destroy,
                                                 const Caller& caller,
                                                 const std::function<bool()>& given_up = nullptr) {
    RequestId request = RequestNumber(++requests_);
    return keys_->Destroy(caller, request, destroy, given_up);
  }
  // Of whom, by the state that is.
  v1::DestroyKeyRequest Destruction(const std::string& key, int version, const Caller& caller) {
    v1::DestroyKeyRequest destroy;
    destroy.set_name(absl::StrCat(key, "/versions/", version));
    destroy.set_etag(Get(key, caller)->etag());
    return destroy;
  }
  std::vector<std::string> Names(const std::string& parent, const Caller& caller, int size = 0) {
    RequestId request = RequestNumber(++requests_);
    v1::ListKeysRequest list;
    list.set_parent(parent);
    list.set_page_size(size);
    std::vector<std::string> names;
    do {
      const absl::StatusOr<v1::ListKeysResponse> page = keys_->List(caller, request, list);
      if (!page.ok()) return {ReasonOf(page.status())};
      for (const v1::Key& key : page->keys()) names.push_back(key.name());
      list.set_page_token(page->next_page_token());
    } while (!list.page_token().empty());
    return names;
  }
  // Of key entries, what they say.
  std::vector<std::string> KeyEntries() {
    std::vector<std::string> entries;
    EXPECT_TRUE(store_
                    ->ReadLogRows(0, log_->size(),
                                  [&](const LogRow& row) {
                                    const ParsedEntry entry = ParseEntry(row.body).value();
                                    if (entry.type != "key") return true;
                                    entries.push_back(
                                        absl::StrCat(entry.json.FindString("action"), " ",
                                                     entry.json.FindString("owner"), " ",
                                                     entry.json.FindString("key"), " ",
                                                     entry.json.FindInteger("version", 0)));
                                    return true;
                                  })
                    .ok());
    return entries;
  }
  absl::StatusOr<size_t> Records() {
    const absl::StatusOr<std::vector<ScannedRecord>> records = Scan(*store_, ReadRight({kOwner}));
    if (!records.ok()) return records.status();
    return records->size();
  }

  TurnedClock turned_;
  Clock clock_;
  const std::unique_ptr<const LogKey> key_ = MakeLogKey();
  std::shared_ptr<KeyEncryptionKeys> keks_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Denials> denials_;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<KeyRenewal> renewal_;
  std::unique_ptr<OwnerKeys> keys_;
  std::atomic<uint64_t> requests_ = 0;
};

class OwnerKeysTest : public ::testing::Test {
 protected:
  bool KekIsThere(const std::string& file) const {
    return std::filesystem::exists(directory_.Path("keys/" + file));
  }

  const TestDirectory directory_;
  const Caller admin_ = CallersForTest::Make(PrincipalKind::kAdmin, kOwner);
  const Caller other_ = CallersForTest::Make(PrincipalKind::kAdmin, kOther);
  const Caller operator_ = CallersForTest::Make(PrincipalKind::kOperator, "");
};

TEST_F(OwnerKeysTest, EachCreationRotationAndDestructionIsAnEntry) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 3);
  EXPECT_THAT(gateway.KeyEntries(), ElementsAre("CREATED state-university records 1",
                                                "CREATED state-university dictionary 1"));
  ASSERT_TRUE(gateway.Rotate(kRecords, admin_).ok());
  ASSERT_TRUE(gateway.renewal_->Turn().ok());
  const auto destroyed = gateway.Destroy(gateway.Destruction(kRecords, 1, admin_), admin_);
  ASSERT_TRUE(destroyed.ok()) << destroyed.status();
  EXPECT_EQ(destroyed->records() + destroyed->bytes(), 0);
  EXPECT_THAT(destroyed->unreached_copies(), ElementsAre("the safe of the registrar"));
  EXPECT_EQ(gateway.Records().value(), 3u);
  EXPECT_THAT(
      gateway.KeyEntries(),
      ElementsAre("CREATED state-university records 1", "CREATED state-university dictionary 1",
                  "ROTATED state-university records 2", "DESTROYED state-university records 1"));
  EXPECT_FALSE(KekIsThere("owner-state-university.data.1.kek"));
  EXPECT_TRUE(KekIsThere("owner-state-university.data.2.kek"));
}

TEST_F(OwnerKeysTest, DestroysTheKeyThatOpensItsOwnEntry) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 1);
  const std::string dictionary = "organizations/state-university/keys/dictionary";
  ASSERT_TRUE(gateway.Rotate(dictionary, admin_).ok());
  v1::DestroyKeyRequest destroy = gateway.Destruction(dictionary, 2, admin_);
  destroy.set_allow_unreadable(true);
  const auto destroyed = gateway.Destroy(destroy, admin_);
  ASSERT_TRUE(destroyed.ok()) << destroyed.status();
  EXPECT_EQ(destroyed->log_openings(), 1);  // of the rotation
  EXPECT_EQ(destroyed->key().versions(0).state(), v1::KEY_VERSION_STATE_IN_USE);
  EXPECT_EQ(destroyed->key().versions(0).name(), absl::StrCat(dictionary, "/versions/3"));
  EXPECT_EQ(destroyed->key().versions(1).state(), v1::KEY_VERSION_STATE_DESTROYED);
  EXPECT_EQ(gateway.KeyEntries().back(), "CREATED state-university dictionary 3");
  // The entry of the destruction is the one before it, and its opening is there.
  EXPECT_THAT(gateway.store_->ReadOpenings(gateway.log_->size() - 2).value(), SizeIs(1));
}

TEST_F(OwnerKeysTest, AreAnAdministratorsOwnAndOfAllTheOperatorDestroysNone) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 1);
  gateway.Publish("r2", 1, kOther);
  const std::string others = "organizations/river-unified/keys/records";
  EXPECT_EQ(ReasonOf(gateway.Get(kRecords, other_).status()), "PRINCIPAL_NOT_PERMITTED");
  EXPECT_EQ(ReasonOf(gateway.Rotate(others, admin_).status()), "PRINCIPAL_NOT_PERMITTED");
  EXPECT_TRUE(gateway.Rotate(others, operator_).ok());
  EXPECT_TRUE(gateway.Rotate("operator/keys/dictionary", operator_).ok());
  EXPECT_EQ(ReasonOf(gateway.Rotate("operator/keys/dictionary", admin_).status()),
            "PRINCIPAL_NOT_PERMITTED");
  v1::DestroyKeyRequest destroy = gateway.Destruction(others, 1, operator_);
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, operator_).status()), "PRINCIPAL_NOT_PERMITTED");
  destroy.set_validate_only(true);
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, operator_).status()), "PRINCIPAL_NOT_PERMITTED");
  destroy = gateway.Destruction("operator/keys/dictionary", 1, operator_);
  destroy.set_allow_unreadable(true);
  EXPECT_TRUE(gateway.Destroy(destroy, operator_).ok());
  for (const PrincipalKind kind : {PrincipalKind::kSystem, PrincipalKind::kAuditor}) {
    EXPECT_EQ(ReasonOf(gateway.Get(kRecords, CallersForTest::Make(kind, kOwner)).status()),
              "PRINCIPAL_NOT_PERMITTED");
  }
}

TEST_F(OwnerKeysTest, AreListedInPagesByTheirParents) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 1);
  gateway.Publish("r2", 1, kOther);
  EXPECT_THAT(gateway.Names("organizations/state-university", admin_),
              ElementsAre(kRecords, "organizations/state-university/keys/dictionary"));
  ASSERT_TRUE(gateway.Rotate(kRecords, operator_).ok());  // its name makes a key of its own
  for (const int size : {0, 1, 2}) {
    EXPECT_THAT(gateway.Names("organizations/-", operator_, size),
                ElementsAre("operator/keys/dictionary", "organizations/river-unified/keys/records",
                            "organizations/river-unified/keys/dictionary", kRecords,
                            "organizations/state-university/keys/dictionary"));
  }
  EXPECT_THAT(gateway.Names("operator", operator_), ElementsAre("operator/keys/dictionary"));
  EXPECT_THAT(gateway.Names("organizations/hill-county", operator_), IsEmpty());
  EXPECT_THAT(gateway.Names("organizations/-", admin_), ElementsAre("PRINCIPAL_NOT_PERMITTED"));
  EXPECT_THAT(gateway.Names("nobody", operator_), ElementsAre("INVALID_ARGUMENT"));
  EXPECT_THAT(gateway.Names("operator", operator_, -1), ElementsAre("INVALID_ARGUMENT"));
}

TEST_F(OwnerKeysTest, ChangesNothingThatWasNotLookedAtOrIsInUse) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 2);
  const std::string etag = gateway.Get(kRecords, admin_)->etag();
  ASSERT_TRUE(gateway.Rotate(kRecords, admin_, etag).ok());
  EXPECT_EQ(ReasonOf(gateway.Rotate(kRecords, admin_, etag).status()), "ETAG_MISMATCH");
  EXPECT_EQ(ReasonOf(gateway.Rotate(kRecords, admin_, "x").status()), "ETAG_MISMATCH");
  EXPECT_EQ(ReasonOf(gateway.Rotate(absl::StrCat(kRecords, "/versions/1"), admin_).status()),
            "PRINCIPAL_NOT_PERMITTED");
  EXPECT_EQ(ReasonOf(gateway.Rotate("organizations/x/keys/other", operator_).status()),
            "INVALID_ARGUMENT");
  EXPECT_EQ(ReasonOf(gateway.Get("organizations/hill-county/keys/records", operator_).status()),
            "NOT_FOUND");

  v1::DestroyKeyRequest destroy = gateway.Destruction(kRecords, 1, admin_);
  destroy.set_etag(etag);
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "ETAG_MISMATCH");
  destroy.clear_etag();
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "INVALID_ARGUMENT");
  destroy = gateway.Destruction(kRecords, 1, admin_);
  const absl::Status in_use = gateway.Destroy(destroy, admin_).status();
  EXPECT_EQ(ReasonOf(in_use), "KEY_IN_USE");
  EXPECT_THAT(std::string(in_use.message()), HasSubstr("seals 2 rows"));
  ASSERT_TRUE(gateway.renewal_->Turn().ok());
  EXPECT_EQ(ReasonOf(gateway.Destroy(gateway.Destruction(kRecords, 2, admin_), admin_).status()),
            "KEY_IN_USE");
  destroy.set_validate_only(true);
  destroy.clear_etag();
  destroy.set_name(absl::StrCat(kRecords, "/versions/2"));
  const auto dry = gateway.Destroy(destroy, admin_);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->records(), 2);
  EXPECT_GT(dry->bytes(), 0);
  destroy.set_name(absl::StrCat(kRecords, "/versions/7"));
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "NOT_FOUND");
  EXPECT_EQ(gateway.Records().value(), 2u);
  EXPECT_EQ(gateway.KeyEntries().back(), "ROTATED state-university records 2");
}

TEST_F(OwnerKeysTest, AKeyIsRotatedNoFasterThanItIsSealedAnew) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 2);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(gateway.Rotate(kRecords, admin_).ok());
  const absl::Status refused = gateway.Rotate(kRecords, admin_).status();
  EXPECT_EQ(ReasonOf(refused), "TOO_MANY_KEY_VERSIONS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr(kRecords));
  EXPECT_FALSE(KekIsThere("owner-state-university.data.5.kek"));
  EXPECT_EQ(gateway.KeyEntries().back(), "ROTATED state-university records 4");
  EXPECT_TRUE(gateway.Rotate("organizations/state-university/keys/dictionary", admin_).ok());
  ASSERT_TRUE(gateway.renewal_->Turn().ok());
  EXPECT_TRUE(gateway.Rotate(kRecords, admin_).ok());
}

TEST_F(OwnerKeysTest, CountsForOneOwnerAfterTheOtherAndAsLongAsSomebodyWaits) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 3);
  gateway.Publish("r2", 2, kOther);
  v1::DestroyKeyRequest destroy = gateway.Destruction(kRecords, 1, admin_);
  v1::DestroyKeyRequest others =
      gateway.Destruction("organizations/river-unified/keys/records", 1, other_);
  destroy.set_validate_only(true);
  others.set_validate_only(true);
  std::thread other;
  const auto counted = gateway.Destroy(destroy, admin_, [&] {
    EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "RESOURCE_EXHAUSTED");
    if (other.joinable()) return false;
    EXPECT_EQ(ReasonOf(gateway.Destroy(others, other_, [] { return true; }).status()), "CANCELLED")
        << "it waits, and nobody for it";
    other = std::thread([&] { EXPECT_EQ(gateway.Destroy(others, other_)->records(), 2); });
    while (gateway.keys_->counts() != 2) std::this_thread::yield();
    return false;
  });
  ASSERT_TRUE(counted.ok()) << counted.status();
  EXPECT_EQ(counted->records(), 3);
  ASSERT_TRUE(other.joinable());
  other.join();
  destroy.set_validate_only(false);
  destroy.set_allow_unreadable(true);
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_, [] { return true; }).status()), "CANCELLED");
  EXPECT_EQ(gateway.Records().value(), 3u);
  EXPECT_EQ(gateway.Destroy(others, other_)->records(), 2);
}

TEST_F(OwnerKeysTest, SaysHowMuchIsLeftUnderAReplacedVersion) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 600);
  const v1::Key rotated = gateway.Rotate(kRecords, admin_).value();
  EXPECT_EQ(rotated.versions(1).state(), v1::KEY_VERSION_STATE_REPLACED);
  EXPECT_FALSE(rotated.versions(1).has_remaining_rows());
  // While it goes on: at the beginning of its first group all is left.
  bool looked = false;
  absl::Mutex mutex;
  std::vector<int64_t> left;
  gateway.store_->Submit({.apply =
                              [&](Transaction&) {
                                absl::MutexLock lock(&mutex);
                                mutex.Await(absl::Condition(&looked));
                                return absl::OkStatus();
                              },
                          .done = [](absl::Status) {}});
  std::thread turn([&] { EXPECT_TRUE(gateway.renewal_->Turn().ok()); });
  for (;;) {
    const v1::Key key = gateway.Get(kRecords, admin_).value();
    if (!key.versions(1).has_remaining_rows()) continue;
    left.push_back(key.versions(1).remaining_rows());
    EXPECT_GT(key.versions(1).remaining_bytes(), 0);
    break;
  }
  {
    absl::MutexLock lock(&mutex);
    looked = true;
  }
  turn.join();
  EXPECT_THAT(left, ElementsAre(600));
  EXPECT_EQ(gateway.Get(kRecords, admin_)->versions(1).state(), v1::KEY_VERSION_STATE_EMPTY);
}

TEST_F(OwnerKeysTest, AKeyStoreThatDoesNotFollowIsToldAndTriedAgain) {
  {
    KeyGateway gateway(directory_, KeksThatDontDestroy::By::kFailing);
    gateway.Publish("r1", 2);
    ASSERT_EQ(gateway.Records().value(), 2u);
    v1::DestroyKeyRequest destroy = gateway.Destruction(kRecords, 1, admin_);
    destroy.set_allow_unreadable(true);
    EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "DESTRUCTION_UNFINISHED");
    // The log's word counts.
    EXPECT_TRUE(DestroyedKeyOf(gateway.Records().status()).has_value());
    EXPECT_EQ(gateway.Get(kRecords, admin_)->versions(0).state(), v1::KEY_VERSION_STATE_DESTROYING);
    EXPECT_FALSE(gateway.keys_->Follow().ok());
    EXPECT_FALSE(gateway.keys_->Follow().ok());
    EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "ETAG_MISMATCH");
  }
  KeyGateway gateway(directory_);
  ASSERT_TRUE(gateway.keys_->Follow().ok());
  EXPECT_EQ(gateway.Get(kRecords, admin_)->versions(0).state(), v1::KEY_VERSION_STATE_DESTROYED);
  EXPECT_FALSE(KekIsThere("owner-state-university.data.1.kek"));
}

TEST_F(OwnerKeysTest, AKeyThatStaysThoughItIsKnownAsDestroyedIsTriedAgain) {
  KeyGateway gateway(directory_);
  gateway.Publish("r1", 2);
  v1::DestroyKeyRequest destroy = gateway.Destruction(kRecords, 1, admin_);
  destroy.set_allow_unreadable(true);
  removals_that_fail = 2;
  EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, admin_).status()), "DESTRUCTION_UNFINISHED");
  EXPECT_EQ(gateway.Get(kRecords, admin_)->versions(0).state(), v1::KEY_VERSION_STATE_DESTROYING);
  EXPECT_TRUE(DestroyedKeyOf(gateway.Records().status()).has_value());
  EXPECT_FALSE(gateway.keys_->Follow().ok());
  EXPECT_TRUE(KekIsThere("owner-state-university.data.1.kek"));
  EXPECT_TRUE(gateway.keys_->Follow().ok());
  EXPECT_FALSE(KekIsThere("owner-state-university.data.1.kek"));
  EXPECT_EQ(gateway.Get(kRecords, admin_)->versions(0).state(), v1::KEY_VERSION_STATE_DESTROYED);
}

TEST_F(OwnerKeysTest, WhatAKillLeftOfADestructionIsDoneAtTheNextStart) {
  const pid_t child = fork();
  if (child == 0) {
    KeyGateway gateway(directory_, KeksThatDontDestroy::By::kDying);
    gateway.Publish("r1", 2);
    v1::DestroyKeyRequest destroy = gateway.Destruction(kRecords, 1, admin_);
    destroy.set_allow_unreadable(true);
    (void)gateway.Destroy(destroy, admin_);
    _exit(1);  // not reached
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ASSERT_TRUE(KekIsThere("owner-state-university.data.1.kek"));
  KeyGateway gateway(directory_);
  EXPECT_TRUE(DestroyedKeyOf(gateway.Records().status()).has_value());
  ASSERT_TRUE(gateway.keys_->Follow().ok());
  EXPECT_FALSE(KekIsThere("owner-state-university.data.1.kek"));
  EXPECT_THAT(gateway.KeyEntries(), SizeIs(3));
  gateway.Publish("r2", 2);
  EXPECT_EQ(gateway.Records().value(), 2u);
}

TEST_F(OwnerKeysTest, ADestructionBeyondTheLogIsNoneAndKeepsNoOther) {
  {
    KeyGateway gateway(directory_, KeksThatDontDestroy::By::kFailing);
    gateway.Publish("r1", 2);
    gateway.Publish("r2", 2, kOther);
    const std::string others = "organizations/river-unified/keys/records";
    v1::DestroyKeyRequest destroy = gateway.Destruction(others, 1, other_);
    destroy.set_allow_unreadable(true);
    EXPECT_EQ(ReasonOf(gateway.Destroy(destroy, other_).status()), "DESTRUCTION_UNFINISHED");
  }
  for (const char* const index : {"1000000000000", "(SELECT size FROM log_head)"}) {
    {
      const auto connection = SqliteConnection::Open({.path = directory_.Path("store.db")}).value();
      ASSERT_TRUE(
          connection
              ->Execute(absl::StrCat("UPDATE data_key SET wrapped = x'', destroyed_index = ", index,
                                     " WHERE owner = 'state-university'"))
              .ok());
    }
    KeyGateway gateway(directory_);
    for (int i = 0; i < 2; ++i) {
      const absl::Status refused = gateway.keys_->Follow();
      EXPECT_TRUE(absl::IsDataLoss(refused)) << index << refused;
    }
    EXPECT_TRUE(KekIsThere("owner-state-university.data.1.kek"));
    EXPECT_FALSE(KekIsThere("owner-river-unified.data.1.kek"));
  }
}

TEST_F(OwnerKeysTest, WhoWritesToTheDatabaseDestroysNoKey) {
  {
    KeyGateway gateway(directory_);
    gateway.Publish("r1", 2);
  }
  {
    const auto connection = SqliteConnection::Open({.path = directory_.Path("store.db")}).value();
    ASSERT_TRUE(connection->Execute("UPDATE data_key SET destroyed_index = 1").ok());
  }
  KeyGateway gateway(directory_);
  EXPECT_TRUE(absl::IsDataLoss(gateway.keys_->Follow()));
  EXPECT_TRUE(KekIsThere("owner-state-university.data.1.kek"));
  EXPECT_TRUE(KekIsThere("owner-state-university.dictionary.1.kek"));
}

}  // namespace
}  // namespace sluice::server
