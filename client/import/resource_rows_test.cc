// Resources of XML and JSON as rows.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/row_source.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

constexpr char kSpace[] = "http://ed-fi.org/5.2.0";

struct Rows {
  std::vector<SourceRow> rows;
  absl::Status status;
};

Rows Drain(absl::StatusOr<std::unique_ptr<RowSource>> source) {
  Rows all;
  if (!source.ok()) {
    all.status = source.status();
    return all;
  }
  SourceRow row;
  while (true) {
    const absl::StatusOr<bool> read = (*source)->Next(row);
    all.status = read.status();
    if (!read.ok() || !*read) return all;
    all.rows.push_back(row);
  }
}

Rows ReadXml(absl::string_view text, std::vector<std::string> columns) {
  auto file = DecodedFile::OfBytes("f", text);
  if (!file.ok()) return {{}, file.status()};
  return Drain(OpenXmlRows(*std::move(file), {{kSpace}, "Staff", std::move(columns)}));
}
std::string Xml(absl::string_view inside) {
  return absl::StrCat("<?xml version=\"1.0\"?>\n<InterchangeStaffAssociation xmlns=\"", kSpace,
                      "\">\n", inside, "</InterchangeStaffAssociation>\n");
}
Rows ReadJson(absl::string_view text, std::vector<std::string> columns) {
  auto file = DecodedFile::OfBytes("f", text);
  if (!file.ok()) return {{}, file.status()};
  return Drain(OpenJsonRows(*std::move(file), std::move(columns)));
}

using Cells = std::vector<std::string>;

// --- XML ---

TEST(XmlRowsTest, LaysAResourceFlat) {
  const Rows all = ReadXml(
      Xml("<School><Name>X</Name></School>\n"
          "<Staff id=\"S1\"><StaffUniqueId>1</StaffUniqueId><Name><FirstName>A &amp; B</FirstName>"
          "</Name>\n<Race>r1</Race><Race>r2</Race><Mail><At>m1</At></Mail><Mail><At>m2</At></Mail>"
          "<Org ref=\"O1\"/></Staff>\n"
          "<Staff><StaffUniqueId>2</StaffUniqueId></Staff>"),
      {"StaffUniqueId", "Name.FirstName", "Race", "Race[2]", "Mail[2].At", "Org.@ref", "@id",
       "Name"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_EQ(all.rows[0].cells, (Cells{"1", "A & B", "r1", "r2", "m2", "O1", "S1", ""}));
  EXPECT_EQ(all.rows[0].line, 4);
  EXPECT_EQ(all.rows[1].cells[0], "2");
  EXPECT_EQ(all.rows[1].line, 6);
}

TEST(XmlRowsTest, ADocumentTypeIsRefusedAndWithItEveryEntityBomb) {
  const std::string bomb =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY a \"lol\"><!ENTITY b "
      "\"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n"
      "<x>&c;</x>";
  const std::string file = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>\n<x>&e;</x>";
  const std::string network = "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\"><x/>";
  for (const std::string& text : {bomb, file, network}) {
    const Rows all = ReadXml(text, {});
    EXPECT_EQ(all.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(all.status.message(), "document type declaration")) << all.status;
  }
}

TEST(XmlRowsTest, AnotherNamespaceIsRefusedByName) {
  const Rows all = ReadXml("<InterchangeStaffAssociation xmlns=\"http://ed-fi.org/3.1\"/>", {});
  EXPECT_EQ(all.status.message(),
            "f:1: the namespace is \"http://ed-fi.org/3.1\", and this mapping is for "
            "http://ed-fi.org/5.2.0");
  // Of an element, too: it is not what the mapping means.
  EXPECT_TRUE(
      ReadXml(Xml("<Staff xmlns=\"http://other\"><Id>1</Id></Staff>"), {"Id"}).rows.empty());
}

TEST(XmlRowsTest, GivesWhatIsWholeBeforeATruncation) {
  std::string text = Xml("<Staff><Id>1</Id></Staff>\n<Staff><Id>2</Id></Staff>");
  text.resize(text.size() - 40);
  const Rows all = ReadXml(text, {"Id"});
  EXPECT_EQ(all.rows.size(), 1u);
  EXPECT_TRUE(absl::StartsWith(all.status.message(), "f:4: the XML is broken")) << all.status;
}

TEST(XmlRowsTest, BoundsDepthAndSize) {
  std::string deep, wide;
  for (int i = 0; i < 70; ++i) deep += "<a>";
  EXPECT_TRUE(absl::StrContains(ReadXml(Xml(deep), {}).status.message(), "64 deep"));
  wide = absl::StrCat("<Staff><Id>", std::string(3 << 20, 'x'), "</Id></Staff>");
  EXPECT_TRUE(absl::StrContains(ReadXml(Xml(wide), {}).status.message(), "larger than 2 MiB"));
  wide = absl::StrCat("<Staff a=\"", std::string(5 << 20, 'x'), "\"></Staff>");
  EXPECT_TRUE(
      absl::StrContains(ReadXml(Xml(wide), {}).status.message(), "a tag is larger than 2 MiB"));
}

TEST(XmlRowsTest, IsReadInUtf16WhateverItsDeclarationSays) {
  const std::string text = Xml("<Staff><Id>1</Id></Staff>");
  std::string utf16 = "\xFE\xFF";
  for (const char c : text) utf16 += std::string("\0", 1) + c;
  EXPECT_EQ(ReadXml(utf16, {"Id"}).rows.size(), 1u);
}

TEST(XmlRowsTest, RejectsAreADocumentThatIsReadAgain) {
  auto file = DecodedFile::OfBytes(
      "f",
      "<InterchangeStaffAssociation xmlns=\"http://ed-fi.org/5.2.0\"><Staff id=\"a&amp;b\"><Id>1 "
      "&lt; 2</Id><Org ref=\"x\"/></Staff></InterchangeStaffAssociation>");
  auto source = OpenXmlRows(*std::move(file), {{kSpace}, "Staff", {"Id", "@id", "Org.@ref"}});
  ASSERT_TRUE(source.ok()) << source.status();
  SourceRow row;
  ASSERT_TRUE(*(*source)->Next(row));
  const std::string text = (*source)->RejectsBegin() + (*source)->Reject(row, "bad -- --> <x>") +
                           (*source)->RejectsEnd();
  const Rows again = ReadXml(text, {"Id", "@id", "Org.@ref"});
  ASSERT_TRUE(again.status.ok()) << again.status << text;
  ASSERT_EQ(again.rows.size(), 1u);
  EXPECT_EQ(again.rows[0].cells, row.cells);
  EXPECT_EQ(again.rows[0].cells[0], "1 < 2");
}

// --- JSON ---

TEST(JsonRowsTest, LaysAResourceFlatFromAnArrayOrLines) {
  constexpr absl::string_view kOne =
      "{\"id\": \"1\", \"ref\": {\"key\": 2550}, \"ok\": true, \"gone\": null,\n"
      " \"score\": 12.50, \"races\": [{\"d\": \"r1\"}, {\"d\": \"r2 \\\"}\"}], \"tags\": [\"a\", "
      "null, "
      "\"b\"]}";
  const Cells columns = {"id",      "ref.key",    "ok",      "gone", "score",
                         "races.d", "races[2].d", "tags[3]", "tags", "ref"};
  const Cells cells = {"1", "2550", "true", "", "12.50", "r1", "r2 \"}", "b", "a", ""};
  for (const std::string& text : {absl::StrCat("[", kOne, ",\n{\"id\": \"2\"}]\n"),
                                  absl::StrCat(kOne, "\n{\"id\": \"2\"}\n")}) {
    const Rows all = ReadJson(text, columns);
    ASSERT_TRUE(all.status.ok()) << all.status;
    ASSERT_EQ(all.rows.size(), 2u);
    EXPECT_EQ(all.rows[0].cells, cells);
    EXPECT_EQ(all.rows[1].line, 3);
  }
  EXPECT_TRUE(ReadJson("[]", {}).status.ok());
  EXPECT_TRUE(ReadJson(" \n", {}).status.ok());
}

TEST(JsonRowsTest, ABrokenResourceIsBadAndTheNextIsRead) {
  const Rows all = ReadJson("{\"a\": 1, \"a\": 2}\n{\"a\": tru}\n{\"a\": \"3\"}\n", {"a"});
  ASSERT_TRUE(all.status.ok()) << all.status;
  ASSERT_EQ(all.rows.size(), 3u);
  EXPECT_EQ(all.rows[0].status.message(), "a name stands twice in one object");
  EXPECT_EQ(all.rows[1].status.message(), "the JSON is broken");
  EXPECT_EQ(all.rows[2].cells[0], "3");
}

TEST(JsonRowsTest, NamesTheLineWhereTheTextIsNoLongerJson) {
  const auto expect = [](absl::string_view text, absl::string_view message) {
    EXPECT_EQ(ReadJson(text, {"a"}).status.message(), message) << text;
  };
  expect("[{\"a\": 1}\n{\"a\": 2}]", "f:2: a comma is missing between two resources");
  expect("[{\"a\": 1}\n", "f:2: the array never ends: is the file whole?");
  expect("[{\"a\": 1},\n{\"a\": \n", "f:2: a resource never ends: is the file whole?");
  expect("[{\"a\": 1}]\nx", "f:2: text after the array");
  expect("\n12", "f:2: a resource is expected, an object in braces");
  expect("[[1]]", "f:1: a resource is expected, an object in braces");
  expect(absl::StrCat("{\"a\": \"", std::string(3 << 20, 'x'), "\"}"),
         "f:1: the resource is larger than 2 MiB");
}

TEST(JsonRowsTest, BoundsDepth) {
  std::string deep = "{\"a\": ";
  for (int i = 0; i < 100; ++i) deep += "[";
  for (int i = 0; i < 100; ++i) deep += "]";
  const Rows all = ReadJson(deep + "}", {"a"});
  ASSERT_EQ(all.rows.size(), 1u);
  EXPECT_TRUE(absl::StrContains(all.rows[0].status.message(), "64 deep"));
}

TEST(JsonRowsTest, RejectsAreLinesThatAreReadAgain) {
  for (const char* text : {"[{\"a\": 1,\n \"b\": 2}]", "{}", "{ }"}) {
    auto source = OpenJsonRows(*DecodedFile::OfBytes("f", text), {"a", "b"});
    SourceRow row;
    ASSERT_TRUE(*(*source)->Next(row));
    const std::string reject = (*source)->Reject(row, "say \"why\"\n");
    const Rows again = ReadJson(reject, {"a", "b", "sluice_reason"});
    ASSERT_TRUE(again.status.ok()) << reject;
    ASSERT_EQ(again.rows.size(), 1u) << reject;
    EXPECT_EQ(again.rows[0].cells[0], row.cells[0]);
    EXPECT_EQ(again.rows[0].cells[2], "say \"why\"\n");
  }
}

}  // namespace
}  // namespace sluice::client
