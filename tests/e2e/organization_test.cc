// An operator adds organizations and changes their CAs while the gateway runs: `sluice
// organization` and its service against `sluiced`, over real TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/command/exit_code.h"
#include "client/pki_directory.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using absl::StrContains;
using ::testing::HasSubstr;

constexpr char kNew[] = "valley-college";

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class Organizations : public ::testing::Test {
 protected:
  Organizations() {
    InitPki(deployment_.Path("pki"));
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    operator_ = deployment_.As("operator", "operator", "root");
    system_ = deployment_.As(kNew, "system", "sis");
  }

  // CAs of the new organization, in a directory of their own.
  static void InitPki(const std::filesystem::path& directory) {
    pki::InitOptions options;
    options.now = absl::Now();
    std::filesystem::create_directories(directory);
    Must(pki::InitOrganization(directory.string(), kTrustDomain, kNew, options).status());
  }
  std::string PkiFile(absl::string_view file, absl::string_view directory = "pki") const {
    return deployment_.Path(absl::StrCat(directory, "/", kNew, "/", file)).string();
  }

  Outcome Run(const Identity& identity, const std::string& arguments) {
    WriteFile(deployment_.Path("config.yaml"),
              absl::StrCat("profiles:\n  default:\n    gateway: ", deployment_.target(),
                           "\n    ca: pki/operator/ca.pem\n    server_name: localhost\n"
                           "    certificate: ",
                           identity.certificate, "\n    key: ", identity.key, "\n"));
    const std::string errors = deployment_.Path("err").string();
    const std::string command = absl::StrCat(
        "env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("config.yaml").string(), " ",
        SLUICE_BINARY, " ", arguments, " --attempts 1 2>", errors);
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.err = ReadFile(errors);
    return outcome;
  }
  Outcome AsOperator(const std::string& arguments) { return Run(operator_, arguments); }
  void MustRun(const std::string& arguments) {
    const Outcome outcome = AsOperator(arguments);
    ASSERT_EQ(outcome.code, client::kDone) << arguments << "\n" << outcome.err;
  }
  std::string AddArguments() const {
    return absl::StrCat("organization add ", kNew, " --ca-bundle ", PkiFile("ca.pem"), " --crl ",
                        PkiFile("crl.pem"), " --signatory-bundle ", PkiFile("signatory-ca.pem"),
                        " --signatory-crl ", PkiFile("signatory-crl.pem"),
                        " --display-name 'Valley College'");
  }
  // Whether a system of the new organization is answered, on a connection of its own.
  absl::Status Call(const Identity& identity) {
    return deployment_.Connect(identity)->ListGrants({}).status();
  }
  bool LetsIn(const Identity& identity) { return Call(identity).ok(); }
  v1::TrustedOrganization Get() {
    v1::GetOrganizationRequest request;
    request.set_name(absl::StrCat("organizations/", kNew));
    return Must(deployment_.Connect(operator_)->GetOrganization(request)).organization();
  }
  absl::Status Update(const v1::TrustedOrganization& organization,
                      const std::vector<std::string>& paths) {
    v1::UpdateOrganizationRequest request;
    *request.mutable_organization() = organization;
    for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
    return deployment_.Connect(operator_)->UpdateOrganization(request).status();
  }

  Deployment deployment_;
  Identity operator_;
  Identity system_;
};

TEST_F(Organizations, LetsAnAddedOneInWhileAnothersStreamGoesOn) {
  // A publish and a read of others are under way, and wait in the middle.
  const auto program = deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
  for (int begin = 0; begin < 20000; begin += 1000) {
    ASSERT_EQ(
        Must(Publish(*program, absl::StrCat("rows-", begin), begin, begin + 1000)).new_count(),
        1000);
  }
  const auto reader = deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
  const std::unique_ptr<client::ReadStream> read = reader->ReadRecords(ReadRequest("pipeline"));
  v1::ReadRecordsResponse message;
  ASSERT_TRUE(read->Read(&message));
  const std::unique_ptr<client::PublishStream> publish = program->PublishRecords();
  const auto publish_one = [&](const char* id, int number) {
    v1::PublishRecordsRequest batch;
    batch.set_parent(absl::StrCat("organizations/", kProgram));
    batch.set_record_type("Candidate");
    batch.set_request_id(id);
    batch.add_records(MakeCandidate(number).SerializeAsString());
    v1::PublishRecordsResponse answer;
    return publish->Write(batch) && publish->Read(&answer) && answer.new_count() == 1;
  };
  ASSERT_TRUE(publish_one("before", 30000));

  EXPECT_FALSE(LetsIn(system_));
  const Outcome added = AsOperator(AddArguments());
  ASSERT_EQ(added.code, client::kDone) << added.err;
  EXPECT_THAT(added.out, HasSubstr(kNew));
  WaitFor("the new organization's system", [&] { return LetsIn(system_); });

  EXPECT_TRUE(publish_one("after", 30001));
  publish->WritesDone();
  Must(publish->Finish());
  size_t rows = 0;
  bool complete = false;
  while (read->Read(&message)) {
    rows += static_cast<size_t>(message.batch().records_size());
    complete = complete || message.has_trailer();
  }
  Must(read->Finish());
  EXPECT_TRUE(complete);
  EXPECT_GE(rows, 20000u);
}

TEST_F(Organizations, SignsAnMouAsSoonAsItIsAdded) {
  std::string document = deployment_.Document("valley");
  const std::string old = absl::StrCat("organization: ", kDistrict, ", signatory_ca: sha256:");
  const size_t at = document.find(old);
  ASSERT_NE(at, std::string::npos);
  document.replace(at, old.size() + 64,
                   absl::StrCat("organization: ", kNew, ", signatory_ca: ",
                                Must(pki::SpkiDigest(ReadFile(PkiFile("signatory-ca.pem"))))));
  const size_t to = document.find("[river-unified]");
  document.replace(to, sizeof("[river-unified]") - 1, absl::StrCat("[", kNew, "]"));
  deployment_.Propose("valley", document);
  deployment_.Sign("valley", kProgram);
  deployment_.Sign("valley", kNew);
  deployment_.Reload();
  MustRun(AddArguments());
  WaitFor("a grant of the new MOU", [&] {
    const auto grants = deployment_.Connect(system_)->ListGrants({});
    return grants.ok() && grants->grants_size() == 1;
  });
}

TEST_F(Organizations, AcceptsOldAndNewCaUntilTheOldIsTakenOut) {
  MustRun(AddArguments());
  WaitFor("the old certificate", [&] { return LetsIn(system_); });
  const std::string old_digest = Get().authorities(0).digest();
  InitPki(deployment_.Path("next"));
  const std::string next = deployment_.Path("next").string();
  const pki::Issued issued = Must(pki::Issue(next, kNew, "system", "sis", 30, absl::Now()));
  const Identity renewed{issued.certificate_path, issued.key_path};
  EXPECT_FALSE(LetsIn(renewed));

  const Outcome rotated =
      AsOperator(absl::StrCat("organization rotate-ca ", kNew, " --ca-bundle ",
                              PkiFile("ca.pem", "next"), " --crl ", PkiFile("crl.pem", "next")));
  ASSERT_EQ(rotated.code, client::kDone) << rotated.err;
  EXPECT_THAT(rotated.err, HasSubstr("old and new CAs are accepted"));
  WaitFor("the new certificate", [&] { return LetsIn(renewed); });
  EXPECT_TRUE(LetsIn(system_));
  EXPECT_EQ(Get().authorities_size(), 2);

  // On a connection that stands, as on a new one: from the answer on.
  const auto standing = deployment_.Connect(system_);
  Must(standing->ListGrants({}).status());
  MustRun(absl::StrCat("organization rotate-ca ", kNew, " --remove ", old_digest));
  EXPECT_EQ(Reason(standing->ListGrants({}).status()), "UNAUTHENTICATED");
  EXPECT_FALSE(LetsIn(system_));
  EXPECT_TRUE(LetsIn(renewed));
  EXPECT_EQ(Get().authorities_size(), 1);
  EXPECT_EQ(Get().signatory_authorities_size(), 1);
}

TEST_F(Organizations, ARevocationBindsARunningPublishsNextBatch) {
  MustRun(AddArguments());
  WaitFor("the system", [&] { return LetsIn(system_); });
  const auto gateway = deployment_.Connect(system_);
  const auto publish = gateway->PublishRecords();
  const auto publish_one = [&](const char* id, int number) {
    v1::PublishRecordsRequest batch;
    batch.set_parent(absl::StrCat("organizations/", kNew));
    batch.set_record_type("Candidate");
    batch.set_request_id(id);
    batch.add_records(MakeCandidate(number).SerializeAsString());
    v1::PublishRecordsResponse answer;
    return publish->Write(batch) && publish->Read(&answer) && answer.new_count() == 1;
  };
  ASSERT_TRUE(publish_one("before", 1));
  deployment_.Revoke(kNew, system_, absl::Now());
  MustRun(absl::StrCat("organization renew-crl ", kNew, " --crl ", PkiFile("crl.pem")));
  EXPECT_FALSE(publish_one("after", 2));
  EXPECT_EQ(Reason(publish->Finish()), "UNAUTHENTICATED");
  EXPECT_FALSE(LetsIn(system_));
  EXPECT_TRUE(LetsIn(deployment_.As(kNew, "system", "other")));
}

TEST_F(Organizations, HoldsOverKillAndRestart) {
  MustRun(AddArguments());
  const v1::TrustedOrganization added = Get();
  EXPECT_EQ(deployment_.End(SIGKILL), -SIGKILL);
  deployment_.Start();
  EXPECT_TRUE(LetsIn(system_));
  EXPECT_EQ(Get().SerializeAsString(), added.SerializeAsString());
  EXPECT_EQ(added.display_name(), "Valley College");
  deployment_.Reload();
  EXPECT_TRUE(LetsIn(system_));
}

TEST_F(Organizations, StandsInTheLogWithItsDigestsForOperatorAndOrganization) {
  MustRun(AddArguments());
  WaitFor("the system", [&] { return LetsIn(system_); });
  for (const Identity& reader : {operator_, deployment_.As(kNew, "admin", "office")}) {
    const Outcome log = Run(reader, "audit log --type admin --output ndjson");
    EXPECT_EQ(log.code, client::kDone) << log.err;
    EXPECT_THAT(log.out, HasSubstr(absl::StrCat("\"action\":\"ORGANIZATION\",\"organization\":\"",
                                                kNew, "\",\"after\":{\"ca_bundle\":\"sha256:")));
    EXPECT_THAT(log.out, HasSubstr(absl::StrCat("\"action\":\"CA_BUNDLE\",\"organization\":\"",
                                                kNew, "\"")));
  }
  const Outcome others =
      Run(deployment_.As(kDistrict, "admin", "office"), "audit log --type admin --output ndjson");
  EXPECT_FALSE(StrContains(others.out, kNew)) << others.out;
  const Outcome verified =
      AsOperator(absl::StrCat("audit verify --state ", deployment_.Path("state").string(),
                              " --vkey ", deployment_.Path("log/vkey").string()));
  EXPECT_EQ(verified.code, client::kDone) << verified.err;
}

TEST_F(Organizations, AreTheOperatorsAlone) {
  for (const Identity& other :
       {deployment_.As(kProgram, "system", "sis"), deployment_.As(kProgram, "admin", "office"),
        deployment_.As(kProgram, "auditor", "lee"),
        deployment_.As(kProgram, "signatory", "provost")}) {
    EXPECT_EQ(Run(other, "organization list").code, client::kDenied);
    const Outcome add = Run(other, AddArguments());
    EXPECT_EQ(add.code, client::kDenied);
    EXPECT_THAT(add.err, HasSubstr("PRINCIPAL_NOT_PERMITTED"));
    EXPECT_EQ(add.out, "");
    const auto gateway = deployment_.Connect(other);
    EXPECT_EQ(Reason(gateway->GetOrganization({}).status()), "PRINCIPAL_NOT_PERMITTED");
    EXPECT_EQ(Reason(gateway->UpdateOrganization({}).status()), "PRINCIPAL_NOT_PERMITTED");
  }
  const Outcome log = AsOperator("audit log --type decision --limit 1000 --output ndjson");
  for (const char* rpc :
       {"ListOrganizations", "CreateOrganization", "GetOrganization", "UpdateOrganization"}) {
    EXPECT_THAT(log.out, HasSubstr(absl::StrCat("\"operation\":\"", rpc, "\",\"result\":\"DENIAL\"",
                                                ",\"code\":\"PRINCIPAL_NOT_PERMITTED\"")));
  }
  EXPECT_FALSE(LetsIn(system_));
}

TEST_F(Organizations, AreListedPageByPageWithWhatRunsOut) {
  MustRun(AddArguments());
  const auto gateway = deployment_.Connect(operator_);
  v1::ListOrganizationsRequest request;
  request.set_page_size(3);
  v1::ListOrganizationsResponse page = Must(gateway->ListOrganizations(request));
  ASSERT_EQ(page.organizations_size(), 3);
  EXPECT_EQ(page.organizations(0).name(), absl::StrCat("organizations/", kStranger));
  EXPECT_EQ(page.organizations(0).source(), v1::ORGANIZATION_SOURCE_CONFIGURATION);
  EXPECT_EQ(page.organizations(0).etag(), "");
  EXPECT_EQ(page.organizations(0).ca_bundle(), "");
  request.set_page_token(page.next_page_token());
  page = Must(gateway->ListOrganizations(request));
  ASSERT_EQ(page.organizations_size(), 1);
  EXPECT_EQ(page.next_page_token(), "");
  const v1::TrustedOrganization& added = page.organizations(0);
  EXPECT_EQ(added.name(), absl::StrCat("organizations/", kNew));
  EXPECT_EQ(added.source(), v1::ORGANIZATION_SOURCE_ADDED);
  ASSERT_EQ(added.authorities_size(), 1);
  EXPECT_TRUE(added.authorities(0).root());
  EXPECT_EQ(added.authorities(0).certificate(), "");
  EXPECT_EQ(added.signatory_authorities(0).key_digest(),
            Must(pki::SpkiDigest(ReadFile(PkiFile("signatory-ca.pem")))));
  EXPECT_GT(added.authorities(0).expire_time().seconds(),
            added.authorities(0).crl_next_update_time().seconds());
  request.set_page_size(-1);
  EXPECT_EQ(Reason(gateway->ListOrganizations(request).status()), "INVALID_ARGUMENT");

  const Outcome list = AsOperator("organization list");
  EXPECT_EQ(list.code, client::kDone);
  EXPECT_THAT(list.out, HasSubstr(added.authorities(0).digest()));
  const Outcome lines = AsOperator("organization list --output ndjson");
  EXPECT_THAT(lines.out, HasSubstr("\"source\":\"ORGANIZATION_SOURCE_ADDED\""));
}

TEST_F(Organizations, AreRefusedWithTheFieldThatIsWrong) {
  const auto gateway = deployment_.Connect(operator_);
  v1::CreateOrganizationRequest create;
  create.mutable_organization()->set_ca_bundle(ReadFile(PkiFile("ca.pem")));
  for (const char* id : {"", "Valley", "operator", "a/b", "-a", "a\n"}) {
    create.set_organization_id(id);
    EXPECT_EQ(Reason(gateway->CreateOrganization(create).status()), "INVALID_ARGUMENT") << id;
  }
  create.set_organization_id(kProgram);
  EXPECT_EQ(Reason(gateway->CreateOrganization(create).status()), "ALREADY_EXISTS");
  create.set_organization_id("thief");
  create.mutable_organization()->set_ca_bundle(
      ReadFile(deployment_.Path(absl::StrCat("pki/", kProgram, "/ca.pem"))));
  const absl::Status stolen = gateway->CreateOrganization(create).status();
  EXPECT_EQ(Reason(stolen), "INVALID_ARGUMENT");
  EXPECT_THAT(std::string(stolen.message()), HasSubstr("has the key of a CA of "));
  create.mutable_organization()->set_ca_bundle(ReadFile(deployment_.Path("pki/operator/ca.pem")));
  EXPECT_EQ(Reason(gateway->CreateOrganization(create).status()), "INVALID_ARGUMENT");

  v1::GetOrganizationRequest get;
  get.set_name("organizations/nobody");
  EXPECT_EQ(Reason(gateway->GetOrganization(get).status()), "NOT_FOUND");
  get.set_name("valley");
  EXPECT_EQ(Reason(gateway->GetOrganization(get).status()), "INVALID_ARGUMENT");
}

TEST_F(Organizations, ChangeOnlyFromTheStateThatWasLookedAtAndOnlyAsNamed) {
  MustRun(AddArguments());
  v1::TrustedOrganization mine = Get();
  mine.set_display_name("Mine");
  v1::TrustedOrganization theirs = mine;
  theirs.set_display_name("Theirs");
  EXPECT_EQ(Reason(Update(mine, {})), "INVALID_ARGUMENT");
  for (const char* path : {"*", "name", "etag", "authorities", "source"}) {
    EXPECT_EQ(Reason(Update(mine, {path})), "INVALID_ARGUMENT") << path;
  }
  mine.set_crl("");  // not named
  Must(Update(mine, {"display_name"}));
  EXPECT_EQ(Reason(Update(theirs, {"display_name"})), "ETAG_MISMATCH");
  theirs.clear_etag();
  EXPECT_EQ(Reason(Update(theirs, {"display_name"})), "INVALID_ARGUMENT");
  const v1::TrustedOrganization now = Get();
  EXPECT_EQ(now.display_name(), "Mine");
  EXPECT_NE(now.crl(), "");
  EXPECT_NE(now.etag(), mine.etag());

  v1::TrustedOrganization configured;
  configured.set_name(absl::StrCat("organizations/", kProgram));
  configured.set_etag("1");
  EXPECT_EQ(Reason(Update(configured, {"display_name"})), "ORGANIZATION_IN_CONFIGURATION");
}

TEST_F(Organizations, TheCommandRefusesToLeaveNoCaAndSaysWhatToDo) {
  MustRun(AddArguments());
  const std::string rotate = absl::StrCat("organization rotate-ca ", kNew);
  const std::string digest = Get().authorities(0).digest();
  Outcome outcome = AsOperator(absl::StrCat(rotate, " --remove ", digest));
  EXPECT_EQ(outcome.code, client::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("add the new one first"));
  outcome = AsOperator(absl::StrCat(rotate, " --remove sha256:00"));
  EXPECT_EQ(outcome.code, client::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("has no CA sha256:00"));
  EXPECT_EQ(AsOperator(rotate).code, client::kUsage);
  EXPECT_EQ(AsOperator(absl::StrCat("organization renew-crl ", kNew)).code, client::kUsage);
  outcome = AsOperator(
      absl::StrCat("organization rotate-ca ", kProgram, " --ca-bundle ", PkiFile("ca.pem")));
  EXPECT_EQ(outcome.code, client::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("ORGANIZATION_IN_CONFIGURATION"));
  outcome =
      AsOperator(absl::StrCat("organization renew-crl ", kNew, " --crl ", PkiFile("crl.pem")));
  EXPECT_EQ(outcome.code, client::kDone) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("nothing changed"));
  EXPECT_EQ(Get().authorities_size(), 1);
}

}  // namespace
}  // namespace sluice::tests
