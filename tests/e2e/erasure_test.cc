// Erasure by command, against `sluiced`: the person is found no more, in no copy of the store
// either, and everything that the log ever proved is proved still.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/log_verifiers.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class ErasureByCommand : public ::testing::Test {
 protected:
  ErasureByCommand() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    Must(Publish(*deployment_.Connect(program_), "batch", 0, 10).status());
    ReadRows rows;
    Must(Read(*deployment_.Connect(deployment_.As(kDistrict, "system", "hr")),
              ReadRequest("pipeline"), rows));
  }

  Outcome Run(const Identity& identity, const std::string& arguments) {
    const std::string errors = deployment_.Path("err").string();
    const std::string command =
        absl::StrCat("env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("none.yaml").string(),
                     " ", SLUICE_BINARY, " ", arguments, " --gateway ", deployment_.target(),
                     " --ca ", deployment_.Path("pki/operator/ca.pem").string(), " --certificate ",
                     identity.certificate, " --key ", identity.key, " --organization ", kProgram,
                     " --server-name localhost --attempts 1 2>", errors);
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.err = ReadFile(errors);
    return outcome;
  }
  Outcome AsAdmin(const std::string& arguments) { return Run(admin_, arguments); }
  void MustRun(const std::string& arguments) {
    const Outcome outcome = AsAdmin(arguments);
    ASSERT_EQ(outcome.code, client::kDone) << arguments << "\n" << outcome.err;
  }
  Outcome Report(const std::string& candidate, const std::string& options = "") {
    return AsAdmin(absl::StrCat("audit subject --id-space candidate --id ", candidate, " --state ",
                                deployment_.Path("held").string(), " ", options));
  }
  Outcome Erase(const std::string& candidate) {
    return AsAdmin(absl::StrCat("audit erase --id-space candidate --id ", candidate,
                                " --reason subject-request --confirm"));
  }
  void Delete(const std::string& candidate) {
    v1::Candidate key;
    key.set_candidate_id(candidate);
    v1::DeleteRecordsRequest request;
    request.set_parent(absl::StrCat("organizations/", kProgram));
    request.set_record_type("Candidate");
    request.set_request_id("delete-" + candidate);
    request.add_keys(key.SerializeAsString());
    Must(deployment_.Connect(program_)->DeleteRecords(request).status());
  }
  // The database, and the log's directory that belongs to it.
  void Copy(const fs::path& from, const fs::path& to) {
    for (const char* const name : {"sluice.db", "sluice.db-wal", "sluice.db-shm", "log"}) {
      fs::remove_all(to / name);
      if (name == std::string("sluice.db-shm") || !fs::exists(from / name)) continue;
      fs::create_directories(to);
      fs::copy(from / name, to / name, fs::copy_options::recursive);
    }
  }

  Deployment deployment_;
  const Identity program_ = deployment_.As(kProgram, "system", "sis");
  const Identity admin_ = deployment_.As(kProgram, "admin", "registrar");
  const Identity operator_ = deployment_.As("operator", "operator", "root");
};

TEST_F(ErasureByCommand, LeavesEveryProofAndNoWayToThePerson) {
  const Outcome reported = Report("C0", "--prove");
  ASSERT_EQ(reported.code, client::kDone) << reported.err;
  EXPECT_THAT(reported.out, HasSubstr("1 disclosure to 1 organization"));
  const std::string bundle = deployment_.Path("before.bundle").string();
  const std::string state = absl::StrCat(" --state ", deployment_.Path("held").string());
  ASSERT_EQ(Run(operator_, absl::StrCat("audit bundle --out ", bundle, state)).code, client::kDone);

  // While records name the person, nothing is erased.
  const Outcome named = Erase("C0");
  EXPECT_EQ(named.code, client::kFailed);
  EXPECT_THAT(named.err, HasSubstr("SUBJECT_HAS_RECORDS"));
  EXPECT_EQ(Report("C0").code, client::kDone);
  Delete("C0");
  const Outcome counted =
      AsAdmin("audit erase --id-space candidate --id C0 --reason subject-request");
  EXPECT_THAT(counted.out, HasSubstr("1 ordinal of the dictionary and 2 openings"));
  EXPECT_EQ(Report("C0").code, client::kDone);
  const Outcome erased = Erase("C0");
  ASSERT_EQ(erased.code, client::kDone) << erased.err;
  EXPECT_THAT(erased.out, HasSubstr("3 openings of what was asked by this id"));

  EXPECT_EQ(Report("C0").code, client::kFailed);
  // That question can be destroyed in its turn.
  const Outcome again = Erase("C0");
  EXPECT_EQ(again.code, client::kDone) << again.err;
  EXPECT_THAT(again.out, HasSubstr("1 opening of what was asked by this id"));
  EXPECT_EQ(Erase("C0").code, client::kFailed);
  const Outcome other = Report("C3", "--prove");
  EXPECT_EQ(other.code, client::kDone) << other.err;
  EXPECT_THAT(other.out, HasSubstr("1 disclosure to 1 organization"));
  // The log that was held before is continued, and what was packed before is true.
  const Outcome verified = Run(operator_, "audit verify" + state);
  EXPECT_EQ(verified.code, client::kDone) << verified.err;
  const std::string vkey = absl::StrCat(" --vkey ", deployment_.Path("log/vkey").string());
  const Outcome packed = Run(operator_, absl::StrCat("audit verify --older ", bundle, vkey, state));
  EXPECT_EQ(packed.code, client::kDone) << packed.err;
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  Must(VerifyLog(deployment_.Path("log"), deployment_.Path("verifier-state")));
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
  deployment_.Start();
  // Whoever is met by this id from now on is somebody new.
  Must(Publish(*deployment_.Connect(program_), "again", 0, 1).status());
  EXPECT_THAT(Report("C0").out, HasSubstr("nothing of this person left"));
}

TEST_F(ErasureByCommand, ReachesCopiesOfTheStoreByTheKeyThatIsDestroyed) {
  ASSERT_EQ(Report("C0").code, client::kDone);
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  Copy(deployment_.Path(""), deployment_.Path("backup"));
  deployment_.Start();
  Delete("C0");
  ASSERT_EQ(Erase("C0").code, client::kDone);
  MustRun("key rotate dictionary");
  MustRun("key destroy dictionary/1 --confirm dictionary/1");
  EXPECT_EQ(Report("C0").code, client::kFailed);
  EXPECT_THAT(Report("C3", "--prove").out, HasSubstr("1 disclosure to 1 organization"));

  // A copy from before has the name, and nothing that it leads to.
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  Copy(deployment_.Path("backup"), deployment_.Path(""));
  deployment_.Start();
  const Outcome restored = Report("C0");
  EXPECT_THAT(restored.out, HasSubstr("nothing of this person left"));
  EXPECT_THAT(restored.out, HasSubstr("nobody can tell any more whom they were about"));
  EXPECT_THAT(restored.out, Not(HasSubstr(kDistrict)));
}

}  // namespace
}  // namespace sluice::tests
