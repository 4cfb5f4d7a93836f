// What tests of the registry of MOUs share: a registry over a store in memory, an inbox, and two
// organizations that sign. Tests alone include this.
#ifndef SLUICE_TESTS_SUPPORT_MOU_REGISTRY_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_MOU_REGISTRY_FIXTURE_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "server/mou_registry.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/mou_for_test.h"
#include "tests/support/organization_for_test.h"

namespace sluice::server {

inline constexpr absl::Duration kDay = absl::Hours(24);
// The example's term is 2026-07-01 to 2028-07-01.
inline const absl::Time kNow = absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone());

// A store that refuses one work, as where a disk is full, and goes on with the next.
class RefusingStore : public MemoryStore {
 public:
  void Submit(Work work) override {
    if (!std::exchange(refuse_next_, false)) return MemoryStore::Submit(std::move(work));
    work.done(absl::UnavailableError("refused"));
  }
  void RefuseNextWork() { refuse_next_ = true; }

 private:
  bool refuse_next_ = false;
};

class MouRegistryTest : public ::testing::Test {
 protected:
  MouRegistryTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "registry.XXXXXX");
    dir_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(inbox());
    Restart();
  }
  ~MouRegistryTest() override {
    registry_.reset();
    log_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::string inbox() const { return dir_ + "/inbox"; }
  std::shared_ptr<const Trust> InForce() const {
    return Trust::Create(TrustForTest({&state_, &river_})).value();
  }

  // What a start over the same store, log and keys comes to.
  absl::Status TryRestart() {
    registry_.reset();
    log_.reset();
    store_.Restart();
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "gateway-1";
    options.tile_directory = dir_ + "/tiles";
    options.background_thread = false;
    log_ = AuditLog::Open(options, &store_, log_key_.get(), [this] { return now_; }).value();
    keys_ = Keys::Open({.directory = dir_ + "/keys"}, absl::Now).value();
    MouRegistry::Parts parts;
    parts.inbox = inbox();
    parts.catalog = policy::CatalogForTest();
    parts.store = &store_;
    parts.log = log_.get();
    parts.keys = keys_.get();
    absl::StatusOr<std::unique_ptr<MouRegistry>> registry =
        MouRegistry::Open(std::move(parts), *InForce(), now_);
    if (!registry.ok()) return registry.status();
    registry_ = *std::move(registry);
    return absl::OkStatus();
  }
  void Restart() {
    const absl::Status started = TryRestart();
    ASSERT_TRUE(started.ok()) << started;
  }
  InboxReport Refresh() { return registry_->Refresh(*InForce(), now_).value(); }
  // The one document's line of a look at the inbox.
  InboxReport::Document Look() {
    InboxReport report = Refresh();
    EXPECT_THAT(report.documents, ::testing::SizeIs(1));
    return report.documents.empty() ? InboxReport::Document() : report.documents[0];
  }

  // The example, under these organizations' CAs.
  std::string Document(int version = 1) const {
    const std::string none = absl::StrCat("sha256:", std::string(64, 'a'));
    return absl::StrReplaceAll(
        policy::ExampleMou(),
        {{absl::StrCat("state-university, signatory_ca: ", none),
          absl::StrCat("state-university, signatory_ca: ", state_.signatory_ca_digest())},
         {absl::StrCat("river-unified, signatory_ca: ", none),
          absl::StrCat("river-unified, signatory_ca: ", river_.signatory_ca_digest())},
         {"version: 1", absl::StrCat("version: ", version)}});
  }
  void Put(absl::string_view file, absl::string_view bytes) {
    std::ofstream(absl::StrCat(inbox(), "/", file), std::ios::binary | std::ios::trunc) << bytes;
  }
  void PutSigned(absl::string_view file, absl::string_view document) {
    Put(file, document);
    PutSignature(file, document, state_, state_dean_);
    PutSignature(file, document, river_, river_dean_);
  }
  void PutSignature(absl::string_view file, absl::string_view document,
                    const OrganizationForTest& party, const pki::Credential& signer) {
    Put(absl::StrCat(file, ".", party.name(), ".p7s"), pki::SignDocument(document, signer).value());
  }
  void Remove(absl::string_view file) { std::filesystem::remove(absl::StrCat(inbox(), "/", file)); }

  // The example as another version, whose term begins on that day.
  std::string DocumentFrom(int version, const std::string& effective) const {
    return absl::StrReplaceAll(Document(version),
                               {{"effective: 2026-07-01", absl::StrCat("effective: ", effective)}});
  }

  static MouAct ActOf(v1::MouAction action, const std::string& organization) {
    MouAct act;
    act.action = action;
    act.mou = "stem-pipeline";
    act.request = std::string(32, 'a');
    act.caller.principal = {policy::PrincipalKind::kAdmin, organization, "registrar"};
    act.caller.spki = std::string(64, 'b');
    return act;
  }
  absl::Status Do(const MouAct& act) { return registry_->Act(act, now_); }
  absl::Status Terminate(std::optional<absl::CivilDay> day = std::nullopt,
                         const std::string& organization = "river-unified") {
    MouAct act = ActOf(v1::MOU_ACTION_TERMINATE, organization);
    act.reason = v1::TERMINATION_REASON_BREACH;
    act.effective = day;
    return Do(act);
  }
  absl::Status Withdraw(const std::string& grant,
                        const std::string& organization = "state-university") {
    MouAct act = ActOf(v1::MOU_ACTION_WITHDRAW_GRANT, organization);
    act.grant = grant;
    return Do(act);
  }
  static void ExpectRefused(const absl::Status& status, const std::string& reason) {
    EXPECT_EQ(ReasonOf(status), reason) << status;
  }
  const TakenVersion& Version(int version = 1) {
    held_ = registry_->VersionsOf("stem-pipeline").at(version);
    return *held_;
  }
  std::string State(int version = 1) const {
    return registry_->VersionsOf("stem-pipeline").at(version)->stored.state;
  }

  // "PERMIT" with the version, or the denial's code and who has not signed.
  std::string Ask() {
    policy::Request request;
    request.organization = "river-unified";
    request.mou = "stem-pipeline";
    request.purpose = "hiring_pipeline";
    request.record_type = "Candidate";
    request.operation = v1::OPERATION_READ;
    request.time = now_;
    const policy::Decision decision = policy::Decide(*registry_->Current(), request);
    if (const auto* permit = std::get_if<policy::Permit>(&decision)) {
      return absl::StrCat("PERMIT ", permit->mou().version());
    }
    const auto& denial = std::get<policy::Denial>(decision);
    std::string text = v1::DenialCode_Name(denial.code).substr(sizeof("DENIAL_CODE_") - 1);
    for (const std::string& party : denial.unsigned_parties) absl::StrAppend(&text, " ", party);
    return text;
  }

  // What the log says of MOUs and keys, oldest first: "stem-pipeline 1 SIGNED".
  std::vector<std::string> Logged() const {
    std::vector<std::string> lines;
    EXPECT_TRUE(store_
                    .ReadLogRows(0, log_->size(),
                                 [&](const LogRow& row) {
                                   const ParsedEntry entry = ParseEntry(row.body).value();
                                   if (entry.type == "mou") {
                                     lines.push_back(
                                         absl::StrCat(entry.json.FindString("mou"), " ",
                                                      entry.json.FindInteger("version", 0), " ",
                                                      entry.json.FindString("state")));
                                   } else if (entry.type == "key") {
                                     lines.push_back(absl::StrCat(entry.json.FindString("key")));
                                   }
                                   return true;
                                 })
                    .ok());
    return lines;
  }

  std::shared_ptr<const TakenVersion> held_;
  absl::Time now_ = kNow;
  OrganizationForTest state_{"state-university", kNow};
  OrganizationForTest river_{"river-unified", kNow};
  const pki::Credential state_dean_ = state_.Signatory("dean");
  const pki::Credential river_dean_ = river_.Signatory("dean");
  std::string dir_;
  RefusingStore store_;
  std::unique_ptr<const LogKey> log_key_ = MakeLogKey();
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<MouRegistry> registry_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_MOU_REGISTRY_FIXTURE_H_
