// Two gateways on one PostgreSQL, as processes.
//
// One a test; not thread-safe.
#ifndef SLUICE_TESTS_E2E_GATEWAYS_FIXTURE_H_
#define SLUICE_TESTS_E2E_GATEWAYS_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/deployment.h"
#include "tests/support/postgres_server.h"

namespace sluice::tests {

inline constexpr int kManyRows = 40000;  // so that a reader who waits holds the release up

class Gateways : public ::testing::Test {
 protected:
  Gateways()
      : server_(server::PostgresServer::Start({}).value()),
        database_(server_->CreateDatabase().value()) {
    StoreAt(a_, server_->TcpSettings(database_));
    StoreAt(b_, server_->TcpSettings(database_));
  }

  static void StoreAt(Deployment& gateway, const std::string& settings) {
    gateway.WriteConfiguration(absl::StrReplaceAll(
        gateway.Configuration(),
        {{"store: {sqlite: sluice.db}", absl::StrCat("store: {postgres: \"", settings, "\"}")}}));
  }
  void StartBoth() {
    a_.Start();
    b_.Start();
  }
  // Whether the whole release came.
  bool ReadAll(const Deployment& gateway, ReadRows& rows) {
    return Read(*gateway.Connect(district_), ReadRequest("pipeline"), rows).ok() && rows.complete;
  }
  size_t Rows(const Deployment& gateway) {
    ReadRows rows;
    EXPECT_TRUE(ReadAll(gateway, rows));
    return std::set<std::string>(rows.row_ids.begin(), rows.row_ids.end()).size();
  }
  void PublishMany(const Deployment& gateway) {
    const auto publisher = gateway.Connect(program_);
    for (int begin = 0; begin < kManyRows; begin += 1000) {
      Must(Publish(*publisher, absl::StrCat("many-", begin), begin, begin + 1000).status());
    }
  }
  int Sluice(const Deployment& gateway, const Identity& identity, const std::string& arguments) {
    const std::string config = a_.Path("sluice.yaml").string();
    WriteFile(config, absl::StrCat("profiles:\n  default:\n    gateway: ", gateway.target(),
                                   "\n    ca: pki/operator/ca.pem\n    server_name: localhost\n",
                                   "    certificate: ", identity.certificate,
                                   "\n    key: ", identity.key, "\n"));
    const int status = std::system(absl::StrCat("env -u SLUICE_PROFILE SLUICE_CONFIG=", config, " ",
                                                SLUICE_BINARY, " ", arguments, " --attempts 1 >",
                                                a_.Path("sluice.out").string(), " 2>&1")
                                       .c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string Told() const { return ReadFile(a_.Path("sluice.out")); }
  void ExpectLogVerifies(const Deployment& gateway, const std::string& tiles) {
    EXPECT_EQ(Sluice(gateway, operator_,
                     absl::StrCat("audit verify --state ", a_.Path("state").string(), " --vkey ",
                                  a_.Path("log/vkey").string())),
              0)
        << Told();
    // A gateway's directory follows the log a moment later, and the other's may be ahead of it.
    int exit_code = -1;
    WaitFor(absl::StrCat(tiles, " to be as far as what was verified"), [&] {
      exit_code =
          Sluice(gateway, operator_,
                 absl::StrCat("audit verify --state ", a_.Path("state-2").string(), " --directory ",
                              a_.Path(tiles).string(), " --vkey ", a_.Path("log/vkey").string()));
      return exit_code == 0 || !absl::StrContains(Told(), "the log was rolled back");
    });
    EXPECT_EQ(exit_code, 0) << Told();
  }

  const std::unique_ptr<server::PostgresServer> server_;
  const std::string database_;
  Deployment a_;
  Deployment b_{a_, "second"};
  const Identity program_ = a_.As(kProgram, "system", "sis");
  const Identity district_ = a_.As(kDistrict, "system", "hr");
  const Identity operator_ = a_.As("operator", "operator", "root");
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_GATEWAYS_FIXTURE_H_
