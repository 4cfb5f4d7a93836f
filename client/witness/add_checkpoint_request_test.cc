#include "client/witness/add_checkpoint_request.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/witness/witness_for_test.h"
#include "gtest/gtest.h"

namespace sluice::witness {
namespace {

// The example of C2SP tlog-witness.
constexpr char kCheckpoint[] =
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 example.com/behind-the-sofa "
    "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/"
    "V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
constexpr char kProof[] =
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n";

std::string With(absl::string_view old_line, absl::string_view proof = kProof) {
  return absl::StrCat(old_line, proof, "\n", kCheckpoint);
}

bool IsRefused(absl::string_view body) {
  return absl::IsInvalidArgument(ParseAddCheckpointRequest(body).status());
}

TEST(AddCheckpointRequest, ReadsTheSpecificationsExample) {
  const auto request = ParseAddCheckpointRequest(With("old 20852014\n"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->old_size, 20852014u);
  ASSERT_EQ(request->proof.size(), 4u);
  EXPECT_EQ(request->proof[0][0], 0x3E);
  EXPECT_EQ(request->proof[3][31], 0xFD);
  EXPECT_EQ(request->checkpoint, kCheckpoint);
  EXPECT_EQ(request->head.origin, "example.com/behind-the-sofa");
  EXPECT_EQ(request->head.size, 20852163u);
  EXPECT_EQ(request->note.signatures.size(), 2u);
}

TEST(AddCheckpointRequest, ReadsSizesToTheLetter) {
  EXPECT_TRUE(ParseAddCheckpointRequest(With("old 0\n", "")).ok());
  EXPECT_EQ(ParseAddCheckpointRequest(With("old 18446744073709551615\n"))->old_size, UINT64_MAX);
  for (const char* line :
       {"old 00\n", "old 01\n", "old +1\n", "old -1\n", "old  1\n", "old 1 \n", "old\n", "old \n",
        "Old 1\n", "old 1\r\n", "old 0x1\n", "old 18446744073709551616\n", "old\t1\n", "1\n", ""}) {
    EXPECT_TRUE(IsRefused(With(line))) << line;
  }
}

TEST(AddCheckpointRequest, ReadsHashesToTheLetter) {
  const std::string hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=";
  EXPECT_TRUE(ParseAddCheckpointRequest(With("old 1\n", hash + "\n")).ok());
  for (const std::string& line :
       {hash + " ", " " + hash, hash.substr(0, 43), hash.substr(0, 42) + "x=", hash + "=",
        hash.substr(0, 40), hash + hash, std::string("x"),
        hash.substr(0, 10) + "_" + hash.substr(11), hash + "\r"}) {
    EXPECT_TRUE(IsRefused(With("old 1\n", line + "\n"))) << line;
  }
}

TEST(AddCheckpointRequest, TakesSixtyThreeHashes) {
  std::string proof;
  for (int i = 0; i < 63; ++i) proof += "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
  EXPECT_EQ(ParseAddCheckpointRequest(With("old 1\n", proof))->proof.size(), 63u);
  EXPECT_TRUE(IsRefused(With("old 1\n", proof + "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n")));
}

TEST(AddCheckpointRequest, TakesSixteenLongSignatures) {
  std::string body = With("old 1\n");
  const std::string line =
      absl::StrCat("\u2014 w ", absl::Base64Escape(std::string(4 + 2420, 'x')), "\n");
  for (int i = 0; i < 16; ++i) body += line;
  EXPECT_TRUE(ParseAddCheckpointRequest(body).ok());
  while (body.size() <= kMaxRequestBytes) body += line;
  EXPECT_TRUE(IsRefused(body));
}

TEST(AddCheckpointRequest, RefusesEachPrefixAndWhatIsMissing) {
  const std::string body = With("old 20852014\n");
  const size_t second_signature = body.rfind("\u2014");
  for (size_t i = 0; i < body.size(); ++i) {
    // Without its last signature it is whole.
    EXPECT_EQ(IsRefused(body.substr(0, i)), i != second_signature) << i;
  }
  EXPECT_TRUE(IsRefused(absl::StrCat("old 1\n", kProof, kCheckpoint)));
  EXPECT_TRUE(IsRefused(absl::StrCat("old 1\n", kProof, "\n\n", kCheckpoint)));
  EXPECT_TRUE(IsRefused(absl::StrCat("\n", kCheckpoint)));
  EXPECT_TRUE(IsRefused(kCheckpoint));
  EXPECT_TRUE(IsRefused(""));
}

}  // namespace
}  // namespace sluice::witness
