// Somebody moves, deletes or replaces the gateway's files while it runs: it says so within a
// moment, gives out nothing meanwhile, and nothing that was acknowledged is lost once they are put
// right.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/log_verifiers.h"
#include "tests/e2e/stored_deployment.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;

constexpr int kRecords = 200;
// One look a second, on a machine that is busy.
constexpr absl::Duration kNoticed = absl::Seconds(10);

class MovedFiles : public ::testing::Test {
 protected:
  MovedFiles() {
    deployment_.Start();
    PublishMore();
    EXPECT_EQ(Health(), "SERVING");
  }

  fs::path Path(absl::string_view relative) const { return deployment_.Path(relative); }
  void PublishMore() {
    const auto answer = Publish(*deployment_.Program(), absl::StrCat("from-", published_),
                                published_, published_ + kRecords);
    Must(answer.status());
    ASSERT_EQ(answer->state(), v1::PUBLISH_STATE_COMMITTED);
    published_ += kRecords;
  }
  // As a probe sees it.
  std::string Health() {
    grpc::SslCredentialsOptions tls;
    const Identity district = deployment_.As(kDistrict, "system", "hr");
    tls.pem_root_certs = ReadFile(Path("pki/operator/ca.pem"));
    tls.pem_cert_chain = ReadFile(district.certificate);
    tls.pem_private_key = ReadFile(district.key);
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    grpc::GenericStub stub(
        grpc::CreateCustomChannel(deployment_.target(), grpc::SslCredentials(tls), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    grpc::CompletionQueue queue;
    const grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    const auto call =
        stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    grpc::Slice bytes;
    if (!queue.Next(&tag, &ok) || !status.ok() || !answer.DumpToSingleSlice(&bytes).ok()) {
      return absl::StrCat("no answer: ", status.error_message());
    }
    // HealthCheckResponse: its one field is an enum.
    const std::string text(bytes.begin(), bytes.end());
    return text == "\x08\x01" ? "SERVING" : text == "\x08\x02" ? "NOT_SERVING" : "UNKNOWN";
  }

  // After `done` to it, with the file that is named as the cause.
  void ExpectHalted(absl::Time done, const std::string& file) {
    deployment_.WaitForLine("\"halted\",\"cause\":\"");
    EXPECT_LT(absl::Now() - done, kNoticed);
    deployment_.WaitForLine("moved, deleted or replaced");
    EXPECT_NE(ReadFile(Path("sluiced.log")).find(file), std::string::npos) << file;
    WaitFor("the health", [&] { return Health() == "NOT_SERVING"; });
    ReadRows rows;
    const absl::Status read = Read(*deployment_.District(), ReadRequest("pipeline"), rows);
    EXPECT_TRUE(absl::IsUnavailable(read)) << read;
    EXPECT_TRUE(rows.row_ids.empty());
  }
  void ExpectServing() {
    EXPECT_EQ(deployment_.CountReleased(), static_cast<size_t>(published_));
    PublishMore();
    WaitFor("the health", [&] { return Health() == "SERVING"; });
  }
  void ExpectLogIsWhatItClaims() {
    EXPECT_EQ(deployment_.End(SIGTERM), 0);
    EXPECT_EQ(VerifyLog(Path("log"), Path("state")), absl::OkStatus());
    EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(Path("verified"));
  }

  StoredDeployment deployment_{Engine::kSqlite};
  int published_ = 0;
};

TEST_F(MovedFiles, ADatabaseThatIsMovedHaltsUntilItIsBack) {
  for (const char* file : {"sluice.db", "sluice.db-wal"}) {
    fs::rename(Path(file), Path("moved"));
    ExpectHalted(absl::Now(), file);
    fs::rename(Path("moved"), Path(file));
    deployment_.WaitForLine("\"serving again\"");
    ExpectServing();
  }
  ExpectLogIsWhatItClaims();
}

TEST_F(MovedFiles, ADatabaseThatIsReplacedByAnOlderCopyHaltsAndIsRefusedAtTheNextStart) {
  const std::string backup = absl::StrCat("umask 077; sqlite3 ", Path("sluice.db").string(),
                                          " \".backup ", Path("older.db").string(), "\"");
  ASSERT_EQ(std::system(backup.c_str()), 0);
  PublishMore();
  EXPECT_EQ(deployment_.CountReleased(), static_cast<size_t>(published_));
  fs::rename(Path("sluice.db"), Path("newer.db"));
  fs::rename(Path("older.db"), Path("sluice.db"));
  ExpectHalted(absl::Now(), "sluice.db");
  fs::copy_file(Path("sluice.db-wal"), Path("newer.db-wal"));
  deployment_.End(SIGKILL);
  for (const char* beside : {"sluice.db-wal", "sluice.db-shm"}) fs::remove(Path(beside));
  EXPECT_NE(deployment_.RunAnother(), 0);
  EXPECT_NE(deployment_.AnothersLines().find("rolled back"), std::string::npos)
      << deployment_.AnothersLines();

  fs::rename(Path("newer.db"), Path("sluice.db"));
  fs::rename(Path("newer.db-wal"), Path("sluice.db-wal"));
  fs::remove(Path("sluice.db-shm"));
  deployment_.Start();
  ExpectServing();
  ExpectLogIsWhatItClaims();
}

TEST_F(MovedFiles, ADatabaseThatIsDeletedHaltsAndNoneIsMadeInItsPlace) {
  fs::copy_file(Path("sluice.db"), Path("kept.db"));
  fs::copy_file(Path("sluice.db-wal"), Path("kept.db-wal"));
  fs::remove(Path("sluice.db"));
  ExpectHalted(absl::Now(), "sluice.db");
  EXPECT_FALSE(fs::exists(Path("sluice.db")));
  deployment_.End(SIGKILL);
  // An empty store beside a log of so many entries.
  for (const char* beside : {"sluice.db-wal", "sluice.db-shm"}) fs::remove(Path(beside));
  EXPECT_NE(deployment_.RunAnother(), 0);
  for (const char* made : {"sluice.db-wal", "sluice.db-shm"}) fs::remove(Path(made));
  fs::rename(Path("kept.db"), Path("sluice.db"));
  fs::rename(Path("kept.db-wal"), Path("sluice.db-wal"));
  deployment_.Start();
  ExpectServing();
  ExpectLogIsWhatItClaims();
}

TEST_F(MovedFiles, ATileDirectoryThatIsMovedDeletedOrReplacedHaltsUntilItIsBack) {
  const auto halts_until_back = [&](const char* with) {
    SCOPED_TRACE(with);
    fs::rename(Path("log"), Path("moved"));
    if (*with != '\0') fs::copy(Path("moved"), Path(with), fs::copy_options::recursive);
    ExpectHalted(absl::Now(), "tile directory");
    fs::remove_all(Path("log"));
    fs::rename(Path("moved"), Path("log"));
    deployment_.WaitForLine("\"serving again\"");
    ExpectServing();
  };
  halts_until_back("");
  halts_until_back("log");  // by a copy of it, which is another all the same
  ASSERT_EQ(VerifyLog(Path("log"), Path("state")), absl::OkStatus());

  // What it holds can be made again from the store.
  fs::remove_all(Path("log"));
  ExpectHalted(absl::Now(), "tile directory");
  deployment_.End(SIGKILL);
  deployment_.Start();
  ExpectServing();
  ExpectLogIsWhatItClaims();
}

}  // namespace
}  // namespace sluice::tests
