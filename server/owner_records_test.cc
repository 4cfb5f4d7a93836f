// What owners ask of their own records, over the real log: who may, what comes back, what stands in
// the log.
#include "server/owner_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// A reader that keeps what it is sent.
class KeptOwn : public MessageSink {
 public:
  absl::Status WaitForRoom() override {
    if (while_waiting) while_waiting(messages.size());
    return absl::OkStatus();
  }
  absl::Status Write(size_t size, absl::FunctionRef<void(char*)> fill) override {
    std::string bytes(size, '\0');
    fill(bytes.data());
    EXPECT_TRUE(messages.emplace_back().ParseFromString(bytes));
    return absl::OkStatus();
  }
  bool cancelled() const override { return false; }

  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const auto& message : messages) {
      for (const std::string& record : message.batch().records()) {
        v1::Candidate candidate;
        EXPECT_TRUE(candidate.ParseFromString(record));
        EXPECT_EQ(candidate.last_surname(), "Lovelace") << "the record is whole";
        ids.push_back(candidate.candidate_id());
      }
    }
    return ids;
  }

  std::vector<v1::ReadOwnRecordsResponse> messages;
  std::function<void(size_t)> while_waiting;
};

class OwnerRecordsTest : public ExchangeFixture {
 protected:
  static constexpr char kParent[] = "organizations/state-university";

  static Caller Of(policy::PrincipalKind kind,
                   const std::string& organization = "state-university") {
    return IdentityForTest::Make(kind, organization, "pat");
  }
  static std::string Key(int n) {
    v1::Candidate key;
    key.set_candidate_id(Covered(n).candidate_id());
    return key.SerializeAsString();
  }
  static v1::ReadOwnRecordsRequest OwnRequest() {
    v1::ReadOwnRecordsRequest request;
    request.set_parent(kParent);
    request.set_record_type("Candidate");
    return request;
  }
  absl::Status ReadOwn(const v1::ReadOwnRecordsRequest& request, KeptOwn& reader) {
    RequestId id = NewRequestId().value();
    return owner_records_->Read(Owner(), id, request, reader);
  }
  static v1::WithdrawRecordsRequest Range(int64_t first, int64_t last) {
    v1::WithdrawRecordsRequest request;
    request.set_parent(kParent);
    request.set_first_position(first);
    request.set_last_position(last);
    request.set_request_id("w-1");
    return request;
  }
  absl::StatusOr<v1::WithdrawRecordsResponse> Withdraw(const v1::WithdrawRecordsRequest& request) {
    RequestId id = NewRequestId().value();
    return owner_records_->Withdraw(Owner(), id, request);
  }
  std::vector<std::string> Ids() {
    KeptOwn reader;
    EXPECT_TRUE(ReadOwn(OwnRequest(), reader).ok());
    return reader.Ids();
  }

  // Each question as a caller asks it of a parent, by its name.
  std::vector<std::pair<std::string, std::function<absl::Status(const Caller&, std::string)>>>
  AllQuestions() {
    return {{"GetRecordStatus",
             [this](const Caller& caller, const std::string& parent) {
               v1::GetRecordStatusRequest request;
               request.set_parent(parent);
               RequestId id = NewRequestId().value();
               return owner_records_->Status(caller, id, request).status();
             }},
            {"ReadOwnRecords",
             [this](const Caller& caller, const std::string& parent) {
               v1::ReadOwnRecordsRequest request = OwnRequest();
               request.set_parent(parent);
               RequestId id = NewRequestId().value();
               KeptOwn reader;
               const absl::Status status = owner_records_->Read(caller, id, request, reader);
               EXPECT_EQ(reader.messages.empty(), !status.ok());
               return status;
             }},
            {"WithdrawRecords",
             [this](const Caller& caller, const std::string& parent) {
               v1::WithdrawRecordsRequest request = Range(1, 1);
               request.set_parent(parent);
               request.set_validate_only(true);
               RequestId id = NewRequestId().value();
               return owner_records_->Withdraw(caller, id, request).status();
             }},
            {"PreviewGrant",
             [this](const Caller& caller, const std::string& parent) {
               v1::PreviewGrantRequest request;
               request.set_parent(parent);
               request.set_recipient("organizations/river-unified");
               request.set_purpose("hiring_pipeline");
               request.set_record_type("Candidate");
               RequestId id = NewRequestId().value();
               return owner_view_->Preview(caller, id, request).status();
             }},
            {"ExplainRow", [this](const Caller& caller, const std::string& parent) {
               v1::ExplainRowRequest request;
               request.set_parent(parent);
               request.set_recipient("organizations/river-unified");
               request.set_purpose("hiring_pipeline");
               request.set_record_type("Candidate");
               request.set_key(Key(1));
               RequestId id = NewRequestId().value();
               return owner_view_->Explain(caller, id, request).status();
             }}};
  }
};

TEST_F(OwnerRecordsTest, AnswersTheOwnersSystemsAndAdministratorsAndNobodyElse) {
  Publish(CoveredUpTo(2));
  for (const auto& [rpc, ask] : AllQuestions()) {
    EXPECT_TRUE(ask(Of(policy::PrincipalKind::kSystem), kParent).ok()) << rpc;
    EXPECT_TRUE(ask(Of(policy::PrincipalKind::kAdmin), kParent).ok()) << rpc;
    for (const policy::PrincipalKind kind :
         {policy::PrincipalKind::kAuditor, policy::PrincipalKind::kSignatory,
          policy::PrincipalKind::kOperator}) {
      EXPECT_EQ(ReasonOf(ask(Of(kind), kParent)), "PRINCIPAL_NOT_PERMITTED") << rpc;
    }
  }
}

TEST_F(OwnerRecordsTest, TellsAnotherOrganizationNothingWhetherSomethingIsThereOrNot) {
  Publish(CoveredUpTo(2));
  const Caller other = Of(policy::PrincipalKind::kAdmin, "river-unified");
  for (const auto& [rpc, ask] : AllQuestions()) {
    const absl::Status there = ask(other, kParent);
    EXPECT_EQ(ReasonOf(there), "PRINCIPAL_NOT_PERMITTED") << rpc;
    EXPECT_EQ(there, ask(other, "organizations/nobody")) << rpc;
    EXPECT_EQ(ReasonOf(ask(other, "")), "PRINCIPAL_NOT_PERMITTED") << rpc;
    EXPECT_THAT(Entries("decision"),
                Contains(testing::AllOf(HasSubstr(rpc), HasSubstr("PRINCIPAL_NOT_PERMITTED"))));
  }
}

TEST_F(OwnerRecordsTest, HasEachQuestionInTheLogAsADecisionAndNoDisclosure) {
  Publish(CoveredUpTo(2));
  for (const auto& [rpc, ask] : AllQuestions()) {
    const size_t before = Entries("decision").size();
    ASSERT_TRUE(ask(Owner(), kParent).ok()) << rpc;
    const std::vector<std::string> entries = Entries("decision");
    ASSERT_EQ(entries.size(), before + 1) << rpc;
    EXPECT_THAT(entries.back(), HasSubstr("\"operation\":\"" + rpc + "\""));
    EXPECT_THAT(entries.back(), HasSubstr("\"result\":\"PERMIT\""));
    EXPECT_THAT(entries.back(), HasSubstr("\"owner\":\"state-university\""));
    // Nobody else may read of it.
    EXPECT_THAT(entries.back(), Not(HasSubstr("parties")));
    EXPECT_FALSE(Concerns(entries.back(), "river-unified")) << rpc;
  }
  EXPECT_THAT(Entries("disclosure"), IsEmpty());
  EXPECT_THAT(Entries("outcome"), IsEmpty());
}

TEST_F(OwnerRecordsTest, AnswersNothingThatTheLogCantTake) {
  Publish(CoveredUpTo(2));
  store_.FailNextCommit(/*persisted=*/false);
  for (const auto& [rpc, ask] : AllQuestions()) {
    EXPECT_EQ(ReasonOf(ask(Owner(), kParent)), "AUDIT_UNAVAILABLE") << rpc;
  }
}

TEST_F(OwnerRecordsTest, CountsByRecordType) {
  Publish(CoveredUpTo(3));
  RequestId id = NewRequestId().value();
  v1::GetRecordStatusRequest request;
  request.set_parent(kParent);
  const auto status = owner_records_->Status(Owner(), id, request);
  ASSERT_TRUE(status.ok()) << status.status();
  ASSERT_EQ(status->record_types_size(), 1);
  EXPECT_EQ(status->record_types(0).record_type(), "Candidate");
  EXPECT_EQ(status->record_types(0).live_count(), 3);
  EXPECT_EQ(status->record_types(0).tombstone_count(), 0);
  EXPECT_GT(status->record_types(0).last_publish_position(), 0);
  EXPECT_EQ(status->subject_count(), 3);
}

// --- Reading back ---

TEST_F(OwnerRecordsTest, GivesTheRecordsWholeWithHeaderAndTrailer) {
  const auto published = Publish(CoveredUpTo(3));
  KeptOwn reader;
  ASSERT_TRUE(ReadOwn(OwnRequest(), reader).ok());
  ASSERT_THAT(reader.messages, SizeIs(3));
  EXPECT_EQ(reader.messages[0].header().as_of_position(), published.position());
  EXPECT_THAT(
      reader.messages[1].batch().records(),
      testing::UnorderedElementsAre(Covered(0).SerializeAsString(), Covered(1).SerializeAsString(),
                                    Covered(2).SerializeAsString()));
  EXPECT_EQ(reader.messages[2].trailer().record_count(), 3);
}

TEST_F(OwnerRecordsTest, ResumesAfterEachBatchAndRefusesATokenOfAnotherRequest) {
  constexpr int kRecords = 2 * static_cast<int>(OwnerRecords::kBatchRecords) + 10;
  Publish(CoveredUpTo(kRecords));
  KeptOwn whole;
  ASSERT_TRUE(ReadOwn(OwnRequest(), whole).ok());
  ASSERT_THAT(whole.Ids(), SizeIs(kRecords));
  ASSERT_THAT(whole.messages, SizeIs(5));
  v1::ReadOwnRecordsRequest request = OwnRequest();
  request.set_page_token(whole.messages[1].batch().next_page_token());
  KeptOwn rest;
  ASSERT_TRUE(ReadOwn(request, rest).ok());
  const std::vector<std::string> all = whole.Ids();
  EXPECT_EQ(rest.Ids(),
            std::vector<std::string>(all.begin() + OwnerRecords::kBatchRecords, all.end()));
  request.set_filter("candidate_id = \"S1001\"");
  KeptOwn other;
  EXPECT_EQ(ReasonOf(ReadOwn(request, other)), "INVALID_ARGUMENT");
  EXPECT_THAT(other.messages, IsEmpty());
}

TEST_F(OwnerRecordsTest, FiltersOnStoredValuesAndKeepsTheFilterOutOfTheLog) {
  Publish(CoveredUpTo(3));
  v1::ReadOwnRecordsRequest request = OwnRequest();
  request.set_filter("last_surname = \"Lovelace\" AND candidate_id = \"S1001\"");
  KeptOwn reader;
  ASSERT_TRUE(ReadOwn(request, reader).ok());
  EXPECT_THAT(reader.Ids(), ElementsAre("S1001"));
  EXPECT_THAT(Entries("decision"), Each(Not(HasSubstr("Lovelace"))));
  EXPECT_THAT(Entries("decision").back(), HasSubstr("\"filter\":"));
  request.set_filter("no_such_field = 1");
  EXPECT_EQ(ReasonOf(ReadOwn(request, reader)), "INVALID_ARGUMENT");
}

TEST_F(OwnerRecordsTest, GivesOneRecordByItsKey) {
  Publish(CoveredUpTo(3));
  v1::ReadOwnRecordsRequest request = OwnRequest();
  request.set_key(Key(2));
  KeptOwn reader;
  ASSERT_TRUE(ReadOwn(request, reader).ok());
  EXPECT_THAT(reader.Ids(), ElementsAre("S1002"));
  EXPECT_EQ(reader.messages.back().trailer().record_count(), 1);
  KeptOwn none;
  request.set_key(Key(7));
  EXPECT_EQ(ReasonOf(ReadOwn(request, none)), "NOT_FOUND");
  request.set_key("no message");
  EXPECT_EQ(ReasonOf(ReadOwn(request, none)), "INVALID_ARGUMENT");
  request.set_key(Key(1));
  request.set_filter("candidate_id = \"S1001\"");
  EXPECT_EQ(ReasonOf(ReadOwn(request, none)), "INVALID_ARGUMENT");
  EXPECT_THAT(none.messages, IsEmpty());
}

TEST_F(OwnerRecordsTest, EndsAtTheNextMessageWhenTheCertificateIsRevoked) {
  Publish(CoveredUpTo(3000));
  KeptOwn reader;
  reader.while_waiting = [&](size_t messages) {
    if (messages == 2) identity_->still_valid = absl::UnauthenticatedError("revoked");
  };
  EXPECT_EQ(ReasonOf(ReadOwn(OwnRequest(), reader)), "UNAUTHENTICATED");
  EXPECT_THAT(reader.Ids(), SizeIs(OwnerRecords::kBatchRecords));
}

// --- Taking back ---

TEST_F(OwnerRecordsTest, TakesAPublishBackAndSaysSoInTheLog) {
  Publish(CoveredUpTo(1), "right");
  const auto wrong = Publish(CoveredUpTo(3), "wrong");
  const auto taken = Withdraw(Range(wrong.position(), wrong.position()));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->deleted_count(), 2);
  EXPECT_GT(taken->position(), wrong.position());
  EXPECT_THAT(Ids(), ElementsAre("S1000"));
  const std::vector<std::string> entries = Entries("withdraw");
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_THAT(entries[0], HasSubstr("\"system\":\"sis\""));
  EXPECT_THAT(entries[0], HasSubstr(absl::StrCat("\"positions\":{\"first\":", wrong.position(),
                                                 ",\"last\":", wrong.position(),
                                                 ",\"at\":", taken->position(), "}")));
  EXPECT_THAT(entries[0], HasSubstr("\"rows\":{\"deleted\":2,\"restored\":0,\"undeleted\":0,"
                                    "\"unchanged\":0,\"kept\":0}"));
  EXPECT_TRUE(Concerns(entries[0], "state-university"));
  EXPECT_FALSE(Concerns(entries[0], "river-unified"));
  // The answer names its entry.
  std::string body;
  ASSERT_TRUE(store()
                  .ReadLogRows(static_cast<uint64_t>(taken->log_index()),
                               static_cast<uint64_t>(taken->log_index()) + 1,
                               [&](const LogRow& row) {
                                 body = row.body;
                                 return true;
                               })
                  .ok());
  EXPECT_EQ(body, entries[0]);
  // Again: the same answer, and no second entry.
  const auto again = Withdraw(Range(wrong.position(), wrong.position()));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->position(), taken->position());
  EXPECT_EQ(again->deleted_count(), 2);
  EXPECT_THAT(Entries("withdraw"), SizeIs(1));
}

TEST_F(OwnerRecordsTest, ChangesNothingWhenItOnlyValidates) {
  const auto wrong = Publish(CoveredUpTo(3));
  v1::WithdrawRecordsRequest request = Range(wrong.position(), wrong.position());
  request.set_validate_only(true);
  const auto asked = Withdraw(request);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->deleted_count(), 3);
  EXPECT_EQ(asked->position(), 0);
  EXPECT_THAT(Ids(), SizeIs(3));
  EXPECT_THAT(Entries("withdraw"), IsEmpty());
}

TEST_F(OwnerRecordsTest, TakesNothingBackWithoutItsEntry) {
  const auto wrong = Publish(CoveredUpTo(3));
  // The decision is durable; the transaction with the withdraw and its entry is lost.
  const Caller owner = Owner();
  RequestId id = NewRequestId().value();
  ASSERT_TRUE(admission_->AdmitOwner(owner, id, "WithdrawRecords", kParent, std::nullopt).ok());
  EXPECT_TRUE(absl::IsAborted(store().Commit({.apply = [&](Transaction& transaction) {
    WithdrawBatch batch;
    batch.owner = "state-university";
    batch.request_id = "w-1";
    batch.first = batch.last = wrong.position();
    EXPECT_TRUE(transaction.Withdraw(batch).ok());
    EXPECT_TRUE(
        log_->AppendIn(transaction, WithdrawEntry{.request = id, .owner = "state-university"})
            .ok());
    return absl::AbortedError("no");
  }})));
  EXPECT_THAT(Ids(), SizeIs(3));
  EXPECT_THAT(Entries("withdraw"), IsEmpty());
}

TEST_F(OwnerRecordsTest, SaysWhatIsWrongWithARange) {
  const auto wrong = Publish(CoveredUpTo(1));
  const int64_t at = wrong.position();
  EXPECT_EQ(ReasonOf(Withdraw(Range(0, at)).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ReasonOf(Withdraw(Range(at, at - 1)).status()), "INVALID_ARGUMENT");
  v1::WithdrawRecordsRequest unnamed = Range(at, at);
  unnamed.clear_request_id();
  EXPECT_EQ(ReasonOf(Withdraw(unnamed).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ReasonOf(Withdraw(Range(at + 5, at + 9)).status()), "NOT_FOUND");
  ASSERT_TRUE(Withdraw(Range(at, at)).ok());
  EXPECT_EQ(ReasonOf(Withdraw(Range(at, at + 1)).status()), "REQUEST_ID_REUSED");
  ASSERT_TRUE(
      store()
          .Commit(
              {.apply =
                   [this](Transaction& transaction) {
                     return transaction.ForgetHistory(now_.Now() + absl::Hours(1), 1000).status();
                   }})
          .ok());
  v1::WithdrawRecordsRequest late = Range(at, at);
  late.set_request_id("w-2");
  EXPECT_EQ(ReasonOf(Withdraw(late).status()), "HISTORY_FORGOTTEN");
}

TEST_F(OwnerRecordsTest, CountsAWithdrawAsBytesPublished) {
  Publish(CoveredUpTo(2));
  QuotaLimits limits;
  limits.bytes_published_per_day = 10;
  quotas_.SetLimits(limits);
  for (const bool validate_only : {true, false}) {
    v1::WithdrawRecordsRequest request = Range(1, 1);
    request.set_validate_only(validate_only);
    const absl::Status refused = Withdraw(request).status();
    EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
    EXPECT_THAT(refused.message(), HasSubstr("bytes_published_per_day"));
  }
  EXPECT_THAT(Ids(), SizeIs(2));
}

TEST_F(OwnerRecordsTest, GivesEveryBatchATokenSoThatABrokenStreamRepeatsNothing) {
  Publish(CoveredUpTo(2));
  KeptOwn whole, rest;
  ASSERT_TRUE(ReadOwn(OwnRequest(), whole).ok());
  v1::ReadOwnRecordsRequest request = OwnRequest();
  request.set_page_token(whole.messages[whole.messages.size() - 2].batch().next_page_token());
  EXPECT_NE(request.page_token(), "");
  ASSERT_TRUE(ReadOwn(request, rest).ok());
  EXPECT_THAT(rest.Ids(), IsEmpty());
  EXPECT_EQ(rest.messages.back().trailer().record_count(), 0);
}

}  // namespace
}  // namespace sluice::server
