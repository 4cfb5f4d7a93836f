#include "client/command/export_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/match.h"
#include "client/file.h"

namespace sluice::client {
namespace {

class ExportFileTest : public testing::Test {
 protected:
  ExportFileTest() {
    std::string name = testing::TempDir() + "export-XXXXXX";
    directory_ = mkdtemp(name.data());
    path_ = directory_ + "/out";
  }
  ~ExportFileTest() override { std::filesystem::remove_all(directory_); }

  // What stands there after `lines` were written behind `before`.
  std::string After(const std::string& before, ExportFile::Begin begin, const std::string& lines) {
    EXPECT_TRUE(ReplaceFile(path_, before).ok());
    auto file = ExportFile::Open(path_, begin);
    EXPECT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE((*file)->Write(lines).ok());
    return ReadFile(path_).value();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(ExportFileTest, GoesOnBehindTheLastWholeLine) {
  using Begin = ExportFile::Begin;
  EXPECT_EQ(After("", Begin::kAfter, "new\n"), "new\n");
  EXPECT_EQ(After("one\ntwo\n", Begin::kAfter, "new\n"), "one\ntwo\nnew\n");
  EXPECT_EQ(After("one\ntw", Begin::kAfter, "new\n"), "one\nnew\n");
  EXPECT_EQ(After("tw", Begin::kAfter, "new\n"), "new\n");
  // However long the torn line is.
  const std::string whole = "one\n";
  for (const size_t size : {4090, 4096, 4097, 70000}) {
    EXPECT_EQ(After(whole + std::string(size, 'x'), Begin::kAfter, "new\n"), "one\nnew\n") << size;
  }
}

TEST_F(ExportFileTest, BeginsAnewWhereItDoesNotGoOn) {
  EXPECT_EQ(After("one\ntwo\n", ExportFile::Begin::kAnew, "new\n"), "new\n");
}

TEST_F(ExportFileTest, ANewFileIsItsOwnersAlone) {
  ASSERT_TRUE(ExportFile::Open(path_, ExportFile::Begin::kAnew).ok());
  struct stat found {};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 077, 0u);
}

TEST_F(ExportFileTest, SaysWhatCannotBeWritten) {
  const absl::Status absent =
      ExportFile::Open(directory_ + "/no/out", ExportFile::Begin::kAnew).status();
  EXPECT_TRUE(absl::StrContains(absent.message(), "/no/out")) << absent;
  auto full = ExportFile::Open("/dev/full", ExportFile::Begin::kAfter);
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_TRUE(absl::IsFailedPrecondition((*full)->Write("x\n")));
}

TEST_F(ExportFileTest, ACursorIsReadBackAsItWasSaved) {
  EXPECT_FALSE(ExportCursor::Load(path_).value().has_value());
  ASSERT_TRUE((ExportCursor{"gateway.example/log/1", 17}.Save(path_)).ok());
  const auto cursor = ExportCursor::Load(path_).value();
  ASSERT_TRUE(cursor.has_value());
  EXPECT_EQ(cursor->origin, "gateway.example/log/1");
  EXPECT_EQ(cursor->next_index, 17);
}

TEST_F(ExportFileTest, WhatNoExportSavedIsNoCursor) {
  for (const char* text :
       {"", "17", "{}", "{\"origin\":\"x\"}", "{\"origin\":\"x\",\"next_index\":-1}",
        "{\"origin\":\"x\",\"next_index\":\"1\"}", "{\"origin\":1,\"next_index\":1}",
        "{\"origin\":\"x\",\"next_index\":1.5}", "{\"origin\":\"x\",\"next_index\":1,\"z\":1}",
        "{\"origin\":\"x\",\"next_index\":1"}) {
    ASSERT_TRUE(ReplaceFile(path_, text).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(ExportCursor::Load(path_).status())) << text;
  }
}

}  // namespace
}  // namespace sluice::client
