#include "server/key_name.h"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

TEST(KeyName, IsReadAsItIsWritten) {
  const KekName records{KekScope::kOwnerData, "state-university", 12};
  EXPECT_EQ(KeyNameOf(records), "organizations/state-university/keys/records");
  EXPECT_EQ(KeyVersionNameOf(records), "organizations/state-university/keys/records/versions/12");
  EXPECT_EQ(ParseKeyVersionName(KeyVersionNameOf(records)), records);
  const KekName of_operator{KekScope::kOwnerDictionary, "", 1};
  EXPECT_EQ(KeyVersionNameOf(of_operator), "operator/keys/dictionary/versions/1");
  EXPECT_EQ(ParseKeyVersionName(KeyVersionNameOf(of_operator)), of_operator);
  EXPECT_EQ(ParseKeyName("operator/keys/dictionary"), (KekName{of_operator.scope, "", 0}));
}

TEST(KeyName, HasOneFormOnly) {
  for (const char* text :
       {"", "organizations//keys/records/versions/1", "organizations/a/keys/records/versions/0",
        "organizations/a/keys/records/versions/01", "organizations/a/keys/records/versions/+1",
        "organizations/a/keys/records/versions/ 1", "organizations/a/keys/records/versions/",
        "organizations/a/keys/records/versions/99999999999",
        "organizations/a/keys/other/versions/1", "organizations/a/b/keys/records/versions/1",
        "operator/a/keys/records/versions/1", "organizations/a/keys/records/versions/1/",
        "organizations/a/keys/records"}) {
    EXPECT_EQ(ParseKeyVersionName(text), std::nullopt) << text;
  }
  for (const char* text : {"", "organizations/a/keys", "organizations/a/keys/", "keys/records",
                           "organizations/operator", "organizations/a/keys/records/versions/1"}) {
    EXPECT_EQ(ParseKeyName(text), std::nullopt) << text;
  }
}

TEST(KeyIsDestroyed, IsToldApartFromAllElseThatCantBeDone) {
  const absl::Status status = KeyIsDestroyed({KekScope::kOwnerData, "a", 2});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(DestroyedKeyOf(status), "organizations/a/keys/records/versions/2");
  EXPECT_EQ(DestroyedKeyOf(absl::FailedPreconditionError("was destroyed")), std::nullopt);
  EXPECT_EQ(DestroyedKeyOf(absl::OkStatus()), std::nullopt);
}

}  // namespace
}  // namespace sluice::server
