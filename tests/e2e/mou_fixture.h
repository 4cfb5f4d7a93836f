// What tests of MOUs at a gateway that runs share: who takes part, and `sluice` as each runs it.
// Tests alone include this.
#ifndef SLUICE_TESTS_E2E_MOU_FIXTURE_H_
#define SLUICE_TESTS_E2E_MOU_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {

class MouFixture : public ::testing::Test {
 protected:
  void PublishRows(int rows) {
    for (int begin = 0; begin < rows; begin += 1000) {
      Must(Publish(*publisher_, absl::StrCat("many-", begin), begin, begin + 1000).status());
    }
  }
  // "" if all came, or the reason why not.
  std::string ReadAll() {
    ReadRows rows;
    const absl::Status status =
        Read(*deployment_.Connect(district_), ReadRequest("pipeline"), rows);
    if (!status.ok()) return Reason(status);
    EXPECT_TRUE(rows.complete);
    return "";
  }
  // The command's exit code; what it said is in told_.
  int Sluice(const Identity& identity, const std::string& arguments) {
    const std::string config = deployment_.Path("sluice.yaml").string();
    WriteFile(config, absl::StrCat("profiles:\n  default:\n    gateway: ", deployment_.target(),
                                   "\n    ca: pki/operator/ca.pem\n    server_name: localhost\n",
                                   "    certificate: ", identity.certificate,
                                   "\n    key: ", identity.key, "\n"));
    const std::string out = deployment_.Path("sluice.out").string();
    const int status =
        std::system(absl::StrCat("env -u SLUICE_PROFILE SLUICE_CONFIG=", config, " ", SLUICE_BINARY,
                                 " ", arguments, " --attempts 1 >", out, " 2>&1 </dev/null")
                        .c_str());
    told_ = ReadFile(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  Deployment deployment_;
  const Identity program_ = deployment_.As(kProgram, "system", "sis");
  const Identity district_ = deployment_.As(kDistrict, "system", "hr");
  const Identity registrar_ = deployment_.As(kProgram, "admin", "registrar");
  const Identity superintendent_ = deployment_.As(kDistrict, "admin", "superintendent");
  const Identity stranger_ = deployment_.As(kStranger, "admin", "clerk");
  std::unique_ptr<client::Gateway> publisher_;
  std::string told_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_MOU_FIXTURE_H_
