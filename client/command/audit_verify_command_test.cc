// `sluice audit verify` and witnesses.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/command_for_test.h"
#include "client/log_for_test.h"
#include "client/witness_for_test.h"

namespace sluice::client {
namespace {

class AuditVerifyCommandTest : public CommandTest {};

TEST_F(AuditVerifyCommandTest, SaysWhichWitnessesCosignedWhatAndWhen) {
  FakeGateway& gateway = service_->gateway;
  for (int i = 0; i < 20; ++i) gateway.entries.push_back(absl::StrCat("{\"n\":", i, "}"));
  const WitnessForTest one("one.example", '1'), two("two.example", '2');
  service_->Write("one.vkey", one.vkey() + "\n");
  const std::string verify =
      absl::StrCat("audit verify --witness one.vkey --witness '", two.vkey(), "'");
  ExpectError(verify, kCheckFailed, "cosigned by 0 of 2 witnesses");
  const std::string twelve = gateway.log.Checkpoint(12, gateway.Tree().Root(12));
  gateway.cosigned_checkpoint = two.Cosign(twelve, 1700000000);
  ExpectError(verify, kCheckFailed, "cosigned by 1 of 2 witnesses");
  EXPECT_EQ(Run(verify + " --witness-quorum 1").code, kDone);
  gateway.cosigned_checkpoint = one.Cosign(gateway.cosigned_checkpoint, 1700000060);
  Outcome outcome = Run(verify);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(
      outcome.out,
      "  witnesses  one.example cosigned the first 12 entries at 2023-11-14 22:14:20Z\n"
      "             two.example cosigned the first 12 entries at 2023-11-14 22:13:20Z\n"))
      << outcome.out;
  outcome = Run(verify + " --output json");
  EXPECT_TRUE(absl::StrContains(outcome.out, "\"cosigned_size\":12")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out,
                                "{\"name\":\"two.example\",\"time\":\"2023-11-14T22:13:20Z\"}"))
      << outcome.out;
  // What they cosigned is not the beginning of what the gateway shows.
  gateway.cosigned_checkpoint =
      one.Cosign(two.Cosign(gateway.log.Checkpoint(12, LeafHash("x")), 1700000000), 1700000000);
  ExpectError(verify, kCheckFailed, "does not continue the 12 entries that witnesses cosigned");
  ExpectError("audit verify --witness-quorum 1", kUsage, "--witness");
}

TEST_F(AuditVerifyCommandTest, VerifiesADirectoryOfWhichWitnessesCosignedTheCheckpoint) {
  const std::vector<std::string> entries = {"{}", "{}"};
  service_->gateway.log.Write(directory_ + "/log", entries);
  service_->Stop();
  const WitnessForTest one("one.example");
  const std::string verify =
      absl::StrCat("audit verify --directory log --vkey log/vkey --witness '", one.vkey(), "'");
  ExpectError(verify, kCheckFailed, "cosigned by 0 of 1 witnesses");
  const std::string note = service_->gateway.log.Checkpoint(2, SlowTree(entries).Root(2));
  service_->Write("log/checkpoint", one.Cosign(note, 1700000000));
  const Outcome outcome = Run(verify);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "one.example cosigned the first 2 entries at "));
}

}  // namespace
}  // namespace sluice::client
