#include "client/witness/witness_directory.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/match.h"
#include "client/file.h"
#include "client/witness/witness_for_test.h"
#include "gtest/gtest.h"

namespace sluice::witness {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

using WitnessDirectoryTest = WitnessTest;

TEST_F(WitnessDirectoryTest, ItsKeyIsItsOwnersAlone) {
  EXPECT_EQ(ModeOf(path_), 0700u);
  EXPECT_EQ(ModeOf(path_ + "/logs"), 0700u);
  EXPECT_EQ(ModeOf(path_ + "/key"), 0600u);
  EXPECT_EQ(*client::ReadFile(path_ + "/vkey"), directory_->key().vkey() + "\n");
}

TEST_F(WitnessDirectoryTest, NeverOverwritesAKey) {
  const std::string before = *client::ReadFile(path_ + "/key");
  EXPECT_TRUE(absl::IsAlreadyExists(WitnessDirectory::Init(path_, "another").status()));
  EXPECT_EQ(*client::ReadFile(path_ + "/key"), before);
  EXPECT_EQ(*client::ReadFile(path_ + "/vkey"), directory_->key().vkey() + "\n");
  // Nothing is left of the attempt.
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name == "key" || name == "vkey" || name == "logs") << name;
  }
}

TEST_F(WitnessDirectoryTest, MakesNoKeyWhereOthersMayEnter) {
  const std::string open = path_ + "/open";
  ASSERT_EQ(mkdir(open.c_str(), 0755), 0);
  EXPECT_TRUE(absl::StrContains(WitnessDirectory::Init(open, "w").status().message(), "0700"));
  EXPECT_FALSE(std::filesystem::exists(open + "/key"));
}

TEST_F(WitnessDirectoryTest, TakesNoKeyThatOthersMayRead) {
  directory_.reset();
  ASSERT_EQ(chmod((path_ + "/key").c_str(), 0640), 0);
  EXPECT_TRUE(absl::StrContains(WitnessDirectory::Open(path_).status().message(), "0600"));
  ASSERT_EQ(chmod((path_ + "/key").c_str(), 0600), 0);
  EXPECT_TRUE(WitnessDirectory::Open(path_).ok());
}

TEST_F(WitnessDirectoryTest, IsOneWitnesssAtATime) {
  const auto second = WitnessDirectory::Open(path_);
  EXPECT_TRUE(absl::StrContains(second.status().message(), "another witness")) << second.status();
  directory_.reset();
  EXPECT_TRUE(WitnessDirectory::Open(path_).ok());
}

TEST_F(WitnessDirectoryTest, IsOfNoUseWithoutItsKey) {
  directory_.reset();
  std::filesystem::remove(path_ + "/key");
  EXPECT_FALSE(WitnessDirectory::Open(path_).ok());
  EXPECT_FALSE(WitnessDirectory::Open(path_ + "/nowhere").ok());
}

TEST_F(WitnessDirectoryTest, KeepsTheLastCheckpointOfEachLog) {
  EXPECT_EQ(*directory_->Load("a"), std::nullopt);
  ASSERT_TRUE(directory_->Save("a", "first").ok());
  ASSERT_TRUE(directory_->Save("a", "second").ok());
  ASSERT_TRUE(directory_->Save("../b", "another").ok());
  EXPECT_EQ(**directory_->Load("a"), "second");
  Start();
  EXPECT_EQ(**directory_->Load("a"), "second");
  EXPECT_EQ(**directory_->Load("../b"), "another");
}

TEST_F(WitnessDirectoryTest, WhatAKillLeftHalfWrittenIsNotRead) {
  ASSERT_TRUE(directory_->Save("a", "whole").ok());
  const std::string file = StateFile();
  ASSERT_TRUE(client::ReplaceFile(file + ".new", "ha").ok());
  Start();
  EXPECT_EQ(**directory_->Load("a"), "whole");
  ASSERT_TRUE(directory_->Save("a", "next").ok());
  EXPECT_EQ(**directory_->Load("a"), "next");
}

TEST_F(WitnessDirectoryTest, KeepsNothingInADirectoryThatWasReplaced) {
  ASSERT_TRUE(directory_->Save("a", "kept").ok());
  std::filesystem::rename(path_ + "/logs", path_ + "/moved");
  EXPECT_TRUE(absl::IsUnavailable(directory_->Save("a", "lost")));
  ASSERT_EQ(mkdir((path_ + "/logs").c_str(), 0700), 0);
  EXPECT_TRUE(absl::IsUnavailable(directory_->Save("a", "lost")));
  std::filesystem::remove(path_ + "/logs");
  std::filesystem::rename(path_ + "/moved", path_ + "/logs");
  EXPECT_EQ(**directory_->Load("a"), "kept");
  EXPECT_TRUE(directory_->Save("a", "kept again").ok());
}

TEST_F(WitnessDirectoryTest, SaysSoWhereNothingCanBeWritten) {
  ASSERT_TRUE(directory_->Save("a", "kept").ok());
  // A directory where its file would be made holds up root, too.
  const std::string temporary = StateFile().string() + ".new";
  ASSERT_EQ(mkdir(temporary.c_str(), 0700), 0);
  EXPECT_TRUE(absl::IsUnavailable(directory_->Save("a", "lost")));
  EXPECT_EQ(**directory_->Load("a"), "kept");
}

TEST_F(WitnessDirectoryTest, KeepsTheLastOneWhereTheDiskTakesOnlyAPartOfTheNext) {
  ASSERT_TRUE(directory_->Save("a", "kept").ok());
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit little = before;
  little.rlim_cur = 10;
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  const absl::Status saved = directory_->Save("a", std::string(1000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  EXPECT_TRUE(absl::IsUnavailable(saved)) << saved;
  EXPECT_FALSE(std::filesystem::exists(StateFile().string() + ".new"));
  EXPECT_EQ(**directory_->Load("a"), "kept");
  ASSERT_TRUE(directory_->Save("a", std::string(1000, 'y')).ok());
  EXPECT_EQ(**directory_->Load("a"), std::string(1000, 'y'));
}

}  // namespace
}  // namespace sluice::witness
