#include "server/audit/entry_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <roaring/roaring.hh>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/audit/audit_log.h"
#include "tests/support/entry_rewriter.h"
#include "tests/support/log_fixture.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Bytes that count up, so that commitments are the same each time.
RandomSource CountedRandom() {
  return [next = uint8_t{0}](absl::Span<uint8_t> out) mutable {
    for (uint8_t& byte : out) byte = next++;
    return absl::OkStatus();
  };
}

EncodedEntry Encoded(const Entry& entry) {
  absl::StatusOr<EncodedEntry> encoded = EncodeEntry(entry, CountedRandom());
  EXPECT_TRUE(encoded.ok()) << encoded.status();
  return *std::move(encoded);
}

std::string BodyOf(const Entry& entry) {
  const std::string boot(32, 'b');
  EntryStamp stamp;
  stamp.time_ms = 1798761600000;
  stamp.writer = "gateway-1";
  stamp.boot = boot;
  stamp.wseq = 42;
  return StampEntry(Encoded(entry), stamp).value();
}

policy::Field BirthDate() {
  policy::Field field;
  field.number = 4;
  field.path = "birth_date";
  return field;
}

DisclosureEntry Disclosure(const policy::Field& field) {
  DisclosureEntry entry = DisclosureOf(3, 17);
  entry.fields = {{&field, policy::FieldRule::Pseudonymize()}, {&field, policy::FieldRule::Pass()}};
  v1::FieldRule year;
  year.mutable_generalize()->set_to(v1::DATE_PRECISION_YEAR);
  year.mutable_generalize()->set_band(5);
  entry.fields.push_back({&field, policy::FieldRule::FromProto(year).value()});
  entry.chunk = 2;
  entry.rows = 5;
  entry.subjects = {1, 2, 3, 70000};
  return entry;
}

MouEntry Mou() {
  MouEntry entry;
  entry.mou = "stem-pipeline";
  entry.version = 1;
  entry.document_digest = "sha256:" + std::string(64, 'd');
  entry.state = "SIGNED";
  entry.parties = {"state-university", "river-unified"};
  entry.signatures.push_back({"state-university",
                              std::string(64, 'e'),
                              {std::string(64, 'f')},
                              "1F",
                              absl::FromUnixMillis(1798761500000)});
  return entry;
}

MouEntry MouAct() {
  MouEntry entry = Mou();
  entry.state = "ACTIVE";
  entry.signatures.clear();
  entry.request = RequestNumber(8);
  entry.caller.principal = {policy::PrincipalKind::kAdmin, "river-unified", "pat-doe"};
  entry.caller.spki = std::string(64, 'a');
  entry.action = "TERMINATE";
  entry.ends = absl::CivilDay(2027, 2, 1);
  entry.reason = "PURPOSE_ENDED";
  entry.standing_digest = "sha256:" + std::string(64, '7');
  entry.previous_index = 17;
  return entry;
}

MouEntry Attestation() {
  MouEntry entry = MouAct();
  entry.state = "TERMINATED";
  entry.action = "ATTEST";
  entry.ends.reset();
  entry.reason.clear();
  entry.as_of = absl::CivilDay(2027, 3, 1);
  return entry;
}

OrganizationEntry ChangedOrganization() {
  OrganizationEntry entry;
  entry.request = RequestNumber(6);
  entry.caller.principal = {policy::PrincipalKind::kOperator, "", "pat-doe"};
  entry.caller.spki = std::string(64, 'a');
  entry.organization = "river-unified";
  entry.before.ca_bundle = "sha256:" + std::string(64, '1');
  entry.after = {"sha256:" + std::string(64, '2'), "sha256:" + std::string(64, '3'),
                 "sha256:" + std::string(64, '4'), "sha256:" + std::string(64, '5')};
  return entry;
}

ErasureEntry Erasure(const EntryCaller& caller) {
  ErasureEntry entry;
  entry.request = RequestNumber(7);
  entry.caller = caller;
  entry.owner = "river-unified";
  entry.reason = "SUBJECT_REQUEST";
  entry.subjects = {5, 70000};
  entry.openings = {{"filter", 17, 18}, {"filter", 23, 24}};
  return entry;
}

std::vector<std::pair<std::string, Entry>> OneOfEachType(const policy::Field& field) {
  DecisionEntry decision = PermitEntry(1);
  decision.filter = "expected_completion_year >= 2027";
  DecisionEntry denial = DenialEntry(2);
  denial.caller.principal = {policy::PrincipalKind::kAdmin, "river-unified", "pat-doe"};
  denial.count = 12;
  return {{"decision", decision},
          {"decision_denial", denial},
          {"disclosure", Disclosure(field)},
          {"outcome", OutcomeOf(3, 17)},
          {"mou", Mou()},
          {"mou_act", MouAct()},
          {"mou_attestation", Attestation()},
          {"ordinals", OrdinalsEntry{"state-university", 1, 5, absl::Base64Escape("root")}},
          {"withdraw", WithdrawEntry{RequestNumber(5), RiverUnified(), "river-unified", 19, 40, 43,
                                     44, 3, 2, 1, 0, 4}},
          {"admin", AdminEntry{"CA_BUNDLE", "river-unified", std::string(64, '9')}},
          {"organization", ChangedOrganization()},
          {"key", KeyEntry{.action = "CREATED", .key = "log-1", .digest = std::string(64, '8')}},
          {"key_destroyed", KeyEntry{"DESTROYED", "records", "", "state-university", 2,
                                     RequestNumber(6), denial.caller, 17}},
          {"key_root", KeyEntry{.action = "DESTROYED",
                                .key = "mou-stem-pipeline.root",
                                .parties = {"river-unified", "state-university"}}},
          {"read", ReadEntry{RequestNumber(4), RiverUnified(), "ListEntries", 0, 100}},
          {"erasure", Erasure(denial.caller)},
          {"erasure_due", ErasureEntry{.reason = "PERIOD_OVER",
                                       .openings = {{"filter", 0, 4096}},
                                       .parties = {"river-unified", "state-university"}}},
          {"gap", GapEntry{std::string(32, 'c'), 7, 9}},
          {"heartbeat", HeartbeatEntry()}};
}

// A changed golden file is a changed promise. SLUICE_WRITE_GOLDEN=1 writes them anew.
TEST(EntryEncoding, WritesEachTypeAsItsGoldenFileHasIt) {
  const policy::Field field = BirthDate();
  for (const auto& [name, entry] : OneOfEachType(field)) {
    const std::string path = absl::StrCat(SLUICE_SOURCE_DIR, "/tests/golden/log/", name, ".json");
    const std::string body = BodyOf(entry);
    if (std::getenv("SLUICE_WRITE_GOLDEN") != nullptr) std::ofstream(path) << body << "\n";
    std::ifstream in(path);
    const std::string golden(std::istreambuf_iterator<char>(in), {});
    EXPECT_EQ(body + "\n", golden) << path;
    EXPECT_LT(body.size(), 1024u);
  }
}

TEST(EntryEncoding, ReadsBackWhatItWrites) {
  const policy::Field field = BirthDate();
  for (const auto& [name, entry] : OneOfEachType(field)) {
    const std::string body = BodyOf(entry);
    absl::StatusOr<ParsedEntry> parsed = ParseEntry(body);
    ASSERT_TRUE(parsed.ok()) << name;
    EXPECT_EQ(parsed->wseq, 42);
    EXPECT_EQ(parsed->time_ms, 1798761600000);
    EXPECT_EQ(Rewrite(parsed->json), body);
  }
}

TEST(EntryEncoding, AnyByteChangedIsRefusedOrReadAsItStands) {
  const policy::Field field = BirthDate();
  for (const auto& [name, entry] : OneOfEachType(field)) {
    const std::string body = BodyOf(entry);
    for (size_t i = 0; i < body.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = body;
        changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
        absl::StatusOr<ParsedEntry> parsed = ParseEntry(changed);
        if (parsed.ok()) {
          ASSERT_EQ(Rewrite(parsed->json), changed);
        }
      }
      ASSERT_FALSE(ParseEntry(absl::string_view(body).substr(0, i)).ok()) << name << " " << i;
    }
    EXPECT_FALSE(ParseEntry(body + "x").ok());
  }
}

TEST(EntryEncoding, RefusesJsonThatCouldBeReadInTwoWays) {
  for (const char* text :
       {"",
        "{",
        "[]",
        "\"a\"",
        "{}{}",
        " {}",
        "{} ",
        "{\"a\": 1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":01}",
        "{\"a\":-1}",
        "{\"a\":1.0}",
        "{\"a\":1e3}",
        "{\"a\":9007199254740992}",
        "{\"a\":99999999999999999999}",
        "{\"a\":\"\\n\"}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\xC3\xA9\"}",
        "{\"a\":null}",
        "{\"a\":false}",
        "{\"a\":[1]}",
        "{\"a\":[[]]}",
        "{\"a\":[\"b\",]}",
        "{a:1}",
        "{\"a\":tru}",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}"}) {
    EXPECT_FALSE(ParseEntryJson(text).ok()) << text;
  }
  EXPECT_TRUE(ParseEntryJson("{\"a\":9007199254740991,\"b\":[\"c\",{\"d\":true}]}").ok());
}

TEST(EntryEncoding, CommitsToWhatItsOpeningsOpen) {
  const policy::Field field = BirthDate();
  const EncodedEntry entry = Encoded(Disclosure(field));
  ASSERT_EQ(entry.openings.size(), 2u);
  const LogRow::Opening& bitmap = entry.openings[1];
  EXPECT_EQ(bitmap.owner, "state-university");
  EXPECT_EQ(bitmap.field, "subjects");
  EXPECT_EQ(bitmap.salt.size(), 32u);
  const Hash commitment = Sha256("bm1" + bitmap.salt + bitmap.value);
  EXPECT_THAT(entry.members,
              HasSubstr("\"commit\":\"" + absl::Base64Escape(HashBytes(commitment)) + "\""));
  const Roaring read = Roaring::readSafe(bitmap.value.data(), bitmap.value.size());
  std::vector<uint32_t> ordinals(read.cardinality());
  read.toUint32Array(ordinals.data());
  EXPECT_THAT(ordinals, testing::ElementsAre(1, 2, 3, 70000));
}

TEST(EntryEncoding, TakesAFreshSaltForEachCommitment) {
  const EncodedEntry a = EncodeEntry(OutcomeOf(1, 0), SystemRandom).value();
  const EncodedEntry b = EncodeEntry(OutcomeOf(1, 0), SystemRandom).value();
  EXPECT_NE(a.openings[0].salt, a.openings[1].salt);
  EXPECT_NE(a.openings[0].salt, b.openings[0].salt);
  EXPECT_NE(a.members, b.members);
}

TEST(EntryEncoding, KeepsOutWhatIsAPersonsOrASecretOfTheOwner) {
  DecisionEntry entry = PermitEntry(1);
  entry.filter = "last_name = 'Okafor'";
  for (policy::PrincipalKind kind :
       {policy::PrincipalKind::kAdmin, policy::PrincipalKind::kAuditor,
        policy::PrincipalKind::kSignatory, policy::PrincipalKind::kOperator}) {
    entry.caller.principal = {kind, "river-unified", "pat-doe"};
    const std::string body = BodyOf(entry);
    EXPECT_THAT(body, Not(HasSubstr("pat-doe")));
    EXPECT_THAT(body, Not(HasSubstr("Okafor")));
  }
  OutcomeEntry outcome = OutcomeOf(1, 0);
  outcome.considered = 1234567;
  outcome.withheld = 7654321;
  const std::string body = BodyOf(outcome);
  EXPECT_THAT(body, Not(HasSubstr("1234567")));
  EXPECT_THAT(body, Not(HasSubstr("7654321")));
}

// A request may name what is no name at all; it gets its denial, and none of it gets into the log.
TEST(EntryEncoding, LeavesOutWhatARequestMadeUp) {
  for (const std::string& hostile :
       {std::string("a\"b"), std::string("a b"), std::string("x\n"), std::string("\xC3\xA9"),
        std::string(65, 'x'), std::string("a\0b", 3), std::string("Jane Q. Public, 555-12-3456")}) {
    DecisionEntry entry = DenialEntry(1);
    entry.terms = EntryTerms();
    entry.terms.mou = entry.terms.purpose = entry.terms.record_type = hostile;
    entry.operation = entry.caller.principal.name = entry.caller.spki = hostile;
    const std::string body = BodyOf(entry);
    EXPECT_THAT(body, Not(HasSubstr(hostile)));
    EXPECT_THAT(body, Not(HasSubstr("\"purpose\"")));
    EXPECT_TRUE(ParseEntry(body).ok());
  }
}

TEST(EntryEncoding, RefusesEntriesThatCannotDoWithoutWhatIsWrong) {
  const auto refused = [](const Entry& entry) {
    return absl::IsInvalidArgument(EncodeEntry(entry, CountedRandom()).status());
  };
  const policy::Field field = BirthDate();
  DisclosureEntry disclosure = Disclosure(field);
  disclosure.terms.owner = "";
  EXPECT_TRUE(refused(disclosure));
  disclosure = Disclosure(field);
  disclosure.subjects = {3, 3};
  EXPECT_TRUE(refused(disclosure));
  disclosure.subjects = {3, 2};
  EXPECT_TRUE(refused(disclosure));
  disclosure = Disclosure(field);
  disclosure.request = "1";
  EXPECT_TRUE(refused(disclosure));
  disclosure = Disclosure(field);
  disclosure.decision_index = uint64_t{1} << 53;
  EXPECT_TRUE(refused(disclosure));
  DecisionEntry decision = PermitEntry(1);
  decision.grants = {"not a name"};
  EXPECT_TRUE(refused(decision));
  decision = PermitEntry(1);
  decision.terms.document_digest = "sha256:short";
  EXPECT_TRUE(refused(decision));
  decision = PermitEntry(1);
  decision.count = -1;
  EXPECT_TRUE(refused(decision));
  MouEntry mou = Mou();
  mou.state = "free text";
  EXPECT_TRUE(refused(mou));
  ErasureEntry erasure = Erasure(decision.caller);
  erasure.subjects = {5, 5};
  EXPECT_TRUE(refused(erasure));
  erasure = Erasure(decision.caller);
  erasure.reason = "free text";
  EXPECT_TRUE(refused(erasure));
  EXPECT_TRUE(refused(GapEntry{"not hexadecimal", 0, 1}));
}

// The longest names, as many as a document may have, and all the parties of an MOU.
TEST(EntryEncoding, WritesTwoHundredGrantsAndTheCountOfTheOthers) {
  const std::string name(63, 'g');
  const policy::Field field = BirthDate();
  DecisionEntry decision = PermitEntry(1);
  decision.parties.assign(64, std::string(63, 'p'));
  DisclosureEntry disclosure = Disclosure(field);
  for (const size_t count : {size_t{200}, size_t{201}, size_t{5000}}) {
    decision.grants.assign(count, name);
    disclosure.grants = decision.grants;
    for (const Entry& entry : {Entry(decision), Entry(disclosure)}) {
      const std::string body = BodyOf(entry);
      const absl::StatusOr<ParsedEntry> parsed = ParseEntry(body);
      ASSERT_TRUE(parsed.ok());
      EXPECT_EQ(parsed->json.FindInteger("more_grants", 0), static_cast<int64_t>(count - 200));
      size_t names = 0;
      for (size_t at = body.find(name); at != std::string::npos; at = body.find(name, at + 1)) {
        ++names;
      }
      EXPECT_EQ(names, 200u);
    }
  }
  decision.grants.back() = "not a name";
  EXPECT_TRUE(absl::IsInvalidArgument(EncodeEntry(decision, CountedRandom()).status()));
}

TEST(EntryEncoding, RefusesAnEntryThatABundleCannotCarry) {
  DecisionEntry entry = PermitEntry(1);
  entry.parties.assign(1000, std::string(64, 'p'));
  const std::string boot(32, 'b');
  EntryStamp stamp;
  stamp.writer = "gateway-1";
  stamp.boot = boot;
  EXPECT_TRUE(absl::IsInvalidArgument(StampEntry(Encoded(entry), stamp).status()));
  entry.parties.resize(900);
  EXPECT_TRUE(StampEntry(Encoded(entry), stamp).ok());
}

TEST(EntryEncoding, FailsWithoutRandomness) {
  const RandomSource none = [](absl::Span<uint8_t>) { return absl::InternalError("none"); };
  EXPECT_TRUE(absl::IsInternal(EncodeEntry(OutcomeOf(1, 0), none).status()));
  EXPECT_TRUE(absl::IsInternal(EncodeEntry(HeartbeatEntry(), none).status()));
}

TEST(Concerns, TheCallerTheOwnerThePartiesAndNobodyElse) {
  const policy::Field field = BirthDate();
  const std::string decision = BodyOf(PermitEntry(1));
  EXPECT_TRUE(Concerns(decision, "river-unified"));
  EXPECT_TRUE(Concerns(decision, "state-university"));
  EXPECT_FALSE(Concerns(decision, "hill-unified"));
  EXPECT_FALSE(Concerns(decision, "stem-pipeline"));
  EXPECT_FALSE(Concerns(decision, "hiring"));
  EXPECT_FALSE(Concerns(decision, ""));
  const std::string disclosure = BodyOf(Disclosure(field));
  EXPECT_TRUE(Concerns(disclosure, "river-unified"));
  EXPECT_TRUE(Concerns(disclosure, "state-university"));
  EXPECT_TRUE(Concerns(BodyOf(Mou()), "river-unified"));
  EXPECT_TRUE(Concerns(BodyOf(AdminEntry{"CA_BUNDLE", "river-unified", ""}), "river-unified"));
  EXPECT_FALSE(Concerns(BodyOf(AdminEntry{"START", "", ""}), "river-unified"));
  EXPECT_FALSE(Concerns(BodyOf(HeartbeatEntry()), "river-unified"));
  EXPECT_FALSE(Concerns("{\"caller\":{\"organization\":\"river-unified\"}}", "river-unified"));
  EXPECT_FALSE(Concerns(decision.substr(1), "river-unified"));
}

}  // namespace
}  // namespace sluice::server
