#include "client/command/log_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LogEntryView Of(std::string body, int64_t index = 7) {
  v1::LogEntry entry;
  entry.set_index(index);
  entry.set_body(std::move(body));
  return LogEntryView(entry);
}

// An entry as a gateway writes it.
LogEntryView Golden(const std::string& name) {
  std::ifstream in(absl::StrCat(SLUICE_SOURCE_DIR, "/tests/golden/log/", name, ".json"));
  std::string body(std::istreambuf_iterator<char>(in), {});
  EXPECT_FALSE(body.empty()) << name;
  body.pop_back();  // the end of line
  return Of(body);
}

TEST(LogEntryView, SaysWhoDidWhatAndHowItEnded) {
  const LogEntryView permit = Golden("decision");
  EXPECT_EQ(permit.TimeText(), "2027-01-01 00:00:00");
  EXPECT_EQ(permit.type(), "decision");
  EXPECT_EQ(permit.Who(), "river-unified/hiring");
  EXPECT_EQ(permit.What(), "READ Candidate, stem-pipeline 1, hiring_pipeline");
  EXPECT_EQ(permit.Result(), "PERMIT");
  EXPECT_THAT(permit.Organizations(), ElementsAre("river-unified", "state-university"));
}

TEST(LogEntryView, APersonIsTheKeyAndNoName) {
  const LogEntryView denial = Golden("decision_denial");
  EXPECT_EQ(denial.CallerKind(), "admin");
  EXPECT_EQ(denial.Who(), "river-unified admin aaaaaaaaaaaa");
  EXPECT_EQ(denial.Result(), "DENIAL OUTSIDE_PERIOD x12");
  EXPECT_EQ(Golden("organization").Who(), "operator aaaaaaaaaaaa");
}

TEST(LogEntryView, SaysOfEachTypeWhatItIsAbout) {
  EXPECT_EQ(Golden("outcome").What(), "of 17");
  EXPECT_EQ(Golden("outcome").Result(), "OK");
  EXPECT_EQ(Golden("outcome").Of("rows", "released"), "100");
  EXPECT_EQ(Golden("mou").What(), "SIGNED, stem-pipeline 1");
  EXPECT_EQ(Golden("organization").What(), "ORGANIZATION river-unified");
  EXPECT_EQ(Golden("key_destroyed").What(), "DESTROYED records");
  EXPECT_EQ(Golden("read").What(), "ListEntries, from 0 to 100");
  EXPECT_EQ(Golden("ordinals").Who(), "state-university");
  EXPECT_EQ(Golden("heartbeat").What(), "");
}

TEST(LogEntryView, WhatIsNoEntryIsShownAsSuch) {
  for (const char* body : {"", "x", "[]", "{}", "{\"type\":7", "{\"type\":\"\"}", "\xff\xfe"}) {
    const LogEntryView entry = Of(body);
    EXPECT_FALSE(entry.is_entry()) << body;
    EXPECT_EQ(entry.What(), absl::StrCat("not an entry: ", body));
    EXPECT_EQ(entry.type(), "");
    EXPECT_FALSE(entry.time().has_value());
  }
}

TEST(LogEntryView, MembersOfAnotherKindAreNone) {
  const LogEntryView entry =
      Of("{\"type\":\"decision\",\"time_ms\":\"1\",\"caller\":[1],\"rows\":\"x\",\"parties\":7,"
         "\"mou\":{\"mou\":\"x\"},\"result\":[\"PERMIT\"],\"code\":1.5}");
  EXPECT_TRUE(entry.is_entry());
  EXPECT_FALSE(entry.time().has_value());
  EXPECT_EQ(entry.Who(), "");
  EXPECT_EQ(entry.What(), "");
  EXPECT_EQ(entry.Result(), "");
  EXPECT_EQ(entry.Of("rows", "released"), "");
  EXPECT_THAT(entry.Organizations(), IsEmpty());
  for (const char* time : {"-1", "253402300800000", "99999999999999999999"}) {
    EXPECT_FALSE(Of(absl::StrCat("{\"type\":\"x\",\"time_ms\":", time, "}")).time().has_value());
  }
}

TEST(LogEntryView, ItsLineOfJsonIsItsOwnBytes) {
  EXPECT_EQ(Of("{\"type\": \"x\"}").JsonLine(), "{\"type\": \"x\"}");
  // What would end the line, or is no JSON, is a string.
  EXPECT_EQ(Of("{\"type\":\n\"x\"}").JsonLine(), "\"{\\\"type\\\":\\n\\\"x\\\"}\"");
  EXPECT_EQ(Of("{\"type\":\r\"x\"}").JsonLine(), "\"{\\\"type\\\":\\r\\\"x\\\"}\"");
  EXPECT_EQ(Of("a\xff").JsonLine(), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(Of(std::string("7\0x", 3)).JsonLine(), "\"7\\u0000x\"");
}

}  // namespace
}  // namespace sluice::client
