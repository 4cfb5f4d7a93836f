// What tests of a read's way share: State University's candidates, an MOU with River Unified, a log
// and a store in memory, and a reader who keeps what it was sent. Tests alone include this.
#ifndef SLUICE_TESTS_SUPPORT_EXCHANGE_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_EXCHANGE_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "server/admission.h"
#include "server/answer.h"
#include "server/exchange.h"
#include "server/owner_records.h"
#include "server/owner_view.h"
#include "server/publication.h"
#include "server/quotas.h"
#include "server/request_id.h"
#include "sluice/v1/candidate_records.pb.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/mou_for_test.h"

namespace sluice::server {

// Callers without certificates: what a test says it is.
class IdentityForTest : public Identity {
 public:
  // `text`: "river-unified/hiring", a system of that organization.
  absl::StatusOr<Caller> Verify(absl::string_view text, absl::Time) const override {
    const std::vector<std::string> names = absl::StrSplit(text, '/');
    if (names.size() != 2) return absl::UnauthenticatedError("no certificates here");
    return Make(policy::PrincipalKind::kSystem, names[0], names[1]);
  }
  absl::Status StillValid(const Caller&, absl::Time) const override { return still_valid; }
  // In nobody.
  const std::shared_ptr<const Trust>& trust() const override { return trust_; }

  static Caller Make(policy::PrincipalKind kind, std::string organization, std::string name) {
    std::string id = "spiffe://sluice.example/org/" + organization + "/x/" + name;
    return MakeCaller({kind, std::move(organization), std::move(name)}, std::move(id),
                      std::string(64, 'a'), std::string(32, 'f'));
  }

  absl::Status still_valid;

 private:
  std::shared_ptr<const Trust> trust_;
};

class MousForTest : public MouRegistry {
 public:
  absl::StatusOr<InboxReport> Refresh(const Trust&, absl::Time) override { return InboxReport(); }
  absl::Status CatchUp() override { return absl::OkStatus(); }
  absl::Status Act(const MouAct&, absl::Time) override {
    return absl::UnimplementedError("no act here");
  }
  absl::StatusOr<std::string> Propose(const MouAct&, absl::string_view, absl::Time) override {
    return absl::UnimplementedError("no act here");
  }
  absl::Status Sign(const MouAct&, const std::string&, absl::string_view, const Trust&,
                    absl::Time) override {
    return absl::UnimplementedError("no act here");
  }
  std::shared_ptr<const policy::MouSet> Current() const override { return current; }
  absl::Status Attest(const MouAct&, const std::string&, absl::CivilDay, absl::string_view,
                      const Trust&, absl::Time) override {
    return absl::UnimplementedError("no act here");
  }
  std::map<std::string, absl::Time> Ends() const override { return {}; }
  std::map<std::pair<std::string, std::string>, absl::Time> DutyEnds() const override { return {}; }
  TakenVersions VersionsOf(const std::string&) const override { return {}; }

  std::shared_ptr<const policy::MouSet> current;
};

class KeysForTest : public Keys {
 public:
  absl::StatusOr<policy::Secret> LogSigningSeed() override { return Of(32, 'l'); }
  absl::StatusOr<policy::Secret> StoreHashKey() override { return Of(32, 'h'); }
  absl::StatusOr<policy::Secret> PageTokenKey() override { return Of(64, 't'); }
  absl::StatusOr<policy::Secret> CreatePseudonymRoot(absl::string_view) override {
    return Of(32, 'r');
  }
  absl::StatusOr<policy::Secret> PseudonymRoot(absl::string_view) override { return Of(32, 'r'); }
  absl::Status DestroyPseudonymRoot(absl::string_view) override { return absl::OkStatus(); }

 private:
  static policy::Secret Of(size_t size, char fill) {
    return policy::Secret::Copy(std::string(size, fill));
  }
};

// A reader that keeps what it is sent.
class KeptMessages : public MessageSink {
 public:
  absl::Status WaitForRoom() override {
    if (while_waiting) while_waiting(messages.size());
    return gone ? absl::CancelledError("gone") : absl::OkStatus();
  }
  absl::Status Write(size_t size, absl::FunctionRef<void(char*)> fill) override {
    std::string bytes(size, '\0');
    fill(bytes.data());
    v1::ReadRecordsResponse message;
    EXPECT_TRUE(message.ParseFromString(bytes));
    if (before_write) before_write(message);
    if (gone) return absl::CancelledError("gone");
    messages.push_back(std::move(message));
    return absl::OkStatus();
  }
  bool cancelled() const override { return gone; }

  std::vector<std::pair<std::string, std::string>> Rows() const {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& message : messages) {
      for (int i = 0; i < message.batch().records_size(); ++i) {
        rows.emplace_back(message.batch().row_ids(i), message.batch().records(i));
      }
    }
    return rows;
  }
  std::string LastToken() const {
    std::string token;
    for (const auto& message : messages) {
      if (message.has_batch()) token = message.batch().next_page_token();
    }
    return token;
  }

  std::vector<v1::ReadRecordsResponse> messages;
  std::function<void(const v1::ReadRecordsResponse&)> before_write;
  // Called before each message with how many there are: what happens while a reader is slow.
  std::function<void(size_t)> while_waiting;
  std::atomic<bool> gone = false;  // asked by who reads ahead, too
};

class ExchangeFixture : public testing::Test {
 protected:
  void SetUp() override {
    tiles_ = FreshDirectory();
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "test";
    options.tile_directory = tiles_;
    options.background_thread = false;
    auto log = AuditLog::Open(options, &store(), key_.get(), [this] { return now_.Now(); });
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    clock_ = std::make_unique<Clock>([this] { return now_.Now(); },
                                     [this] { return log_->NewestEntryTime(); });
    denials_ = std::make_unique<Denials>(log_.get(), denial_window_);
    Admission::Parts parts;
    parts.catalog = policy::CatalogForTest();
    parts.log = log_.get();
    parts.mous = &mous_;
    parts.clock = clock_.get();
    parts.denials = denials_.get();
    parts.await_fresh = [this] { return await_fresh_ ? await_fresh_() : absl::OkStatus(); };
    parts.identity = [this] { return identity_; };
    parts.purpose_permitted = [this](absl::string_view, absl::string_view) {
      return purpose_permitted_;
    };
    admission_ = std::make_unique<Admission>(std::move(parts));
    exchange_ = std::make_unique<Exchange>(admission_.get(), log_.get(), &spare_cores_,
                                           Release::Parts{&store(), &keys_, &tokens_});
    publication_ = std::make_unique<Publication>(&store(), log_.get(), clock_.get());
    owner_records_ = std::make_unique<OwnerRecords>(OwnerRecords::Parts{
        admission_.get(), log_.get(), &store(), clock_.get(), &tokens_, &quotas_});
    owner_view_ = std::make_unique<OwnerView>(OwnerView::Parts{admission_.get(), &store(), &keys_});
    SetMous({policy::SignedForTest(policy::ExampleMou())});
  }
  void TearDown() override {
    if (log_ != nullptr) log_->Stop();
    log_.reset();
    std::filesystem::remove_all(tiles_);
  }

  // Another than the one in memory, if a test is about it.
  virtual Store& store() { return store_; }

  void SetMous(std::vector<policy::MouVersion> versions) {
    mous_.current = policy::MouSet::Create(std::move(versions));
  }

  static Caller Recipient(std::string name = "hiring") {
    return IdentityForTest::Make(policy::PrincipalKind::kSystem, "river-unified", std::move(name));
  }
  static Caller Owner() {
    return IdentityForTest::Make(policy::PrincipalKind::kSystem, "state-university", "sis");
  }

  v1::PublishRecordsResponse Publish(const std::vector<v1::Candidate>& candidates,
                                     std::string request_id = "batch-1",
                                     const std::string& owner = "state-university") {
    const std::string parent = absl::StrCat("organizations/", owner);
    const Caller caller = IdentityForTest::Make(policy::PrincipalKind::kSystem, owner, "sis");
    RequestId id = NewRequestId().value();
    auto admitted = admission_->AdmitOwner(caller, id, "PublishRecords", parent, "Candidate");
    EXPECT_TRUE(admitted.ok()) << admitted.status();
    v1::PublishRecordsRequest request;
    request.set_parent(parent);
    request.set_record_type("Candidate");
    request.set_request_id(std::move(request_id));
    for (const v1::Candidate& c : candidates) request.add_records(c.SerializeAsString());
    v1::PublishRecordsResponse answer;
    absl::Notification answered;
    publication_->Publish(admitted->permit, request, QuotaLimits().rows_owned,
                          [&](absl::StatusOr<v1::PublishRecordsResponse> result) {
                            EXPECT_TRUE(result.ok()) << result.status();
                            if (result.ok()) answer = *std::move(result);
                            answered.Notify();
                          });
    answered.WaitForNotification();
    return answer;
  }

  // A candidate whom the example's grant covers.
  static v1::Candidate Covered(int n) {
    v1::Candidate candidate;
    candidate.set_candidate_id("S" + std::to_string(1000 + n));
    candidate.set_first_name("Ada");
    candidate.set_last_surname("Lovelace");
    candidate.mutable_birth_date()->set_year(1998);
    candidate.mutable_birth_date()->set_month(4);
    candidate.mutable_birth_date()->set_day(17);
    candidate.set_home_postal_code("94107");
    candidate.set_subject_area("uri://ed-fi.org/AcademicSubjectDescriptor#Mathematics");
    candidate.set_expected_completion_year(2027);
    return candidate;
  }
  static std::vector<v1::Candidate> CoveredUpTo(int count) {
    std::vector<v1::Candidate> candidates;
    for (int i = 0; i < count; ++i) candidates.push_back(Covered(i));
    return candidates;
  }

  static v1::ReadRecordsRequest Request() {
    v1::ReadRecordsRequest request;
    request.set_purpose("hiring_pipeline");
    request.set_record_type("Candidate");
    return request;
  }
  absl::Status Read(const v1::ReadRecordsRequest& request, KeptMessages& reader) {
    return Read(Recipient(), request, reader);
  }
  absl::Status Read(const Caller& caller, const v1::ReadRecordsRequest& request,
                    KeptMessages& reader) {
    request_id_ = NewRequestId().value();
    Answer answer(&reader);
    return exchange_->Read(caller, request_id_, request, answer);
  }

  // The log's entries of a type, as they stand.
  std::vector<std::string> Entries(absl::string_view type) {
    const std::string wanted = absl::StrCat("\"type\":\"", type, "\"");
    std::vector<std::string> found;
    EXPECT_TRUE(store()
                    .ReadLogRows(0, log_->size(),
                                 [&](const LogRow& row) {
                                   if (row.body.find(wanted) != std::string::npos) {
                                     found.push_back(row.body);
                                   }
                                   return true;
                                 })
                    .ok());
    return found;
  }

  std::string tiles_;
  TurnedClock now_;
  absl::Duration denial_window_ = absl::Milliseconds(50);
  MemoryStore store_;
  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Denials> denials_;
  MousForTest mous_;
  std::function<absl::Status()> await_fresh_;  // null: it always is
  std::shared_ptr<IdentityForTest> identity_ = std::make_shared<IdentityForTest>();
  KeysForTest keys_;
  PageTokens tokens_{keys_.PageTokenKey().value()};
  bool purpose_permitted_ = true;
  std::unique_ptr<Admission> admission_;
  SpareCores spare_cores_{1};
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Publication> publication_;
  Quotas quotas_{QuotaLimits()};
  std::unique_ptr<OwnerRecords> owner_records_;
  std::unique_ptr<OwnerView> owner_view_;
  RequestId request_id_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_EXCHANGE_FIXTURE_H_
