#include "server/identity/spiffe_id.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::server {
namespace {

using policy::PrincipalKind;

TEST(ParseSpiffeId, KnowsEachKind) {
  const std::pair<const char*, PrincipalKind> kinds[] = {{"system", PrincipalKind::kSystem},
                                                         {"admin", PrincipalKind::kAdmin},
                                                         {"auditor", PrincipalKind::kAuditor},
                                                         {"signatory", PrincipalKind::kSignatory}};
  for (const auto& [text, kind] : kinds) {
    const std::string id = absl::StrCat("spiffe://d.example/org/river-unified/", text, "/hr-1");
    EXPECT_EQ(ParseSpiffeId(id, "d.example").value(), (Principal{kind, "river-unified", "hr-1"}));
  }
  EXPECT_EQ(ParseSpiffeId("spiffe://d.example/operator/ada", "d.example").value(),
            (Principal{PrincipalKind::kOperator, "", "ada"}));
}

TEST(ParseSpiffeId, RefusesEverythingElse) {
  const std::string long_name(64, 'a');
  const std::string zero("spiffe://d/org/o/system/n\0x", 27);
  for (const std::string& id : {std::string(),
                                std::string("spiffe://"),
                                std::string("spiffe://d"),
                                std::string("https://d/org/o/system/n"),
                                std::string("SPIFFE://d/org/o/system/n"),
                                std::string("spiffe://D/org/o/system/n"),
                                std::string("spiffe://e/org/o/system/n"),
                                std::string("spiffe://d:1/org/o/system/n"),
                                std::string("spiffe://u@d/org/o/system/n"),
                                std::string("spiffe://d/org/o/system"),
                                std::string("spiffe://d/org/o/system/"),
                                std::string("spiffe://d/org/o/system/n/"),
                                std::string("spiffe://d/org/o/system/n/m"),
                                std::string("spiffe://d/org/o/system/n?x"),
                                std::string("spiffe://d/org/o/system/n#x"),
                                std::string("spiffe://d/org/o/system/%6e"),
                                std::string("spiffe://d/org/o/system/N"),
                                std::string("spiffe://d/org/o/system/-n"),
                                std::string("spiffe://d/org/o/System/n"),
                                std::string("spiffe://d/org/o/gateway/n"),
                                std::string("spiffe://d/org//system/n"),
                                std::string("spiffe://d/org/../system/n"),
                                std::string("spiffe://d/org/1o/system/n"),
                                std::string("spiffe://d//org/o/system/n"),
                                std::string("spiffe://d/organization/o/system/n"),
                                std::string("spiffe://d/gateway/g"),
                                std::string("spiffe://d/operator"),
                                std::string("spiffe://d/operator/"),
                                std::string("spiffe://d/operator/a/b"),
                                std::string(" spiffe://d/operator/a"),
                                std::string("spiffe://d/operator/a\n"),
                                absl::StrCat("spiffe://d/org/o/system/", long_name),
                                absl::StrCat("spiffe://d/org/", long_name, "/system/n"),
                                zero}) {
    EXPECT_EQ(ParseSpiffeId(id, "d").status().code(), absl::StatusCode::kInvalidArgument) << id;
  }
}

TEST(ParseSpiffeId, TakesTheLongestName) {
  const std::string name(63, 'a');
  EXPECT_EQ(ParseSpiffeId(absl::StrCat("spiffe://d/operator/", name), "d")->name, name);
}

TEST(ParseSpiffeId, NeverQuotesWhatItRefuses) {
  const absl::Status status = ParseSpiffeId("spiffe://d/org/o/emperor/jane-doe", "d").status();
  EXPECT_THAT(std::string(status.message()), ::testing::Not(::testing::HasSubstr("jane")));
}

TEST(ParseSpiffeId, AnEmptyTrustDomainHasNobody) {
  EXPECT_FALSE(ParseSpiffeId("spiffe:///operator/a", "").ok());
}

}  // namespace
}  // namespace sluice::server
