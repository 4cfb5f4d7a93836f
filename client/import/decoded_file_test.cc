#include "client/import/decoded_file.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/row_source.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

// UTF-16 of ASCII and one letter beyond it.
std::string Utf16(absl::string_view ascii, bool little) {
  std::string text;
  for (const char c : ascii) {
    if (!little) text.push_back('\0');
    text.push_back(c);
    if (little) text.push_back('\0');
  }
  return text;
}

struct Read {
  std::string text;
  absl::Status status;
};

Read ReadAll(absl::string_view bytes) {
  absl::StatusOr<std::unique_ptr<DecodedFile>> file = DecodedFile::OfBytes("f", bytes);
  if (!file.ok()) return {"", file.status()};
  std::istream in(file->get());
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return {text, (*file)->status()};
}

constexpr char kText[] = "id,name\n1,Ann\n2,Bo\n";

TEST(DecodedFileTest, ReadsEveryEncodingAlike) {
  const std::string crlf = "id,name\r\n1,Ann\r\n2,Bo\r\n";
  EXPECT_EQ(ReadAll(kText).text, kText);
  EXPECT_EQ(ReadAll(absl::StrCat("\xEF\xBB\xBF", kText)).text, kText);
  EXPECT_EQ(ReadAll("\xFF\xFE" + Utf16(kText, true)).text, kText);
  EXPECT_EQ(ReadAll("\xFE\xFF" + Utf16(kText, false)).text, kText);
  EXPECT_EQ(ReadAll(Utf16(kText, true)).text, kText);
  EXPECT_EQ(ReadAll(Utf16(kText, false)).text, kText);
  EXPECT_EQ(ReadAll("\xFF\xFE" + Utf16(crlf, true)).text, crlf);
}

TEST(DecodedFileTest, KeepsCharactersBeyondAsciiAcrossChunks) {
  // Of two, three and four bytes, at every offset from the end of a chunk.
  for (int shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'x'), utf16 = "\xFF\xFE" + Utf16(text, true);
    while (text.size() < 200'000) {
      text += "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
      utf16 += std::string("\xE9\x00\xAC\x20\x3D\xD8\x00\xDE", 8);
    }
    EXPECT_TRUE(ReadAll(text).text == text) << shift;
    EXPECT_TRUE(ReadAll(utf16).text == text) << shift;
    EXPECT_TRUE(ReadAll(utf16).status.ok());
  }
}

TEST(DecodedFileTest, NamesTheLineOfWhatIsNoText) {
  const auto expect = [](absl::string_view bytes, absl::string_view where, absl::string_view what) {
    const Read read = ReadAll(bytes);
    EXPECT_EQ(read.status.code(), absl::StatusCode::kInvalidArgument) << what;
    EXPECT_TRUE(absl::StartsWith(read.status.message(), where)) << read.status;
    EXPECT_TRUE(absl::StrContains(read.status.message(), what)) << read.status;
  };
  expect(absl::string_view("a,b\n1,2\n3,\0\n", 12), "f:3: ", "NUL byte");
  expect("a,b\n1,\xE9\n", "f:2: ", "not UTF-8");
  expect("a\n\xC0\x80\n", "f:2: ", "not UTF-8");          // an overlong NUL
  expect("a\n\xED\xA0\x80\n", "f:2: ", "not UTF-8");      // a surrogate
  expect("a\n\xF4\x90\x80\x80\n", "f:2: ", "not UTF-8");  // beyond the last character
  expect("a\nb\n\xE2\x82", "f:3: ", "ends inside a character");
  expect(absl::StrCat("\xFF\xFE", Utf16("a\nb", true), "c"), "f:2: ", "ends inside a character");
  expect(absl::StrCat("\xFF\xFE", Utf16("a\n", true), std::string("\x00\xD8\x61\x00", 4)),
         "f:2: ", "surrogate");
  expect(absl::StrCat("\xFF\xFE", Utf16("a\n", true), std::string("\x00\xDC", 2)),
         "f:2: ", "surrogate");
  expect(absl::StrCat("\xFF\xFE", Utf16("a\n", true), std::string(2, '\0')), "f:2: ", "NUL");
}

TEST(DecodedFileTest, NamesAnArchiveAsOne) {
  const auto expect = [](absl::string_view bytes, absl::string_view what) {
    const Read read = ReadAll(bytes);
    EXPECT_EQ(read.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(read.status.message(), what)) << read.status;
  };
  expect("PK\x03\x04rest", "zip archive");
  expect("\x1F\x8B\x08rest", "gzip");
  expect(absl::string_view("\xFF\xFE\0\0a\0\0\0", 8), "UTF-32");
  expect("\xD0\xCF\x11\xE0", "Excel");
}

class ChangingFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "decoded-XXXXXX";
    directory_ = mkdtemp(name.data());
    path_ = directory_ + "/f.csv";
    Write(kText);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void Write(absl::string_view text) { std::ofstream(path_, std::ios::binary) << text; }
  // Reads the file, lets `change` happen before its end is looked at, and says what is found.
  template <typename Change>
  absl::Status After(Change change) {
    auto file = DecodedFile::Open(path_);
    EXPECT_TRUE(file.ok());
    std::istream in(file->get());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(text, kText);
    change();
    return (*file)->CheckUnchanged();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(ChangingFileTest, AFileLeftAloneIsUnchanged) {
  EXPECT_TRUE(After([] {}).ok());
}

TEST_F(ChangingFileTest, NoticesWhatIsWrittenToIt) {
  EXPECT_TRUE(absl::IsAborted(After([&] { std::ofstream(path_, std::ios::app) << "3,C\n"; })));
}

TEST_F(ChangingFileTest, NoticesOtherBytesUnderTheSameSizeAndTime) {
  EXPECT_TRUE(absl::IsAborted(After([&] {
    const auto time = std::filesystem::last_write_time(path_);
    Write("id,name\n1,Ann\n2,Xo\n");
    std::filesystem::last_write_time(path_, time);
  })));
}

TEST_F(ChangingFileTest, NoticesAnotherFileInItsPlace) {
  EXPECT_TRUE(absl::IsAborted(After([&] {
    std::filesystem::rename(path_, path_ + ".old");
    Write(kText);
  })));
}

TEST_F(ChangingFileTest, ADirectoryAndAMissingFileAreErrors) {
  EXPECT_EQ(DecodedFile::Open(directory_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DecodedFile::Open(path_ + "x").status().code(), absl::StatusCode::kNotFound);
}

// --- CSV over it ---

absl::StatusOr<std::unique_ptr<RowSource>> Rows(absl::string_view bytes) {
  auto file = DecodedFile::OfBytes("f", bytes);
  if (!file.ok()) return file.status();
  return OpenCsvRows(*std::move(file));
}

TEST(CsvRowsTest, GivesCellsWithTheirLines) {
  auto rows = Rows("\xEF\xBB\xBFid, name \r\n1,\"Ann\r\nLee\"\r\n\r\n2,Bo\r\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)->columns(), (std::vector<std::string>{"id", "name"}));
  SourceRow row;
  ASSERT_TRUE(*(*rows)->Next(row));
  EXPECT_EQ(row.line, 2);
  EXPECT_EQ(row.cells[1], "Ann\r\nLee");
  ASSERT_TRUE(*(*rows)->Next(row));
  EXPECT_EQ(row.line, 5);
  EXPECT_FALSE(*(*rows)->Next(row));
}

TEST(CsvRowsTest, ARowWithTooFewCellsIsBadAndTheNextIsRead) {
  auto rows = Rows("id,name\n1\n2,Bo\n");
  SourceRow row;
  ASSERT_TRUE(*(*rows)->Next(row));
  EXPECT_EQ(row.status.message(), "has 1 cells where the header has 2 columns");
  ASSERT_TRUE(*(*rows)->Next(row));
  EXPECT_TRUE(row.status.ok());
}

TEST(CsvRowsTest, ATruncatedFileEndsWithItsPlace) {
  auto rows = Rows("id,name\n1,\"An");
  SourceRow row;
  const absl::StatusOr<bool> read = (*rows)->Next(row);
  EXPECT_EQ(read.status().message(), "f:2: a quote is never closed");
}

TEST(CsvRowsTest, ALineWithoutEndIsRefusedAtABound) {
  // Only as much as the bound is held: what follows is not read.
  std::string bytes = "id\n";
  bytes.append(64 << 20, 'x');
  auto file = DecodedFile::OfBytes("f", bytes);
  DecodedFile* const decoded = file->get();
  auto rows = OpenCsvRows(*std::move(file));
  SourceRow row;
  const absl::StatusOr<bool> read = (*rows)->Next(row);
  EXPECT_EQ(read.status().message(), "f:2: the row is larger than 2 MiB");
  EXPECT_LT(decoded->bytes_read(), 3 << 20);
}

TEST(CsvRowsTest, OtherSeparatorsAreNamed) {
  EXPECT_TRUE(absl::StrContains(Rows("id;name\n").status().message(), "semicolons"));
  EXPECT_TRUE(absl::StrContains(Rows("id\tname\n").status().message(), "tabs"));
  EXPECT_TRUE(absl::StrContains(Rows("").status().message(), "empty"));
}

TEST(CsvRowsTest, RejectsAreSafeForSpreadsheetsAndReadAgain) {
  auto rows = Rows("id,name\n1,=cmd|'/c calc'!A0\n@2\n");
  SourceRow first, second;
  ASSERT_TRUE(*(*rows)->Next(first));
  std::string text = (*rows)->RejectsBegin() + (*rows)->Reject(first, "name: wrong");
  ASSERT_TRUE(*(*rows)->Next(second));
  text += (*rows)->Reject(second, "+bad");
  EXPECT_EQ(text, "sluice_reason,id,name\nname: wrong,1,'=cmd|'/c calc'!A0\n'+bad,'@2\n");
  auto again = Rows(text);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->columns(), (*rows)->columns());
  SourceRow row;
  ASSERT_TRUE(*(*again)->Next(row));
  EXPECT_EQ(row.cells, first.cells);
  ASSERT_TRUE(*(*again)->Next(row));
  EXPECT_EQ(row.cells, second.cells);
  // What was short of a cell is still short of one.
  EXPECT_FALSE(row.status.ok());
}

}  // namespace
}  // namespace sluice::client
