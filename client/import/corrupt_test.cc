// Each byte of a file changed in turn: what reads it ends, with the same records where nothing of
// them was touched, and otherwise with a place.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/import_for_test.h"
#include "client/import/row_mapper.h"
#include "client/import/row_source.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

constexpr unsigned char kBytes[] = {0,   '\t', '\n', '\r', '"',  '\'', ',',  ':',  '<', '[',
                                    '{', '}',  0x7F, 0x80, 0xC3, 0xD8, 0xED, 0xFE, 0xFF};

// Calls `read` with every byte of the text replaced by each of the above, and taken away.
template <typename Read>
void ForEachCorruption(const std::string& whole, Read&& read) {
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const unsigned char c : kBytes) {
      std::string text = whole;
      text[i] = static_cast<char>(c);
      read(text);
    }
    std::string text = whole;
    read(text.erase(i, 1));
    read(whole.substr(0, i));
  }
}

bool IsUtf8WithoutNul(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t n) {
      return i + n < text.size() ? static_cast<unsigned char>(text[i + n]) : 0;
    };
    const unsigned char lead = byte(0);
    const size_t more = lead < 0x80 ? 0 : lead < 0xC2 ? 9 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (lead == 0 || more == 9 || lead > 0xF4) return false;
    for (size_t n = 1; n <= more; ++n) {
      if ((byte(n) & 0xC0) != 0x80) return false;
    }
    if (lead == 0xED && byte(1) >= 0xA0) return false;  // half a pair of UTF-16
    i += more + 1;
  }
  return true;
}

// Begins as a place does: "f:3: ".
bool HasPlace(const absl::Status& status) {
  const absl::string_view message = status.message();
  return absl::StartsWith(message, "f:") && message.size() > 3 &&
         absl::ascii_isdigit(static_cast<unsigned char>(message[2]));
}

TEST(CorruptFileTest, NoByteMakesTextOfWhatIsNone) {
  const std::string utf8 =
      "\xEF\xBB\xBF"
      "Id,N\xC3\xA9,\xF0\x9F\x8E\x93\n1,\xE2\x82\xAC,3\n";
  std::string utf16 = "\xFF\xFE";
  for (const char c : std::string("Id,Name\n1,Ann\n")) utf16 += std::string({c, '\0'});
  utf16 += std::string("\x3C\xD8\x93\xDF\n\0", 6);  // a pair
  int64_t refused = 0, read = 0;
  for (const std::string& whole : {utf8, utf16}) {
    ForEachCorruption(whole, [&](const std::string& bytes) {
      auto file = DecodedFile::OfBytes("f", bytes);
      if (!file.ok()) {
        ++refused;
        EXPECT_FALSE(file.status().message().empty());
        return;
      }
      std::string text;
      int c;
      while ((c = (*file)->sbumpc()) >= 0) text.push_back(static_cast<char>(c));
      EXPECT_TRUE(IsUtf8WithoutNul(text));
      if (!(*file)->status().ok()) {
        ++refused;
        EXPECT_TRUE(HasPlace((*file)->status())) << (*file)->status();
      } else {
        ++read;
      }
    });
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(read, 100);
}

// Reads all rows; every error has its place, every row as many cells as there are columns.
template <typename Open>
void ExpectRowsOrAPlace(const std::string& whole, Open&& open) {
  int64_t broken = 0, taken = 0;
  ForEachCorruption(whole, [&](const std::string& bytes) {
    auto file = DecodedFile::OfBytes("f", bytes);
    if (!file.ok()) return;
    auto rows = open(*std::move(file));
    if (!rows.ok()) {
      ++broken;
      EXPECT_TRUE(HasPlace(rows.status())) << rows.status();
      return;
    }
    SourceRow row;
    int64_t line = 0;
    while (true) {
      const absl::StatusOr<bool> next = (*rows)->Next(row);
      if (!next.ok()) {
        ++broken;
        EXPECT_TRUE(HasPlace(next.status())) << next.status();
        return;
      }
      if (!*next) return;
      EXPECT_GE(row.line, line);
      line = row.line;
      ++taken;
      if (row.status.ok()) {
        EXPECT_EQ(row.cells.size(), (*rows)->columns().size());
      }
    }
  });
  EXPECT_GT(broken, 50);
  EXPECT_GT(taken, 50);
}

TEST(CorruptFileTest, NoByteMakesARowOfCsvThatIsNone) {
  ExpectRowsOrAPlace("Id,Name\r\n1,\"An\"\"n\n\"\n2,Bo\n", [](std::unique_ptr<DecodedFile> file) {
    return OpenCsvRows(std::move(file));
  });
}

TEST(CorruptFileTest, NoByteMakesAResourceOfXmlThatIsNone) {
  const std::string whole =
      "<?xml version=\"1.0\"?>\n<I xmlns=\"n\">\n<r d=\"1\"><a>x &amp; y</a><b><c>2</c></b></r>\n"
      "<!-- c --><r><a><![CDATA[z]]></a></r>\n</I>\n";
  ExpectRowsOrAPlace(whole, [](std::unique_ptr<DecodedFile> file) {
    return OpenXmlRows(std::move(file), {{"n"}, "r", {"a", "@d", "b.c"}});
  });
}

TEST(CorruptFileTest, NoByteMakesAResourceOfJsonThatIsNone) {
  ExpectRowsOrAPlace(
      "[{\"a\": \"x\\u00e9\", \"b\": [{\"c\": 1.50}, {\"c\": null}]},\n {\"a\": true}]\n",
      [](std::unique_ptr<DecodedFile> file) {
        return OpenJsonRows(std::move(file), {"a", "b.c", "b[2].c"});
      });
}

TEST(CorruptFileTest, NoByteMakesARecordOfAnotherId) {
  // In our own form: what is read is the record, or the line is refused.
  const auto types = *policy::Catalog::BuiltIn();
  const policy::RecordType& type = *types->Find("PersonIdentity");
  const std::string path = testing::TempDir() + "corrupt.ndjson";
  int64_t bad = 0;
  ForEachCorruption("{\"id_space\":\"staff\",\"id\":\"7\"}\n", [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    auto file = OpenOwnForm(path, OwnForm::kNdjson, type);
    if (!file.ok()) return;
    const std::unique_ptr<google::protobuf::Message> record(type.prototype().New());
    SourceRow row;
    while (true) {
      const absl::StatusOr<bool> next = file->rows->Next(row);
      if (!next.ok() || !*next) return;
      record->Clear();
      const auto mapped = file->maker->Map(row, *record);
      ASSERT_TRUE(mapped.ok());
      bad += !mapped->problems.empty();
      if (!mapped->problems.empty()) continue;
      // Text never becomes bytes that no record has.
      EXPECT_TRUE(IsUtf8WithoutNul(RecordToJson(*record)));
    }
  });
  EXPECT_GT(bad, 50);
  std::filesystem::remove(path);
}

TEST(CorruptMappingTest, EveryByteGivesFindingsOrAMappingThatBinds) {
  const auto catalog = *policy::Catalog::BuiltIn();
  const std::string whole =
      "mapping: m\nrecord: Candidate\nformat: csv\ntrim: true\nfields:\n  candidate_id: {column: "
      "Id,"
      " required: true}\n  birth_date: {column: Born, date: MM/DD/YYYY}\n  sex: {column: Sex, "
      "crosswalk: c}\nrepeat:\n"
      "  race: {columns: 1..2, value: \"Race{n}\"}\nwhere: {Role: {in: [a, b]}}\n"
      "crosswalks: {c: {codes: {F: x}, otherwise: KEEP}}\nleft_out: {Shoe: none}\n";
  ASSERT_TRUE(ReadMapping("f", whole, *catalog).mapping.has_value());
  int64_t refused = 0, taken = 0;
  ForEachCorruption(whole, [&](const std::string& text) {
    const MappingRead read = ReadMapping("f", text, *catalog);
    EXPECT_NE(read.mapping.has_value(), policy::HasError(read.findings)) << text;
    for (const policy::Finding& finding : read.findings) {
      EXPECT_LE(finding.place.line, std::count(text.begin(), text.end(), '\n') + 1);
      EXPECT_FALSE(finding.message.empty());
    }
    if (!read.mapping.has_value() || read.mapping->record.empty()) {
      ++refused;
      return;
    }
    ++taken;
    const policy::RecordType& type = *catalog->Find(read.mapping->record);
    const std::vector<std::string> columns = ColumnsRead(*read.mapping, "");
    const RowMapper::Bound bound = RowMapper::Bind(*read.mapping, type, "f", columns, {});
    ASSERT_NE(bound.mapper, nullptr) << text;
    SourceRow row;
    row.cells.assign(columns.size(), "10/06/2017");
    const std::unique_ptr<google::protobuf::Message> record(type.prototype().New());
    EXPECT_TRUE(bound.mapper->Map(row, *record).ok()) << text;
  });
  EXPECT_GT(refused, 1000);
  EXPECT_GT(taken, 100);
}

}  // namespace
}  // namespace sluice::client
