// `sluice witness` as it is run: what it makes, and what it refuses to start on.
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/command_for_test.h"
#include "client/log_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class WitnessCommandTest : public CommandTest {
 protected:
  std::string File(const std::string& name) { return *ReadFile(directory_ + "/" + name); }
  std::string Serve(const std::string& more) {
    return absl::StrCat(
        "witness serve --directory w --tls-certificate none.pem --tls-key none.key ", more);
  }

  const std::string log_ = LogForTest().vkey();
};

TEST_F(WitnessCommandTest, InitPrintsTheKeyThatLogsAreToldAndMakesOneOnly) {
  const Outcome made = Run("witness init --directory w --name witness.example/w1");
  EXPECT_EQ(made.code, kDone) << made.err;
  EXPECT_TRUE(absl::StartsWith(made.out, "witness.example/w1+")) << made.out;
  EXPECT_EQ(made.out, File("w/vkey"));
  const std::string key = File("w/key");
  ExpectError("witness init --directory w --name witness.example/w1", kFailed, "there already");
  EXPECT_EQ(File("w/key"), key);
  const Outcome json = Run("witness init --directory x/ --name w --output json");
  EXPECT_TRUE(absl::StartsWith(json.out, "{\"name\":\"w\",\"vkey\":\"w+")) << json.out << json.err;
  ExpectError("witness init --directory y --name a+b", kFailed, "plus");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/y"));
}

TEST_F(WitnessCommandTest, ServeSaysWhatItCantServeOn) {
  ExpectError(Serve("--listen 127.0.0.1:0 --log " + log_), kFailed, "w/key");
  ASSERT_EQ(Run("witness init --directory w --name w").code, kDone);
  ExpectError(Serve("--listen 127.0.0.1:0 --log " + log_), kFailed, "none.pem");
  for (const char* address : {"8443", ":8443", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"}) {
    ExpectError(Serve(absl::StrCat("--listen ", address, " --log ", log_)), kUsage, "HOST:PORT");
  }
  ExpectError(Serve("--listen 127.0.0.1:0"), kUsage, "--log");
  ExpectError(Serve("--listen 127.0.0.1:0 --log nowhere"), kUsage, "nowhere");
  service_->Write("keys", "# none\n\n");
  ExpectError(Serve("--listen 127.0.0.1:0 --log keys"), kUsage, "names no key");
  service_->Write("keys", absl::StrCat("# one\n", log_, "\nx+y+z\n"));
  ExpectError(Serve("--listen 127.0.0.1:0 --log keys"), kUsage, "keys:3: ");
  service_->Write("keys", absl::StrCat("\n  ", log_, "  \n"));
  ExpectError(Serve("--listen 127.0.0.1:0 --log keys"), kFailed, "none.pem");
}

}  // namespace
}  // namespace sluice::client
