// Each system call that one append makes, failed with EIO or killed at: what was acknowledged is
// there afterwards, and the log's directory is what it claims.
//
// SLUICE_SEED repeats a run, SLUICE_FAULTS says how many of the calls are tried.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/log_verifiers.h"
#include "tests/e2e/stored_deployment.h"
#include "tests/e2e/tracer.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;

// The append that is tried is the last of a tile's, so that it writes a full tile, begins the tile
// above, and takes the partial ones away.
constexpr int64_t kTried = 255;
// What changes a file or makes it durable, and what finds one.
const std::vector<std::string>& Calls() {
  static const auto* const calls = new std::vector<std::string>{
      "pwrite64", "write",    "fdatasync", "fsync", "ftruncate", "openat", "mkdirat",
      "renameat", "unlinkat", "linkat",    "link",  "rename",    "unlink", "close"};
  return *calls;
}

struct Fault {
  std::string call;
  int nth = 1;
  std::string what;  // strace's word for it
};

class SyscallFaults : public ::testing::Test {
 protected:
  SyscallFaults() {
    deployment_.Configure("quotas: {calls_per_second: 100000}\n");
    deployment_.Start();
    program_ = deployment_.As(kProgram, "system", "sis");
    AppendUntil(kTried - 30);
    deployment_.End(SIGTERM);
    fs::create_directory(Path("before"));
    for (const char* part : kParts) {
      if (!fs::exists(Path(part))) continue;
      fs::copy(Path(part), Path("before") / part, fs::copy_options::recursive);
    }
  }

  fs::path Path(absl::string_view relative) const { return deployment_.Path(relative); }
  fs::path Log() const { return Path("log"); }

  // Entries until the next one is the log's `index`; the index of the last one.
  void AppendUntil(int64_t index) {
    const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(program_);
    while (Must(Append(*gateway)) < index - 1) {
    }
  }
  // One entry, durable when the answer comes: its index.
  absl::StatusOr<int64_t> Append(client::Gateway& gateway) {
    v1::GetRecordStatusRequest request;
    request.set_parent(absl::StrCat("organizations/", kProgram));
    const auto answer = gateway.GetRecordStatus(request);
    if (!answer.ok()) return answer.status();
    return answer->log_index();
  }
  // A gateway on what there was before, with the append to be tried ahead of it and its directory
  // as far as its log.
  void StartAfresh() {
    for (const char* part : kParts) {
      fs::remove_all(Path(part));
      if (!fs::exists(Path("before") / part)) continue;
      fs::copy(Path("before") / part, Path(part), fs::copy_options::recursive);
    }
    fs::remove_all(Path("state"));
    deployment_.Start();
    AppendUntil(kTried);
    WaitFor("the directory", [&] { return PublishedSize(Log()) == kTried; });
    // What is held from now on can't be taken back.
    ASSERT_EQ(VerifyLog(Log(), Path("state")), absl::OkStatus());
  }
  absl::StatusOr<std::unique_ptr<Tracer>> Trace(std::vector<std::string> options) {
    // Its calls on the store's and the log's files, and no others: not those of its connections.
    std::vector<std::string> paths = {"writing", "checkpoint", "collections", "."};
    for (const char* file :
         {"sluice.db", "sluice.db-wal", "log", "log/writing", "log/collections"}) {
      paths.push_back(Path(file).string());
    }
    for (const char* tiles : {"tile", "tile/0", "tile/1", "tile/entries", "tile/0/000.p",
                              "tile/entries/000.p", "tile/1/000.p"}) {
      paths.push_back(tiles);
      paths.push_back((Log() / tiles).string());
    }
    for (const std::string& path : paths) {
      options.push_back("-P");
      options.push_back(path);
    }
    return Tracer::Attach(deployment_.process(), std::move(options), Path("trace"));
  }
  bool Ended() const {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(deployment_.process()), &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }

  // The calls of the append that is tried, as one of a gateway that nothing happens to has them.
  std::vector<Fault> Rehearse() {
    StartAfresh();
    std::map<std::string, std::map<std::string, int>> count;  // by call and thread
    {
      const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(program_);
      auto tracer = Trace({"-e", absl::StrCat("trace=", absl::StrJoin(Calls(), ","))});
      if (!tracer.ok()) {
        not_traced_ = tracer.status();
        return {};
      }
      EXPECT_EQ(Must(Append(*gateway)), kTried);
      WaitFor("the full tile", [&] {
        return PublishedSize(Log()) == kTried + 1 && !fs::exists(Log() / "tile/entries/000.p");
      });
      // "1234 pwrite64(9, ..."
      for (const absl::string_view line : absl::StrSplit((*tracer)->Written(), '\n')) {
        const std::vector<std::string> words =
            absl::StrSplit(line.substr(0, line.find('(')), ' ', absl::SkipEmpty());
        if (words.size() == 2 && absl::c_linear_search(Calls(), words[1])) {
          ++count[words[1]][words[0]];
        }
      }
    }
    deployment_.End(SIGKILL);
    std::vector<Fault> faults;
    for (const auto& [call, threads] : count) {
      int most = 0;
      for (const auto& [thread, calls] : threads) most = std::max(most, calls);
      for (int nth = 1; nth <= most; ++nth) {
        faults.push_back({call, nth, "error=EIO"});
        faults.push_back({call, nth, "signal=SIGKILL"});
      }
    }
    return faults;
  }

  void Try(const Fault& fault) {
    StartAfresh();
    int64_t acknowledged = kTried - 1;
    {
      const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(program_);
      const auto tracer =
          Trace({"-e", absl::StrCat("trace=", fault.call), "-e",
                 absl::StrCat("inject=", fault.call, ":", fault.what, ":when=", fault.nth)});
      Must(tracer.status());
      const absl::StatusOr<int64_t> appended = Append(*gateway);
      if (appended.ok()) {
        acknowledged = *appended;
      } else {
        EXPECT_TRUE(absl::IsUnavailable(appended.status())) << appended.status();
      }
      WaitFor("the fault",
              [&] { return Ended() || absl::StrContains((*tracer)->Written(), "(INJECTED)"); });
    }
    // A gateway that can't know what is on its disk ends; any other goes on by itself.
    if (absl::EndsWith(fault.call, "sync")) {
      WaitFor("its end", [&] { return Ended(); });
    } else if (!Ended()) {
      WaitFor("its end, or the directory",
              [&] { return Ended() || PublishedSize(Log()) > acknowledged; });
    }
    if (Ended()) {
      EXPECT_NE(deployment_.Wait(), 0);
    } else {
      deployment_.End(SIGKILL);
    }

    ASSERT_EQ(deployment_.TryStart(), absl::OkStatus());
    const int64_t next = Must(Append(*deployment_.Connect(program_)));
    EXPECT_GT(next, acknowledged);
    WaitFor("the directory", [&] { return PublishedSize(Log()) > next; });
    // Its own checkpoint from before the fault is held: nothing that it covers was taken back.
    EXPECT_EQ(VerifyLog(Log(), Path("state")), absl::OkStatus());
    EXPECT_EQ(deployment_.End(SIGTERM), 0);
    EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(Path("verified"));
  }

  static constexpr const char* kParts[] = {"sluice.db", "sluice.db-wal", "sluice.db-shm", "log"};

  StoredDeployment deployment_{Engine::kSqlite};
  Identity program_;
  absl::Status not_traced_;
};

uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
  const char* const text = std::getenv(name);
  uint32_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) ADD_FAILURE() << name << " is no number";
  return number;
}

TEST_F(SyscallFaults, OfOneAppendLoseNothingAcknowledged) {
  const uint32_t seed = FromEnvironment("SLUICE_SEED", 1);
  const uint32_t most = FromEnvironment("SLUICE_FAULTS", 4);
  std::vector<Fault> faults = Rehearse();
  if (!not_traced_.ok()) {
    GTEST_SKIP() << "this process may trace no other (" << not_traced_
                 << "); the faults of an append are tested by StoreFaultTest and LogOnSqliteTest "
                    "alone";
  }
  std::map<std::string, int> kinds;
  for (const Fault& fault : faults) ++kinds[fault.call];
  for (const char* call :
       {"pwrite64", "write", "fdatasync", "fsync", "openat", "renameat", "unlinkat", "close"}) {
    EXPECT_GT(kinds[call], 0) << "an append makes no " << call;
  }
  RecordProperty("faults", static_cast<int>(faults.size()));
  std::mt19937 random(seed);
  std::shuffle(faults.begin(), faults.end(), random);
  // Of an fsync that fails nothing may come but the end: that is always tried.
  std::stable_partition(faults.begin(), faults.end(), [](const Fault& fault) {
    return absl::EndsWith(fault.call, "sync") && fault.what == "error=EIO" && fault.nth == 1;
  });
  if (faults.size() > most) faults.resize(most);
  for (const Fault& fault : faults) {
    SCOPED_TRACE(absl::StrCat("SLUICE_SEED=", seed, ": ", fault.what, " at the log's ", fault.call,
                              " number ", fault.nth));
    Try(fault);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::tests
