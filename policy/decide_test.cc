#include "policy/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/nearest_grants.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Time Noon(int year, int month, int day) {
  return absl::FromCivil(absl::CivilHour(year, month, day, 12), absl::UTCTimeZone());
}

Request ReadRequest() {
  Request request;
  request.kind = PrincipalKind::kSystem;
  request.organization = "river-unified";
  request.mou = "stem-pipeline";
  request.purpose = "hiring_pipeline";
  request.record_type = "Candidate";
  request.operation = v1::OPERATION_READ;
  request.time = Noon(2027, 3, 1);
  return request;
}

Decision DecideUnder(std::vector<MouVersion> versions, const Request& request) {
  return Decide(*MouSet::Create(std::move(versions)), request);
}

Decision DecideExample(const Request& request) {
  return DecideUnder({SignedForTest(ExampleMou())}, request);
}

const Denial* DenialOf(const Decision& decision) { return std::get_if<Denial>(&decision); }

// "CODE: sentence", or "PERMIT".
std::string Said(const Decision& decision) {
  const Denial* denial = DenialOf(decision);
  if (denial == nullptr) return "PERMIT";
  return absl::StrCat(CodeName(denial->code), ": ", denial->explanation);
}

// "grant: condition; condition" of each of the nearest.
std::vector<std::string> NearestOf(const Decision& decision) {
  std::vector<std::string> all;
  for (const v1::NearestGrant& near : DenialOf(decision)->nearest) {
    all.push_back(absl::StrCat(near.grant(), ":"));
    for (const v1::FailedCondition& failed : near.failed()) {
      absl::StrAppend(&all.back(), " ", failed.description());
    }
  }
  return all;
}

TEST(Decide, PermitsWhatTheExampleGrants) {
  const Decision decision = DecideExample(ReadRequest());
  const Permit* permit = std::get_if<Permit>(&decision);
  ASSERT_NE(permit, nullptr) << std::get<Denial>(decision).explanation;
  ASSERT_EQ(permit->plan().grants.size(), 1);
  EXPECT_EQ(permit->plan().grants[0].name, "expected-completers");
  EXPECT_EQ(permit->plan().grants[0].line, 14);
  EXPECT_EQ(permit->plan().grants[0].fields.size(), 5);
  EXPECT_EQ(permit->plan().recipient, "river-unified");
  EXPECT_EQ(permit->purpose(), "hiring_pipeline");
}

TEST(Decide, PermitsWithoutANamedMouIfOneFits) {
  Request request = ReadRequest();
  request.mou.reset();
  EXPECT_EQ(DenialOf(DecideExample(request)), nullptr);
}

TEST(Decide, DeniesAfterTheMouExpires) {
  Request request = ReadRequest();
  request.time = Noon(2028, 6, 30);
  EXPECT_EQ(Said(DecideExample(request)), "PERMIT");
  request.time = Noon(2028, 7, 1);
  const Decision decision = DecideExample(request);
  EXPECT_EQ(Said(decision), "OUTSIDE_PERIOD: expired on 2028-07-01");
  EXPECT_THAT(NearestOf(decision),
              ElementsAre("expected-completers: period, expired on 2028-07-01"));
}

TEST(Decide, DeniesBeforeTheMouIsEffective) {
  Request request = ReadRequest();
  request.time = Noon(2026, 6, 30);
  EXPECT_EQ(Said(DecideExample(request)), "OUTSIDE_PERIOD: not before 2026-07-01");
  request.time = Noon(2026, 7, 1);
  EXPECT_EQ(Said(DecideExample(request)), "PERMIT");
}

TEST(Decide, TakesTheCivilDateOfTheMousTimeZone) {
  const std::string yaml =
      ExampleMouWith("expires: 2028-07-01}", "expires: 2028-07-01, time_zone: America/Chicago}");
  Request request = ReadRequest();
  // 05:00 UTC is midnight in Chicago in summer.
  request.time = absl::FromCivil(absl::CivilMinute(2026, 7, 1, 4, 59), absl::UTCTimeZone());
  EXPECT_THAT(Said(DecideUnder({SignedForTest(yaml)}, request)), HasSubstr("not before"));
  request.time += absl::Minutes(1);
  EXPECT_EQ(Said(DecideUnder({SignedForTest(yaml)}, request)), "PERMIT");
}

TEST(Decide, DeniesAllToPrincipalsThatAreNoSystems) {
  for (PrincipalKind kind : {PrincipalKind::kAdmin, PrincipalKind::kAuditor,
                             PrincipalKind::kSignatory, PrincipalKind::kOperator}) {
    Request request = ReadRequest();
    request.kind = kind;
    EXPECT_THAT(Said(DecideExample(request)), HasSubstr("PRINCIPAL_NOT_PERMITTED"));
  }
}

TEST(Decide, DeniesWhatConfigurationKeepsThePrincipalFrom) {
  Request request = ReadRequest();
  request.purpose_permitted = false;
  EXPECT_THAT(Said(DecideExample(request)), HasSubstr("PRINCIPAL_NOT_PERMITTED"));
}

TEST(Decide, DeniesAnOperationThatIsNone) {
  Request request = ReadRequest();
  request.operation = v1::OPERATION_UNSPECIFIED;
  EXPECT_THAT(Said(DecideExample(request)), HasSubstr("PRINCIPAL_NOT_PERMITTED"));
  request.operation = static_cast<v1::Operation>(77);
  EXPECT_THAT(Said(DecideExample(request)), HasSubstr("PRINCIPAL_NOT_PERMITTED"));
}

TEST(Decide, SaysNoMouOfOneThatDoesNotExistAndOfOneOfOthersAlike) {
  Request request = ReadRequest();
  request.mou = "no-such";
  const std::string missing = Said(DecideExample(request));
  request = ReadRequest();
  request.organization = "lake-unified";
  const Decision others = DecideExample(request);
  EXPECT_EQ(Said(others), missing);
  EXPECT_THAT(missing, HasSubstr("NO_MOU"));
  EXPECT_EQ(DenialOf(others)->version, 0);
  EXPECT_TRUE(DenialOf(others)->document_digest.empty());
  EXPECT_TRUE(DenialOf(others)->nearest.empty());
}

TEST(Decide, DeniesWithoutAnyMou) {
  Request request = ReadRequest();
  EXPECT_THAT(Said(DecideUnder({}, request)), HasSubstr("NO_MOU"));
  request.mou.reset();
  EXPECT_THAT(Said(DecideUnder({}, request)), HasSubstr("NO_MOU"));
}

TEST(Decide, DeniesWhenTwoMousFitAndNoneIsNamed) {
  Request request = ReadRequest();
  request.mou.reset();
  const std::vector<MouVersion> two = {
      SignedForTest(ExampleMou()),
      SignedForTest(ExampleMouWith("mou: stem-pipeline", "mou: art-pipeline"))};
  EXPECT_EQ(
      Said(DecideUnder(two, request)),
      "AMBIGUOUS_MOU: several MOUs allow the request (art-pipeline, stem-pipeline); name one");
  request.mou = "art-pipeline";
  EXPECT_EQ(Said(DecideUnder(two, request)), "PERMIT");
}

TEST(Decide, TakesTheOnlyMouThatFitsOfTwo) {
  Request request = ReadRequest();
  request.mou.reset();
  const Decision decision =
      DecideUnder({SignedForTest(ExampleMou()),
                   SignedForTest(ExampleMouWith("mou: stem-pipeline\n", "mou: other\n"))},
                  request);
  MouVersion suspended = SignedForTest(ExampleMouWith("mou: stem-pipeline\n", "mou: other\n"));
  suspended.suspended = true;
  EXPECT_THAT(Said(decision), HasSubstr("AMBIGUOUS_MOU"));
  EXPECT_EQ(Said(DecideUnder({SignedForTest(ExampleMou()), suspended}, request)), "PERMIT");
}

TEST(Decide, ExplainsByTheOnlyMouWhereNoneFits) {
  Request request = ReadRequest();
  request.mou.reset();
  request.purpose = "marketing";
  const Decision decision = DecideExample(request);
  EXPECT_THAT(Said(decision), HasSubstr("PURPOSE_NOT_GRANTED"));
  EXPECT_EQ(DenialOf(decision)->mou, "stem-pipeline");
}

TEST(Decide, NamesWhoHasNotSigned) {
  MouVersion version = SignedForTest(ExampleMou());
  version.ever_signed = false;
  version.unsigned_parties = {"river-unified"};
  const Decision decision = DecideUnder({version}, ReadRequest());
  EXPECT_EQ(Said(decision), "NOT_SIGNED: not signed by river-unified");
  EXPECT_THAT(DenialOf(decision)->unsigned_parties, ElementsAre("river-unified"));
}

TEST(Decide, DeniesOnceASignatureIsVoid) {
  MouVersion version = SignedForTest(ExampleMou());
  version.unsigned_parties = {"state-university"};
  EXPECT_EQ(Said(DecideUnder({version}, ReadRequest())),
            "NOT_SIGNED: not signed by state-university");
}

TEST(Decide, DeniesWhileSuspended) {
  MouVersion version = SignedForTest(ExampleMou());
  version.suspended = true;
  const Decision decision = DecideUnder({version}, ReadRequest());
  EXPECT_EQ(Said(decision), "SUSPENDED: a party has suspended the MOU");
  EXPECT_THAT(NearestOf(decision), ElementsAre("expected-completers: the MOU is suspended"));
}

TEST(Decide, DeniesFromTheDayOfTermination) {
  MouVersion version = SignedForTest(ExampleMou());
  version.terminated_on = absl::CivilDay(2027, 3, 2);
  EXPECT_EQ(Said(DecideUnder({version}, ReadRequest())), "PERMIT");
  version.terminated_on = absl::CivilDay(2027, 3, 1);
  EXPECT_EQ(Said(DecideUnder({version}, ReadRequest())),
            "TERMINATED: a party ended the MOU on 2027-03-01");
}

TEST(Decide, FollowsTheNewestVersionThatHasBegun) {
  MouVersion next = SignedForTest(ExampleMouWith("version: 1", "version: 2"));
  const auto version_of = [&](const Decision& decision) {
    return std::get<Permit>(decision).mou().version();
  };
  EXPECT_EQ(version_of(DecideUnder({next, SignedForTest(ExampleMou())}, ReadRequest())), 2);
  // A proposal changes nothing.
  next.ever_signed = false;
  next.unsigned_parties = {"river-unified"};
  EXPECT_EQ(version_of(DecideUnder({next, SignedForTest(ExampleMou())}, ReadRequest())), 1);
}

TEST(Decide, AProposalOverASignedMouMakesNobodyAParty) {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  const std::string with_lake = absl::StrReplaceAll(
      ExampleMou(),
      {{"version: 1", "version: 2"},
       {"catalog:",
        absl::StrCat("  - {organization: lake-unified, signatory_ca: ", digest, "}\ncatalog:")}});
  MouVersion next = SignedForTest(with_lake);
  next.ever_signed = false;
  next.unsigned_parties = {"lake-unified"};
  Request request = ReadRequest();
  request.organization = "lake-unified";
  const auto mous = MouSet::Create({SignedForTest(ExampleMou()), next});
  EXPECT_THAT(Said(Decide(*mous, request)), HasSubstr("NO_MOU"));
  EXPECT_TRUE(mous->MousOf("lake-unified").empty());
  EXPECT_THAT(mous->MousOf("river-unified"), ElementsAre("stem-pipeline"));
  EXPECT_THAT(mous->MousNaming("lake-unified"), ElementsAre("stem-pipeline"));
  EXPECT_THAT(mous->MousNaming("river-unified"), ElementsAre("stem-pipeline"));
  request.mou.reset();
  EXPECT_THAT(Said(Decide(*mous, request)), HasSubstr("NO_MOU"));
  // Where nothing was ever signed its parties wait for each other.
  request.mou = "stem-pipeline";
  EXPECT_THAT(Said(DecideUnder({next}, request)), HasSubstr("NOT_SIGNED"));
  // Of a proposal in the place of another the parties are its own.
  MouVersion first = SignedForTest(ExampleMou());
  first.ever_signed = false;
  first.over = true;
  first.unsigned_parties = {"river-unified"};
  EXPECT_THAT(Said(DecideUnder({first, next}, request)), HasSubstr("NOT_SIGNED"));
  first.mou = next.mou;
  next.mou = SignedForTest(ExampleMouWith("version: 1", "version: 3")).mou;
  EXPECT_THAT(Said(DecideUnder({first, next}, request)), HasSubstr("NO_MOU"));
  next.mou = first.mou;
  // Signed once, void since.
  next.ever_signed = true;
  EXPECT_THAT(Said(DecideUnder({SignedForTest(ExampleMou()), next}, request)),
              HasSubstr("NOT_SIGNED"));
}

TEST(Decide, NeverGoesBackToASupersededVersion) {
  MouVersion next = SignedForTest(ExampleMouWith("version: 1", "version: 2"));
  next.terminated_on = absl::CivilDay(2027, 1, 1);
  EXPECT_THAT(Said(DecideUnder({next, SignedForTest(ExampleMou())}, ReadRequest())),
              HasSubstr("TERMINATED"));
}

TEST(Decide, DeniesAPinnedTypeThatTheGatewayDoesNotHold) {
  const MouVersion version = SignedForTest(
      ExampleMouWith(Pin("Candidate"), absl::StrCat("Candidate: sha256:", std::string(64, '0'))));
  EXPECT_THAT(Said(DecideUnder({version}, ReadRequest())), HasSubstr("CATALOG_UNAVAILABLE"));
}

TEST(Decide, NamesTheFirstFilterThatLeavesNoGrant) {
  Request request = ReadRequest();
  request.organization = "state-university";
  EXPECT_EQ(Said(DecideExample(request)), "NOT_A_RECIPIENT: no grant is to this organization");
  request = ReadRequest();
  request.purpose = "marketing";
  EXPECT_EQ(Said(DecideExample(request)),
            "PURPOSE_NOT_GRANTED: no grant to it is for this purpose");
  request = ReadRequest();
  request.record_type = "Employment";
  EXPECT_EQ(Said(DecideExample(request)),
            "RECORD_NOT_GRANTED: no such grant is of this record type");
  request = ReadRequest();
  request.operation = v1::OPERATION_SYNC;
  const Decision decision = DecideExample(request);
  EXPECT_EQ(Said(decision), "OPERATION_NOT_GRANTED: no such grant is for this operation");
  EXPECT_THAT(NearestOf(decision), ElementsAre("expected-completers: operation, it allows READ"));
}

TEST(Decide, DeniesOutsideTheGrantsOwnPeriod) {
  const MouVersion version = SignedForTest(
      ExampleMouWith("prohibitions: []",
                     "    period: {effective: 2027-01-01, expires: 2027-02-01}\nprohibitions: []"));
  EXPECT_EQ(Said(DecideUnder({version}, ReadRequest())),
            "OUTSIDE_PERIOD: no such grant holds on this day");
}

TEST(Decide, DeniesWhatItsOwnerWithdrew) {
  MouVersion version = SignedForTest(ExampleMou());
  version.withdrawn_grants = {"expected-completers"};
  const Decision decision = DecideUnder({version}, ReadRequest());
  EXPECT_THAT(Said(decision), HasSubstr("WITHDRAWN"));
  EXPECT_THAT(NearestOf(decision), ElementsAre("expected-completers: withdrawn by its owner"));
}

TEST(Decide, DeniesWhatProhibitionsRemoveAsAWholeOnThatDay) {
  const MouVersion version = SignedForTest(ExampleMouWith(
      "prohibitions: []",
      "prohibitions: [{name: pause, reason: r, period: {effective: 2027-03-01, expires: "
      "2027-03-02}}]"));
  Request request = ReadRequest();
  const auto mous = MouSet::Create({version});
  EXPECT_THAT(Said(Decide(*mous, request)), HasSubstr("PROHIBITED"));
  // The same set a day later and before: what was kept for a day is not taken for another.
  request.time = Noon(2027, 3, 2);
  EXPECT_EQ(Said(Decide(*mous, request)), "PERMIT");
  request.time = Noon(2027, 2, 28);
  EXPECT_EQ(Said(Decide(*mous, request)), "PERMIT");
  request.time = Noon(2027, 3, 1);
  EXPECT_THAT(Said(Decide(*mous, request)), HasSubstr("PROHIBITED"));
}

TEST(Decide, SharesOnePlanAmongPermits) {
  const auto mous = MouSet::Create({SignedForTest(ExampleMou())});
  const Decision a = Decide(*mous, ReadRequest()), b = Decide(*mous, ReadRequest());
  EXPECT_EQ(std::get<Permit>(a).shared_plan(), std::get<Permit>(b).shared_plan());
}

TEST(Decide, KeepsAPermitAliveBeyondItsMous) {
  auto mous = MouSet::Create({SignedForTest(ExampleMou())});
  const Decision decision = Decide(*mous, ReadRequest());
  mous.reset();
  EXPECT_EQ(std::get<Permit>(decision).purpose(), "hiring_pipeline");
  EXPECT_EQ(std::get<Permit>(decision).plan().type->name(), "Candidate");
}

TEST(MayCall, GivesEachKindItsRpcs) {
  using enum PrincipalKind;
  EXPECT_TRUE(MayCall(kSystem, "PublishRecords"));
  EXPECT_FALSE(MayCall(kSystem, "ListEntries"));
  EXPECT_TRUE(MayCall(kAdmin, "ListEntries"));
  EXPECT_FALSE(MayCall(kAdmin, "PublishRecords"));
  EXPECT_TRUE(MayCall(kAuditor, "GetInclusionProof"));
  EXPECT_FALSE(MayCall(kAuditor, "ListGrants"));
  EXPECT_FALSE(MayCall(kAuditor, "ReadRecords"));
  EXPECT_TRUE(MayCall(kOperator, "ListEntries"));
  EXPECT_FALSE(MayCall(kOperator, "GetRecord"));
  for (const char* rpc : {"PublishRecords", "ReadRecords", "ListEntries", "GetCheckpoint"}) {
    EXPECT_FALSE(MayCall(kSignatory, rpc));
  }
  for (const char* rpc :
       {"ListOrganizations", "GetOrganization", "CreateOrganization", "UpdateOrganization"}) {
    EXPECT_TRUE(MayCall(kOperator, rpc));
    for (PrincipalKind kind : {kSystem, kAdmin, kAuditor, kSignatory}) {
      EXPECT_FALSE(MayCall(kind, rpc)) << rpc;
    }
  }
  for (const char* rpc : {"ListKeys", "GetKey", "RotateKey", "DestroyKey"}) {
    EXPECT_TRUE(MayCall(kAdmin, rpc) && MayCall(kOperator, rpc)) << rpc;
    EXPECT_FALSE(MayCall(kSystem, rpc) || MayCall(kAuditor, rpc) || MayCall(kSignatory, rpc));
  }
  for (const char* rpc : {"ProposeMou", "SignMou", "AttestDestruction", "SuspendMou", "ResumeMou",
                          "TerminateMou", "WithdrawGrant"}) {
    EXPECT_TRUE(MayCall(kAdmin, rpc)) << rpc;
    for (PrincipalKind kind : {kSystem, kAuditor, kSignatory, kOperator}) {
      EXPECT_FALSE(MayCall(kind, rpc)) << rpc;
    }
  }
  for (const char* rpc : {"ListMous", "GetMou"}) {
    EXPECT_TRUE(MayCall(kAdmin, rpc) && MayCall(kAuditor, rpc)) << rpc;
    EXPECT_FALSE(MayCall(kSystem, rpc) || MayCall(kSignatory, rpc) || MayCall(kOperator, rpc));
  }
  EXPECT_FALSE(MayCall(kSystem, "NoSuchRpc"));
}

}  // namespace
}  // namespace sluice::policy
