#include "client/command/log_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/log_tree.h"

namespace sluice::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr char kOrigin[] = "gateway.example/records/1";
const char* const kFormats[] = {"jsonl", "ocsf", "cef", "syslog"};

LogEntryView Of(std::string body) {
  v1::LogEntry entry;
  entry.set_index(17);
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

std::string LineOf(const std::string& format, const LogEntryView& entry) {
  const std::string line = LogExport{format, kOrigin, "1.0", "sluice@32473"}.Line(entry);
  // One line, whatever the entry is.
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  EXPECT_EQ(line.back(), '\n');
  return line;
}

std::string HashOf(const LogEntryView& entry) {
  const TreeHash hash = LeafHash(entry.body());
  return absl::BytesToHexString(std::string(hash.begin(), hash.end()));
}

TEST(LogExport, JsonLinesHaveTheBytesThatWereHashed) {
  const LogEntryView entry = Golden("decision_denial");
  EXPECT_EQ(LineOf("jsonl", entry), absl::StrCat("{\"index\":17,\"leaf_hash\":\"", HashOf(entry),
                                                 "\",\"entry\":", entry.body(), "}\n"));
  // What is no line of JSON is whole, too.
  for (const std::string body : {"x\ny", "{\"a\":\n1}", "\xff\xfe", ""}) {
    const Json line = Json::parse(LineOf("jsonl", Of(body)));
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(line["bytes"].get<std::string>(), &bytes));
    EXPECT_EQ(bytes, body);
    EXPECT_EQ(line["leaf_hash"], HashOf(Of(body)));
  }
}

TEST(LogExport, OcsfIsAnApiActivityThatRefersToItsProof) {
  const LogEntryView entry = Golden("decision_denial");
  const Json line = Json::parse(LineOf("ocsf", entry));
  EXPECT_EQ(line["class_uid"], 6003);
  EXPECT_EQ(line["category_uid"], 6);
  EXPECT_EQ(line["activity_id"], 2);
  EXPECT_EQ(line["type_uid"], 600302);
  EXPECT_EQ(line["time"], 1798761600000);
  EXPECT_EQ(line["status_id"], 2);
  EXPECT_EQ(line["status_code"], "OUTSIDE_PERIOD");
  EXPECT_EQ(line["count"], 12);
  EXPECT_EQ(line["metadata"]["uid"], "gateway.example/records/1/17");
  EXPECT_EQ(line["api"]["operation"], "READ");
  EXPECT_EQ(line["actor"]["user"]["uid"], std::string(64, 'a'));
  EXPECT_EQ(line["actor"]["user"]["org"]["name"], "river-unified");
  EXPECT_EQ(line["unmapped"]["origin"], kOrigin);
  EXPECT_EQ(line["unmapped"]["index"], 17);
  EXPECT_EQ(line["unmapped"]["leaf_hash"], HashOf(entry));
  EXPECT_EQ(line["raw_data"], entry.body());
  EXPECT_FALSE(line["src_endpoint"].empty());
  EXPECT_EQ(line["severity_id"], 1);
}

TEST(LogExport, OcsfCallsAReadWhatReadAndNothingElse) {
  for (const char* name : {"decision", "disclosure", "outcome", "read"}) {
    EXPECT_EQ(Json::parse(LineOf("ocsf", Golden(name)))["type_uid"], 600302) << name;
  }
  for (const char* name : {"mou", "key_destroyed", "organization", "withdraw", "heartbeat"}) {
    const Json line = Json::parse(LineOf("ocsf", Golden(name)));
    EXPECT_EQ(line["activity_id"], 99) << name;
    EXPECT_EQ(line["type_uid"], 600399) << name;
    EXPECT_FALSE(line["activity_name"].get<std::string>().empty());
    // What the class asks for is there, though nobody called.
    EXPECT_FALSE(line["actor"]["user"].empty()) << name;
    EXPECT_FALSE(line["src_endpoint"].empty()) << name;
  }
  const auto of = [](const std::string& operation) {
    return Json::parse(LineOf(
        "ocsf", Of("{\"type\":\"decision\",\"operation\":\"" + operation + "\"}")))["activity_id"];
  };
  EXPECT_EQ(of("ExplainRow"), 2);
  EXPECT_EQ(of("PublishRecords"), 99);
  EXPECT_EQ(of("DestroyKey"), 99);
  EXPECT_EQ(
      Json::parse(LineOf("ocsf", Of("{\"type\":\"outcome\",\"status\":\"unknown\"}")))["status_id"],
      0);
}

TEST(LogExport, CefHasCodesAndCounts) {
  const LogEntryView denial = Golden("decision_denial");
  const std::string line = LineOf("cef", denial);
  EXPECT_THAT(line, StartsWith("CEF:0|Sluice|Sluice|1.0|decision|decision DENIAL|5|externalId="
                               "gateway.example/records/1/17 rt=1798761600000 act=READ "
                               "outcome=DENIAL reason=OUTSIDE_PERIOD suid=aaaa"));
  EXPECT_THAT(line, HasSubstr(" cnt=12 "));
  EXPECT_THAT(line, HasSubstr(" cs3=stem-pipeline cs3Label=mou "));
  EXPECT_THAT(LineOf("cef", Golden("decision")),
              HasSubstr(" suser=/org/river-unified/system/hiring "));
  EXPECT_THAT(LineOf("cef", Golden("outcome")), HasSubstr(" cn1=100 cn1Label=rowsReleased\n"));
}

TEST(LogExport, CefEscapesWhatItsReaderWouldObey) {
  const std::string line =
      LineOf("cef", Of("{\"type\":\"a|b\\\\c\",\"mou\":\"x=y\\\\z act=forged\\nsecond\"}"));
  EXPECT_THAT(line, HasSubstr("|a\\|b\\\\c|a\\|b\\\\c|"));
  EXPECT_THAT(line, HasSubstr("cs3=x\\=y\\\\z act\\=forged\\\\nsecond "));
}

TEST(LogExport, SyslogIsRfc5424WithStructuredData) {
  const std::string line = LineOf("syslog", Golden("decision_denial"));
  EXPECT_THAT(line, StartsWith("<109>1 2027-01-01T00:00:00.000Z gateway-1 sluice - decision "
                               "[sluice@32473 origin=\"gateway.example/records/1\" index=\"17\" "
                               "leafHash=\""));
  EXPECT_THAT(line, HasSubstr(" result=\"DENIAL\" code=\"OUTSIDE_PERIOD\" count=\"12\"]\n"));
  EXPECT_THAT(LineOf("syslog", Golden("decision")), StartsWith("<110>1 "));
  EXPECT_THAT(LineOf("syslog", Golden("outcome")), HasSubstr(" rows=\"100\"]\n"));
}

TEST(LogExport, SyslogEscapesWhatWouldEndItsData) {
  const std::string line = LineOf(
      "syslog", Of("{\"type\":\"two words\\u0007\",\"writer\":\"a b\",\"mou\":\"\\\"] [x\\\\\"}"));
  EXPECT_THAT(line, StartsWith("<110>1 - a?b sluice - two?words? ["));
  EXPECT_THAT(line, HasSubstr(" mou=\"\\\"\\] [x\\\\\"]\n"));
}

TEST(LogExport, WhatIsNoEntryIsALineAsWell) {
  for (const char* format : kFormats) {
    const std::string line = LineOf(format, Of("damaged\x1b[2J\n"));
    EXPECT_THAT(line, HasSubstr("17")) << format;
    EXPECT_THAT(line, HasSubstr(HashOf(Of("damaged\x1b[2J\n")))) << format;
    EXPECT_THAT(line, Not(HasSubstr("\x1b"))) << format;
  }
}

TEST(LogExport, NoNameOfAPersonIsInIt) {
  // The commitment may be: without its opening it names nobody. It is where the entry itself is.
  const LogEntryView entry = Golden("decision_denial");
  const std::string commitment = entry.Of("caller", "admin");
  ASSERT_FALSE(commitment.empty());
  for (const char* format : {"cef", "syslog"}) {
    EXPECT_THAT(LineOf(format, entry), Not(HasSubstr(commitment))) << format;
  }
}

TEST(IsSdId, TakesANameAndANumber) {
  for (const char* id : {"sluice@32473", "a@1", "x@1.2.3"}) EXPECT_TRUE(IsSdId(id)) << id;
  for (const char* id : {"", "sluice", "@1", "a@", "a b@1", "a]@1", "a=@1", "a\"@1", "a@1x",
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@1"}) {
    EXPECT_FALSE(IsSdId(id)) << id;
  }
}

}  // namespace
}  // namespace sluice::client
