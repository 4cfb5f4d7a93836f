// Clients in another language, which know only the proto files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

class NodeClient : public ::testing::Test {
 protected:
  NodeClient() {
    // A grant without the number that other tests look for.
    deployment_.Propose("pipeline",
                        absl::StrReplaceAll(deployment_.Document("pipeline"),
                                            {{"      source.change_version: pass\n", ""}}));
    deployment_.Sign("pipeline", kProgram);
    deployment_.Sign("pipeline", kDistrict);
    deployment_.Start();
  }

  // Runs a script of tests/node as the district's system: its exit status, output in `out`.
  int Run(absl::string_view script, absl::string_view arguments) {
    const Identity district = deployment_.As(kDistrict, "system", "hr");
    const std::string out = deployment_.Path("node.out").string();
    const std::string command =
        absl::StrCat("node ", SLUICE_SOURCE_DIR, "/tests/node/", script, " ", deployment_.target(),
                     " ", deployment_.Path("pki/operator/ca.pem").string(), " ",
                     district.certificate, " ", district.key, " ", arguments, " >", out, " 2>&1");
    const int status = std::system(command.c_str());
    output_ = ReadFile(out);
    return status;
  }

  Deployment deployment_;
  std::string output_;
};

TEST_F(NodeClient, ReadsAReleaseAndIsToldOfADenial) {
  const auto answer =
      Publish(*deployment_.Connect(deployment_.As(kProgram, "system", "sis")), "first", 0, 2500);
  Must(answer.status());
  EXPECT_EQ(Run("read_release.js", "pipeline hiring_pipeline 2500"), 0) << output_;
}

TEST_F(NodeClient, IsKnownOnAResumedSession) {
  EXPECT_EQ(Run("resumed_session.js", ""), 0) << output_;
  EXPECT_EQ(output_, "0\n");
}

TEST_F(NodeClient, IsRefusedOnAResumedSessionOnceRevoked) {
  const Identity district = deployment_.As(kDistrict, "system", "hr");
  const std::string crl = deployment_.Path(absl::StrCat("pki/", kDistrict, "/crl.pem")).string();
  const std::string empty = ReadFile(crl);
  deployment_.Revoke(kDistrict, district, absl::Now());
  const std::string full = ReadFile(crl);
  WriteFile(crl, empty);
  deployment_.Reload();

  WriteFile(crl + ".full", full);
  const std::string lines = deployment_.Path("sluiced.log").string();
  // Once the first call was answered: the list arrives, and the gateway says that it has read it.
  WriteFile(deployment_.Path("revoke"),
            absl::StrCat("mv ", crl, ".full ", crl, "\nbefore=$(grep -c \"reload\" ", lines,
                         ")\nkill -HUP ", deployment_.process(), "\nuntil [ $(grep -c \"reload\" ",
                         lines, ") -gt $before ]; do sleep 0.02; done\n"));
  EXPECT_EQ(Run("resumed_session.js", absl::StrCat("sh ", deployment_.Path("revoke").string())), 0)
      << output_;
  EXPECT_EQ(output_, "16\n");  // UNAUTHENTICATED
}

}  // namespace
}  // namespace sluice::tests
