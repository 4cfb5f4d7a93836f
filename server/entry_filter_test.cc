#include "server/entry_filter.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "tests/support/log_fixture.h"

namespace sluice::server {
namespace {

constexpr int64_t kMillis = 1798761600123;

std::string BodyOf(const Entry& entry) {
  const std::string boot(32, 'b');
  EntryStamp stamp;
  stamp.time_ms = kMillis;
  stamp.writer = "gateway-1";
  stamp.boot = boot;
  return StampEntry(EncodeEntry(entry, SystemRandom).value(), stamp).value();
}

using Request = v1::ListEntriesRequest;
using Ask = std::function<void(Request&)>;

bool Matches(const Ask& ask, const std::string& body) {
  Request request;
  ask(request);
  const absl::StatusOr<EntryFilter> filter = EntryFilter::Create(request);
  EXPECT_TRUE(filter.ok()) << filter.status();
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  EXPECT_TRUE(entry.ok()) << body;
  return filter.ok() && entry.ok() && !filter->empty() && filter->Matches(*entry);
}

// What is wrong is the field of this name.
void ExpectRefused(const Ask& ask, absl::string_view field) {
  Request request;
  ask(request);
  const absl::Status status = EntryFilter::Create(request).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << field << status;
  EXPECT_TRUE(absl::StrContains(status.message(), field)) << status;
}

const std::string& Permit() {
  static const std::string& body = *new std::string(BodyOf(PermitEntry(1)));
  return body;
}
const std::string& Denial() {
  static const std::string& body = *new std::string(BodyOf(DenialEntry(2)));
  return body;
}
// Has none of the members that are asked for.
const std::string& Heartbeat() {
  static const std::string& body = *new std::string(BodyOf(HeartbeatEntry()));
  return body;
}

// A field that holds one of a decision's names: another name, an entry without it, and the same
// letters in another member do not match.
void ExpectName(const std::function<void(Request&, const std::string&)>& set,
                const std::string& name, const std::string& of_another_member) {
  const auto asks = [&](const std::string& value) {
    return [&set, value](Request& request) { set(request, value); };
  };
  EXPECT_TRUE(Matches(asks(name), Permit())) << name;
  EXPECT_FALSE(Matches(asks(name + "x"), Permit())) << name;
  EXPECT_FALSE(Matches(asks(name.substr(1)), Permit())) << name;
  EXPECT_FALSE(Matches(asks(name), Heartbeat())) << name;
  ASSERT_TRUE(absl::StrContains(Permit(), of_another_member));
  EXPECT_FALSE(Matches(asks(of_another_member), Permit())) << of_another_member;
}

TEST(EntryFilter, OfNothingIsEmptyAndMatchesAll) {
  const EntryFilter filter = EntryFilter::Create(Request()).value();
  EXPECT_TRUE(filter.empty());
  EXPECT_TRUE(filter.Matches(ParseEntry(Heartbeat()).value()));
}

TEST(EntryFilter, FindsByType) {
  ExpectName([](Request& r, const std::string& value) { r.set_type(value); }, "decision", "READ");
}

TEST(EntryFilter, ATypeIsAWholeNameAndNoPieceOfAnEntrysText) {
  // Each stands in the entry's bytes as it is, with the quotes that a search would put around it.
  for (const char* piece :
       {"decision\",\"time_ms\":1798761600123,\"request", "decision\",", "a b", "décision"}) {
    ExpectRefused([&](Request& r) { r.set_type(piece); }, "type");
  }
}

TEST(EntryFilter, FindsByMou) {
  ExpectName([](Request& r, const std::string& value) { r.mutable_filter()->set_mou(value); },
             "stem-pipeline", "hiring_pipeline");
}

TEST(EntryFilter, FindsByPurpose) {
  ExpectName([](Request& r, const std::string& value) { r.mutable_filter()->set_purpose(value); },
             "hiring_pipeline", "stem-pipeline");
}

TEST(EntryFilter, FindsByRecordType) {
  ExpectName(
      [](Request& r, const std::string& value) { r.mutable_filter()->set_record_type(value); },
      "Candidate", "decision");
}

TEST(EntryFilter, FindsByOperation) {
  ExpectName([](Request& r, const std::string& value) { r.mutable_filter()->set_operation(value); },
             "READ", "PERMIT");
}

TEST(EntryFilter, FindsByOrganizationWhereverAnEntryNamesOne) {
  const auto of = [](std::string name) {
    return [name](Request& r) { r.mutable_filter()->set_organization(name); };
  };
  EXPECT_TRUE(Matches(of("river-unified"), Permit()));     // the caller's
  EXPECT_TRUE(Matches(of("state-university"), Permit()));  // the owner
  EXPECT_FALSE(Matches(of("river"), Permit()));
  EXPECT_FALSE(Matches(of("stem-pipeline"), Permit()));  // an MOU's name
  EXPECT_FALSE(Matches(of("hiring"), Permit()));         // a system's
  EXPECT_FALSE(Matches(of("river-unified"), Heartbeat()));
  DecisionEntry of_three = PermitEntry(3);
  of_three.parties.push_back("hill-county");
  EXPECT_TRUE(Matches(of("hill-county"), BodyOf(of_three)));
  EXPECT_FALSE(Matches(of("hill-county"), Permit()));
  EXPECT_TRUE(Matches(of("hill-county"), BodyOf(AdminEntry{"CA_BUNDLE", "hill-county", ""})));
}

TEST(EntryFilter, FindsASystemByItsPathAndOnlyThatOrganizations) {
  const auto of = [](std::string path) {
    return [path](Request& r) { r.mutable_filter()->set_principal(path); };
  };
  EXPECT_TRUE(Matches(of("/org/river-unified/system/hiring"), Permit()));
  EXPECT_FALSE(Matches(of("/org/river-unified/system/payroll"), Permit()));
  EXPECT_FALSE(Matches(of("/org/state-university/system/hiring"), Permit()));
  EXPECT_FALSE(Matches(of("/org/river-unified/system/hiring"), Heartbeat()));
  // An administrator of the same name: it stands as a commitment.
  DecisionEntry person = PermitEntry(4);
  person.caller.principal = {policy::PrincipalKind::kAdmin, "river-unified", "hiring"};
  EXPECT_FALSE(Matches(of("/org/river-unified/system/hiring"), BodyOf(person)));
}

TEST(EntryFilter, FindsAPersonByTheKeyAlone) {
  const auto of = [](std::string principal) {
    return [principal](Request& r) { r.mutable_filter()->set_principal(principal); };
  };
  DecisionEntry person = PermitEntry(4);
  person.caller.principal = {policy::PrincipalKind::kAdmin, "river-unified", "pat-doe"};
  const std::string body = BodyOf(person);
  const std::string spki(64, 'a');
  EXPECT_TRUE(Matches(of(spki), body));
  EXPECT_TRUE(Matches(of("sha256:" + spki), body));
  EXPECT_TRUE(Matches(of(std::string(64, 'A')), body));
  EXPECT_FALSE(Matches(of(std::string(64, 'c')), body));
  // The digits of other members are nobody's key.
  ASSERT_TRUE(absl::StrContains(body, std::string(64, 'd')));
  EXPECT_FALSE(Matches(of(std::string(64, 'd')), body));
  EXPECT_FALSE(Matches(of(spki), Heartbeat()));
  for (const char* wrong :
       {"/org/river-unified/admin/pat-doe", "/operator/root", "/org/river-unified/system",
        "/org//system/hiring", "/org/river-unified/system/a\"b", "pat-doe", "aaaa"}) {
    ExpectRefused(of(wrong), "filter.principal");
  }
}

TEST(EntryFilter, FindsASignerByTheKey) {
  MouEntry mou;
  mou.mou = "stem-pipeline";
  mou.version = 1;
  mou.document_digest = "sha256:" + std::string(64, 'd');
  mou.state = "SIGNED";
  mou.parties = {"state-university"};
  mou.signatures.push_back({"state-university",
                            "sha256:" + std::string(64, 'e'),
                            {std::string(64, 'f')},
                            "1F",
                            absl::FromUnixMillis(kMillis)});
  const auto of = [](char digit) {
    return [digit](Request& r) { r.mutable_filter()->set_principal(std::string(64, digit)); };
  };
  EXPECT_TRUE(Matches(of('e'), BodyOf(mou)));
  EXPECT_FALSE(Matches(of('f'), BodyOf(mou)));  // of the chain
}

TEST(EntryFilter, FindsByResult) {
  const auto of = [](v1::EntryResult result) {
    return [result](Request& r) { r.mutable_filter()->set_result(result); };
  };
  EXPECT_TRUE(Matches(of(v1::ENTRY_RESULT_PERMIT), Permit()));
  EXPECT_FALSE(Matches(of(v1::ENTRY_RESULT_PERMIT), Denial()));
  EXPECT_TRUE(Matches(of(v1::ENTRY_RESULT_DENIAL), Denial()));
  EXPECT_FALSE(Matches(of(v1::ENTRY_RESULT_DENIAL), Permit()));
  EXPECT_FALSE(Matches(of(v1::ENTRY_RESULT_PERMIT), Heartbeat()));
  // A result's word in another member.
  DecisionEntry decision = DenialEntry(5);
  decision.operation = "PERMIT";
  EXPECT_FALSE(Matches(of(v1::ENTRY_RESULT_PERMIT), BodyOf(decision)));
  ExpectRefused(of(static_cast<v1::EntryResult>(77)), "filter.result");
}

TEST(EntryFilter, FindsByDenialCode) {
  const auto of = [](v1::DenialCode code) {
    return [code](Request& r) { r.mutable_filter()->set_code(code); };
  };
  EXPECT_TRUE(Matches(of(v1::DENIAL_CODE_OUTSIDE_PERIOD), Denial()));
  EXPECT_FALSE(Matches(of(v1::DENIAL_CODE_NO_MOU), Denial()));
  EXPECT_FALSE(Matches(of(v1::DENIAL_CODE_OUTSIDE_PERIOD), Permit()));
  EXPECT_FALSE(Matches(of(v1::DENIAL_CODE_OUTSIDE_PERIOD), Heartbeat()));
  DecisionEntry decision = DenialEntry(5);
  decision.operation = "NO_MOU";
  EXPECT_FALSE(Matches(of(v1::DENIAL_CODE_NO_MOU), BodyOf(decision)));
  ExpectRefused(of(static_cast<v1::DenialCode>(7777)), "filter.code");
}

TEST(EntryFilter, APeriodHasItsStartAndNotItsEnd) {
  const auto set = [](google::protobuf::Timestamp& time, int64_t ms, int32_t more_nanos) {
    time.set_seconds(ms / 1000);
    time.set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000 + more_nanos);
  };
  const auto from = [&](int64_t ms, int32_t nanos = 0) {
    return [=](Request& r) { set(*r.mutable_filter()->mutable_start_time(), ms, nanos); };
  };
  const auto to = [&](int64_t ms, int32_t nanos = 0) {
    return [=](Request& r) { set(*r.mutable_filter()->mutable_end_time(), ms, nanos); };
  };
  EXPECT_TRUE(Matches(from(kMillis), Heartbeat()));
  EXPECT_FALSE(Matches(from(kMillis, 1), Heartbeat()));
  EXPECT_TRUE(Matches(from(kMillis - 1), Heartbeat()));
  EXPECT_FALSE(Matches(to(kMillis), Heartbeat()));
  EXPECT_TRUE(Matches(to(kMillis, 1), Heartbeat()));
  const auto between = [&](int64_t begin, int64_t end) {
    return [=](Request& r) {
      from(begin)(r);
      to(end)(r);
    };
  };
  EXPECT_TRUE(Matches(between(kMillis, kMillis + 1), Heartbeat()));
  ExpectRefused(between(kMillis, kMillis), "filter.end_time");
  ExpectRefused(between(kMillis, kMillis - 1), "filter.end_time");
  ExpectRefused([](Request& r) { r.mutable_filter()->mutable_start_time()->set_nanos(-1); },
                "filter.start_time");
  ExpectRefused(
      [](Request& r) { r.mutable_filter()->mutable_end_time()->set_seconds(253402300800); },
      "filter.end_time");
}

TEST(EntryFilter, AllThatIsAskedForMustHold) {
  const Ask both = [](Request& r) {
    r.mutable_filter()->set_mou("stem-pipeline");
    r.mutable_filter()->set_result(v1::ENTRY_RESULT_DENIAL);
  };
  EXPECT_TRUE(Matches(both, Denial()));
  EXPECT_FALSE(Matches(both, Permit()));
}

TEST(EntryFilter, AMembersNameDeeperInAnEntryIsNotThatMember) {
  const std::string forged =
      absl::StrReplaceAll(Heartbeat(), {{"\"wseq\":0}",
                                         "\"wseq\":0,\"caller\":{\"mou\":\"stem-pipeline\","
                                         "\"type\":\"decision\",\"owner\":\"river-unified\"}}"}});
  EXPECT_FALSE(Matches([](Request& r) { r.mutable_filter()->set_mou("stem-pipeline"); }, forged));
  EXPECT_FALSE(Matches([](Request& r) { r.set_type("decision"); }, forged));
  EXPECT_FALSE(
      Matches([](Request& r) { r.mutable_filter()->set_organization("river-unified"); }, forged));
  EXPECT_TRUE(Matches([](Request& r) { r.set_type("heartbeat"); }, forged));
}

TEST(EntryFilter, RefusesWhatNoNameInAnEntryCanBe) {
  using Set = void (*)(v1::EntryFilter&, const std::string&);
  const std::pair<const char*, Set> fields[] = {
      {"filter.organization", [](auto& f, const auto& v) { f.set_organization(v); }},
      {"filter.mou", [](auto& f, const auto& v) { f.set_mou(v); }},
      {"filter.purpose", [](auto& f, const auto& v) { f.set_purpose(v); }},
      {"filter.record_type", [](auto& f, const auto& v) { f.set_record_type(v); }},
      {"filter.operation", [](auto& f, const auto& v) { f.set_operation(v); }},
  };
  for (const auto& [field, set] : fields) {
    for (const std::string& wrong : {std::string("a b"), std::string("a\",\"b"),
                                     std::string("\x1b[2J"), std::string(65, 'a')}) {
      ExpectRefused([&, set = set](Request& r) { set(*r.mutable_filter(), wrong); }, field);
    }
  }
}

}  // namespace
}  // namespace sluice::server
