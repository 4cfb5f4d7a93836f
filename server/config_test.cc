#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace sluice::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kGood[] = R"(gateway: demo
listen: 127.0.0.1:0
trust_domain: sluice.example
tls: {certificate: gateway.pem, key: gateway.key}
organizations:
  - {name: state-university, ca_bundle: su/ca.pem, crl: su/crl.pem}
  - {name: river-unified, ca_bundle: /etc/ru/ca.pem}
operator: {ca_bundle: op.pem}
keys: keys
store: {sqlite: sluice.db}
log: {origin: sluice.example/demo/1, tiles: log}
mous: mous
quotas: {concurrent_streams: 3, rows_owned: 500000}
drain: 2s
principals:
  - id: spiffe://sluice.example/org/river-unified/system/sis
    purposes: [hiring_pipeline]
)";

std::vector<std::string> Findings(const std::string& text) {
  std::vector<std::string> result;
  for (const auto& finding : ParseConfig("/etc/sluice/sluiced.yaml", text).findings) {
    result.push_back(finding.ToString());
  }
  return result;
}

TEST(Config, ReadsAllOfAFileAndTakesPathsRelativeToIt) {
  const ConfigRead read = ParseConfig("/etc/sluice/sluiced.yaml", kGood);
  ASSERT_THAT(read.findings, IsEmpty());
  EXPECT_EQ(read.config.tls_key, "/etc/sluice/gateway.key");
  ASSERT_EQ(read.config.organizations.size(), 2u);
  EXPECT_EQ(read.config.organizations[0].crl, "/etc/sluice/su/crl.pem");
  EXPECT_EQ(read.config.organizations[1].ca_bundle, "/etc/ru/ca.pem");
  EXPECT_EQ(read.config.quotas.concurrent_streams, 3);
  EXPECT_EQ(read.config.quotas.rows_owned, 500000);
  EXPECT_EQ(read.config.quotas.total_streams, QuotaLimits().total_streams);
  EXPECT_EQ(read.config.drain, absl::Seconds(2));
  EXPECT_THAT(read.config.purposes.at("spiffe://sluice.example/org/river-unified/system/sis"),
              ElementsAre("hiring_pipeline"));
}

TEST(Config, TellsAllThatIsWrongAtOnceEachWithItsPlace) {
  const std::vector<std::string> findings = Findings(
      absl::StrReplaceAll(kGood, {{"listen: 127.0.0.1:0", "listen: nowhere"},
                                  {"store: {sqlite: sluice.db}", "store: {sqlit: sluice.db}"},
                                  {"drain: 2s", "drain: soon"}}));
  ASSERT_EQ(findings.size(), 4u);
  EXPECT_THAT(findings[0], HasSubstr("sluiced.yaml:2:"));
  EXPECT_THAT(findings[1] + findings[2], HasSubstr("unknown key \"sqlit\""));
  EXPECT_THAT(findings[1] + findings[2], HasSubstr("one of sqlite and postgres"));
  EXPECT_THAT(findings[3], HasSubstr("drain: must be a duration"));
}

TEST(Config, SaysWhereItsKeysStand) {
  const auto with = [](const char* keys) {
    return absl::StrReplaceAll(kGood, {{"keys: keys", keys}});
  };
  const auto read = [&](const char* keys) {
    const ConfigRead config = ParseConfig("/etc/sluice/sluiced.yaml", with(keys));
    EXPECT_THAT(config.findings, IsEmpty()) << keys;
    return config.config.keys;
  };
  EXPECT_EQ(read("keys: keys"), KeySource{.directory = "/etc/sluice/keys"});
  EXPECT_EQ(read("keys: {directory: keys, credential: new, former_credential: old}"),
            (KeySource{"/etc/sluice/keys", "new", "old"}));
  EXPECT_EQ(read("keys: {directory: /k, pkcs11: {module: /m.so, token: my token, pin_file: pin}}"),
            (KeySource{"/k", "", "", TokenSource{"/m.so", "my token", "/etc/sluice/pin"}}));
  EXPECT_EQ(read("keys: {directory: /k, pkcs11: {module: /m.so, token: t, pin_credential: pin}}"),
            (KeySource{"/k", "", "", TokenSource{"/m.so", "t", "", "pin"}}));
  for (const char* keys :
       {"keys: {credential: c}", "keys: {directory: k, former_credential: c}",
        "keys: {directory: k, credential: ../c}", "keys: [k]",
        "keys: {directory: k, pkcs11: {module: m, token: t}}",
        "keys: {directory: k, pkcs11: {module: m, token: t, pin: 1234}}",
        "keys: {directory: k, pkcs11: {module: m, token: t, pin_file: p, pin_credential: c}}",
        "keys: {directory: k, pkcs11: {token: t, pin_file: p}}"}) {
    EXPECT_THAT(Findings(with(keys)), Not(IsEmpty())) << keys;
  }
}

TEST(Config, HasOneStoreAndNoPasswordInItsSettings) {
  const auto with = [](const char* store) {
    return absl::StrReplaceAll(kGood, {{"store: {sqlite: sluice.db}", store}});
  };
  const ConfigRead read =
      ParseConfig("/etc/sluice/sluiced.yaml",
                  with("store: {postgres: \"host=db.example.org passfile=/etc/sluice/db\"}"));
  EXPECT_THAT(read.findings, IsEmpty());
  EXPECT_EQ(read.config.postgres, "host=db.example.org passfile=/etc/sluice/db");
  EXPECT_EQ(read.config.sqlite, "");
  for (const char* store :
       {"store: {sqlite: sluice.db, postgres: \"host=db\"}", "store: {history_days: 3}"}) {
    const auto findings = Findings(with(store));
    ASSERT_EQ(findings.size(), 1u) << store;
    EXPECT_THAT(findings[0], HasSubstr("one of sqlite and postgres"));
  }
  const auto findings = Findings(with("store: {postgres: \"host=db password=hunter2\"}"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0], HasSubstr("passfile"));
  EXPECT_THAT(findings[0], ::testing::Not(HasSubstr("hunter2")));
}

TEST(Config, RefusesAnOrganizationThatStandsTwice) {
  const auto findings =
      Findings(absl::StrReplaceAll(kGood, {{"name: river-unified", "name: state-university"}}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0], HasSubstr("stands twice"));
}

// Who configures revocation means it of signatures, too.
TEST(Config, RefusesASignatoryBundleWithoutItsRevocationListBesideACrl) {
  const auto with = [](absl::string_view keys) {
    return Findings(absl::StrReplaceAll(kGood, {{"crl: su/crl.pem", keys}}));
  };
  const auto findings = with("crl: su/crl.pem, signatory_bundle: su/signatory-ca.pem");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0], HasSubstr("sluiced.yaml:6:69: "));
  EXPECT_THAT(findings[0], HasSubstr("signatory_bundle: has no \"signatory_crl\" beside it"));
  EXPECT_THAT(findings[0], HasSubstr("add signatory_crl"));
  EXPECT_THAT(with("crl: su/crl.pem, signatory_bundle: s.pem, signatory_crl: s.crl"), IsEmpty());
  EXPECT_THAT(with("signatory_bundle: su/signatory-ca.pem"), IsEmpty())
      << "an organization without revocation; the gateway warns of it";
  EXPECT_EQ(Findings(absl::StrReplaceAll(
                         kGood, {{"{ca_bundle: op.pem}",
                                  "{ca_bundle: op.pem, crl: op.crl, signatory_bundle: s.pem}"}}))
                .size(),
            1u);
}

// A limit on a principal that there can't be would be no limit.
TEST(Config, RefusesAPrincipalThatNoCertificateCanName) {
  for (const char* id :
       {"spiffe://other.example/org/river-unified/system/sis", "spiffe://sluice.example/sis",
        "spiffe://sluice.example/org/river-unified/systems/sis",
        "spiffe://sluice.example/org/river-unified/system/sis/", "river-unified"}) {
    const auto findings = Findings(
        absl::StrReplaceAll(kGood, {{"spiffe://sluice.example/org/river-unified/system/sis", id}}));
    ASSERT_EQ(findings.size(), 1u) << id;
    EXPECT_THAT(findings[0], HasSubstr("sluiced.yaml:16:"));
  }
}

TEST(Config, LooksAtPrincipalsUnderATrustDomainThatStandsBelowThem) {
  const std::string last = absl::StrCat(
      absl::StrReplaceAll(kGood, {{"trust_domain: sluice.example\n", ""}}), "trust_domain: ");
  EXPECT_THAT(Findings(last + "sluice.example\n"), IsEmpty());
  EXPECT_EQ(Findings(last + "other.example\n").size(), 1u);
}

TEST(Config, RefusesAPrincipalThatStandsTwice) {
  const auto findings = Findings(absl::StrCat(
      kGood,
      "  - {id: spiffe://sluice.example/org/river-unified/system/sis, purposes: [other]}\n"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0], HasSubstr("sluiced.yaml:18:"));
  EXPECT_THAT(findings[0], HasSubstr("stands twice"));
}

TEST(Config, RefusesANumberThatItsPlaceCannotHold) {
  const auto with = [](const char* quotas) {
    return Findings(
        absl::StrReplaceAll(kGood, {{"concurrent_streams: 3, rows_owned: 500000", quotas}}));
  };
  EXPECT_THAT(with("concurrent_streams: 2147483647"), IsEmpty());
  ASSERT_EQ(with("concurrent_streams: 2147483648").size(), 1u);
  EXPECT_THAT(with("concurrent_streams: 2147483648")[0], HasSubstr("from 1 to 2147483647"));
  EXPECT_EQ(with("total_streams: 4294967297").size(), 1u);
  EXPECT_THAT(with("bytes_published_per_day: 1125899906842624"), IsEmpty());
  EXPECT_EQ(with("bytes_published_per_day: 1125899906842625").size(), 1u);
  EXPECT_EQ(with("calls_per_second: 0").size(), 1u);
  EXPECT_EQ(with("rows_owned: 0").size(), 1u);
  EXPECT_EQ(with("publish_bytes_outstanding: 0").size(), 1u);
}

constexpr char kWitness[] =
    "{vkey: \"w1.example+b4232937+BEgHWll+choVbi4Hmd5cwMUyTcbn6vHN1GJQho7FMhXd\", "
    "url: \"https://w1.example:8444/of/us\", ca_file: w1.pem}";
constexpr char kOtherWitness[] =
    "{vkey: \"w2.example+c7a9989d+BF4hLAmA5LOfwJchE0qgIQk3Tt/SYMDT0Dy1AcjWVFep\", "
    "url: \"https://10.0.0.7\", ca_file: /etc/w2.pem}";

ConfigRead WithLog(const std::string& members) {
  return ParseConfig("/etc/sluice/sluiced.yaml",
                     absl::StrReplaceAll(kGood, {{"tiles: log}", "tiles: log" + members + "}"}}));
}
std::string LogFindings(const std::string& members) {
  std::string findings;
  for (const auto& finding : WithLog(members).findings) findings += finding.ToString() + "\n";
  return findings;
}

TEST(Config, HasNoWitnessesUnlessItNamesThem) {
  EXPECT_THAT(ParseConfig("", kGood).config.witnesses.witnesses, IsEmpty());
}

TEST(Config, NamesWitnessesOfWhichMoreThanHalfAreAQuorum) {
  const ConfigRead read =
      WithLog(absl::StrCat(", witnesses: [", kWitness, ", ", kOtherWitness, "]"));
  ASSERT_THAT(read.findings, IsEmpty());
  const WitnessPolicy& policy = read.config.witnesses;
  ASSERT_EQ(policy.witnesses.size(), 2u);
  EXPECT_EQ(policy.witnesses[0].url, "https://w1.example:8444/of/us");
  EXPECT_EQ(policy.witnesses[0].ca_file, "/etc/sluice/w1.pem");
  EXPECT_EQ(policy.witnesses[1].ca_file, "/etc/w2.pem");
  EXPECT_EQ(policy.quorum, 2);
  EXPECT_EQ(policy.lag_warn, absl::Seconds(5));
  EXPECT_EQ(policy.lag_halt, absl::Minutes(15));
  const ConfigRead set = WithLog(absl::StrCat(", witnesses: [", kWitness, ", ", kOtherWitness,
                                              "], witness_quorum: 1, witness_lag_warn: 2s, "
                                              "witness_lag_halt: 3s"));
  ASSERT_THAT(set.findings, IsEmpty());
  EXPECT_EQ(set.config.witnesses.quorum, 1);
  EXPECT_EQ(set.config.witnesses.lag_warn, absl::Seconds(2));
  EXPECT_EQ(set.config.witnesses.lag_halt, absl::Seconds(3));
}

TEST(Config, RefusesWitnessesThatAreNone) {
  const auto with = [](const std::string& witness) {
    return LogFindings(absl::StrCat(", witnesses: [", witness, "]"));
  };
  EXPECT_THAT(with(absl::StrReplaceAll(kWitness, {{"+BEg", "+AEg"}})),
              HasSubstr("no witness's verifier key"));
  EXPECT_THAT(with(absl::StrReplaceAll(kWitness, {{"https:", "http:"}})),
              HasSubstr("https://HOST[:PORT][/PREFIX]"));
  EXPECT_THAT(with(absl::StrReplaceAll(kWitness, {{", ca_file: w1.pem", ""}})),
              HasSubstr("missing key \"ca_file\""));
  EXPECT_THAT(with(absl::StrCat(kWitness, ", ", kWitness)), HasSubstr("stands twice"));
  const std::string other_name =
      absl::StrReplaceAll(kWitness, {{"w1.example+b4232937", "w3.example+e3524a8e"}});
  EXPECT_THAT(with(other_name), testing::IsEmpty());
  EXPECT_THAT(with(absl::StrCat(kWitness, ", ", other_name)), HasSubstr("by its name or its key"));
}

TEST(Config, RefusesAQuorumOrALagThatCannotBe) {
  const std::string witnesses = absl::StrCat(", witnesses: [", kWitness, "]");
  EXPECT_THAT(LogFindings(witnesses + ", witness_quorum: 2"), HasSubstr("above the 1 witnesses"));
  EXPECT_THAT(LogFindings(witnesses + ", witness_quorum: 0"), HasSubstr("whole number from 1"));
  EXPECT_THAT(LogFindings(", witness_quorum: 1"), HasSubstr("above the 0 witnesses"));
  EXPECT_THAT(LogFindings(witnesses + ", witness_lag_halt: 0s"), HasSubstr("can't be 0"));
  EXPECT_THAT(LogFindings(witnesses + ", witness_lag_halt: 5s"),
              HasSubstr("longer than witness_lag_warn"));
}

TEST(Config, KeepsOpeningsAsLongAsTheLogUnlessItSaysOtherwise) {
  EXPECT_EQ(ParseConfig("", kGood).config.openings, OpeningPeriods());
  const ConfigRead read = WithLog(", opening_days: {filters: 30, callers: 2555}");
  EXPECT_THAT(read.findings, IsEmpty());
  EXPECT_EQ(read.config.openings, (OpeningPeriods{absl::Hours(24 * 30), absl::Hours(24 * 2555)}));
  EXPECT_THAT(LogFindings(", opening_days: {filters: 29}"), HasSubstr("whole number from 30"));
  // Of this there is a record as long as there is one of the person.
  EXPECT_THAT(LogFindings(", opening_days: {subjects: 400}"), HasSubstr("unknown key"));
}

TEST(Config, NamesEveryKeyThatIsMissing) { EXPECT_EQ(Findings("gateway: demo\n").size(), 8u); }

TEST(Config, NeverFailsOtherwiseThanByFindingsWhateverByteIsChanged) {
  const std::string good = kGood;
  for (size_t i = 0; i < good.size(); ++i) {
    for (char c : {'\0', ':', '{', '\n', '\xff'}) {
      std::string changed = good;
      changed[i] = c;
      (void)ParseConfig("x.yaml", changed);
    }
  }
}

TEST(Config, SaysThatAFileCantBeRead) {
  const ConfigRead read = LoadConfig("/nonexistent/sluiced.yaml");
  ASSERT_EQ(read.findings.size(), 1u);
  EXPECT_THAT(read.findings[0].message, HasSubstr("can't be read"));
}

}  // namespace
}  // namespace sluice::server
