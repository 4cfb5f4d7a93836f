// `sluice key` as it is run: what it sends, prints, and ends with.
#include <string>

#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

constexpr char kRecords[] = "organizations/river-unified/keys/records";

// Version 2 in use; what version 1 sealed is being sealed anew.
v1::Key RotatedKey() {
  v1::Key key;
  key.set_name(kRecords);
  key.set_etag("41");
  v1::KeyVersion& now = *key.add_versions();
  now.set_name(absl::StrCat(kRecords, "/versions/2"));
  now.set_state(v1::KEY_VERSION_STATE_IN_USE);
  now.mutable_create_time()->set_seconds(1'800'000'000);
  v1::KeyVersion& before = *key.add_versions();
  before.set_name(absl::StrCat(kRecords, "/versions/1"));
  before.set_state(v1::KEY_VERSION_STATE_REPLACED);
  before.set_remaining_rows(12345);
  return key;
}

v1::DestroyKeyResponse Destroyed() {
  v1::DestroyKeyResponse response;
  *response.mutable_key() = RotatedKey();
  response.set_records(1200);
  response.set_log_openings(3);
  return response;
}

TEST_F(CommandTest, ListsKeysOfAllPages) {
  service_->gateway.keys = {RotatedKey(), RotatedKey()};
  service_->gateway.keys[1].set_name("organizations/\x1b[31mhill/keys/records");
  const Outcome outcome = Run("key list");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  for (const char* text :
       {kRecords, "\\x1b[31mhill", "IN_USE", "REPLACED", "12,345", "2027-01-15 08:00"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, text)) << text << "\n" << outcome.out;
  }
  EXPECT_TRUE(
      absl::StrContains(Run("key list --output ndjson").out, "\"remaining_rows\":\"12345\""));
  EXPECT_TRUE(absl::StartsWith(Run("key list --output csv").out, "key,version,state,"));
  service_->gateway.keys.clear();
  EXPECT_EQ(Run("key list").out, "no keys: nothing was stored yet\n");
  service_->gateway.unary_error = absl::UnavailableError("gone");
  EXPECT_EQ(Run("key list --attempts 1").code, kUnavailable);
}

TEST_F(CommandTest, RotateWaitsUntilAllIsSealedAnew) {
  service_->gateway.keys = {RotatedKey()};
  service_->gateway.keys[0].mutable_versions(1)->set_remaining_rows(3);
  const Outcome waited = Run("key rotate records");
  EXPECT_EQ(waited.code, kDone) << waited.err;
  EXPECT_EQ(service_->gateway.rotations.size(), 1u);
  EXPECT_EQ(service_->gateway.rotations[0].name(), kRecords);
  EXPECT_TRUE(absl::StrContains(waited.err, "rows left under version 1: 3")) << waited.err;
  EXPECT_TRUE(absl::StrContains(waited.out, "EMPTY")) << waited.out;
  EXPECT_FALSE(absl::StrContains(Run("key rotate records --quiet").err, "rows left"));
}

TEST_F(CommandTest, RotateDoesNotWaitWhereItIsToldSo) {
  service_->gateway.keys = {RotatedKey()};
  const Outcome outcome = Run("key rotate records --no-wait --output json");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "KEY_VERSION_STATE_REPLACED")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.err, "sluice key list")) << outcome.err;
  EXPECT_EQ(service_->gateway.keys[0].versions(1).remaining_rows(), 12345);
  ExpectError("key rotate other", kUsage, "records");
  service_->gateway.unary_error = absl::UnavailableError("gone");
  EXPECT_EQ(Run("key rotate records").code, kUnavailable);
  EXPECT_EQ(service_->gateway.rotations.size(), 2u) << "a rotation is sent once";
}

TEST_F(CommandTest, DestroyLooksFirstAndDestroysWhatWasTypedAgain) {
  service_->gateway.destroyed = Destroyed();
  service_->gateway.destroyed.add_unreached_copies("the safe on \x1b[31mMain Street");
  const Outcome outcome = Run("key destroy records/1 --confirm records/1 --allow-unreadable");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  ASSERT_EQ(service_->gateway.destructions.size(), 2u);
  const v1::DestroyKeyRequest& look = service_->gateway.destructions[0];
  const v1::DestroyKeyRequest& destroy = service_->gateway.destructions[1];
  EXPECT_TRUE(look.validate_only());
  EXPECT_FALSE(destroy.validate_only());
  EXPECT_TRUE(destroy.allow_unreadable());
  EXPECT_EQ(destroy.name(), absl::StrCat(kRecords, "/versions/1"));
  EXPECT_EQ(destroy.etag(), "41");
  for (const char* text : {"1,200 records", "3 openings of log entries", "\\x1b[31mMain Street"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, text)) << text << "\n" << outcome.out;
  }
}

TEST_F(CommandTest, DestroyDestroysNothingWithoutTheNameTypedAgain) {
  service_->gateway.destroyed = Destroyed();
  ExpectError("key destroy records/1 </dev/null", kUsage, "--confirm records/1");
  ExpectError("key destroy records/1 --confirm records/2", kUsage, "--confirm records/1");
  ExpectError("key destroy records", kUsage, "records/1");
  ExpectError("key destroy records/0 --confirm records/0", kUsage, "records/1");
  for (const v1::DestroyKeyRequest& request : service_->gateway.destructions) {
    EXPECT_TRUE(request.validate_only());
  }
  const Outcome dry = Run("key destroy records/1 --dry-run");
  EXPECT_EQ(dry.code, kDone) << dry.err;
  EXPECT_TRUE(absl::StrContains(dry.out, "1,200 records")) << dry.out;
  EXPECT_TRUE(absl::StrContains(dry.out, "names none (key_copies)")) << dry.out;
  EXPECT_TRUE(service_->gateway.destructions.back().validate_only());
}

TEST_F(CommandTest, KeysOfTheOperatorAndOfAllAreAskedForByName) {
  service_->gateway.destroyed = Destroyed();
  Run("key destroy dictionary/3 --of-operator --dry-run");
  EXPECT_EQ(service_->gateway.destructions.back().name(), "operator/keys/dictionary/versions/3");
  Run("key rotate dictionary --of-operator --no-wait");
  EXPECT_EQ(service_->gateway.rotations.back().name(), "operator/keys/dictionary");
  Run("key rotate records --no-wait --organization hill-county");
  EXPECT_EQ(service_->gateway.rotations.back().name(), "organizations/hill-county/keys/records");
}

}  // namespace
}  // namespace sluice::client
