#include "server/key_manifest.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "policy/digest.h"

namespace sluice::server {
namespace {

using policy::Secret;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);  // 2026-09-21T14:13:20Z

MadeKey Made(const std::string& name) {
  return {.name = name, .digest = KeyDigest(name, Secret::Copy("a key")), .created = kNow};
}

KeyManifest Three() {
  KeyManifest manifest;
  for (const char* name : {"a.kek", "b.kek", "mou-m.root"}) manifest[name] = Made(name);
  manifest["b.kek"].destroyed = kNow + absl::Hours(24);
  return manifest;
}

// A text with the last line that would belong to it.
std::string Ended(const std::string& lines) {
  return absl::StrCat(lines, "end ", policy::Sha256Digest(lines), "\n");
}

TEST(KeyManifest, IsReadAsItWasWritten) {
  EXPECT_EQ(ParseManifest(ManifestText(Three())), Three());
  EXPECT_EQ(ParseManifest(ManifestText({})), KeyManifest());
}

TEST(KeyManifest, IsForPeopleToRead) {
  EXPECT_EQ(ManifestText({{"b.kek", Three()["b.kek"]}}),
            Ended(absl::StrCat("sluice keys 1\nb.kek ", Made("b.kek").digest,
                               " created=2026-09-21T14:13:20Z destroyed=2026-09-22T14:13:20Z\n")));
}

TEST(KeyManifest, RefusesEachCutAndEachChangedByte) {
  const std::string text = ManifestText(Three());
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(ParseManifest(text.substr(0, i))) << i;
    EXPECT_FALSE(ParseManifest(text.substr(i + 1))) << i;
    std::string changed = text;
    changed[i] ^= 1;
    EXPECT_FALSE(ParseManifest(changed)) << i;
  }
  EXPECT_FALSE(ParseManifest(text + text));
  EXPECT_FALSE(ParseManifest(text + "\n"));
}

TEST(KeyManifest, RefusesLinesOfAnotherFormThoughTheEndBelongsToThem) {
  const std::string first = "sluice keys 1\n";
  const std::string digest = Made("a.kek").digest;
  const std::string line = absl::StrCat("a.kek ", digest, " created=2026-09-21T14:13:20Z");
  ASSERT_TRUE(ParseManifest(Ended(first + line + "\n")));
  for (const std::string& lines :
       {line + "\n", "sluice keys 2\n" + line + "\n", first + line, first + line + "\n\n",
        first + line + "\n" + line + "\n", first + line + " more\n",
        first + line + " destroyed=yesterday\n",
        first + line + " destroyed=2026-09-22T00:00:00Z more\n", first + "a.kek " + digest + "\n",
        first + "a.kek " + digest + " created=2026-9-21T14:13:20Z\n",
        first + "b" + line + "\n" + line + "\n",
        first + absl::StrReplaceAll(line, {{"sha256", "sha257"}}) + "\n",
        first + absl::StrReplaceAll(line, {{digest, digest.substr(0, 70)}}) + "\n",
        first + absl::StrReplaceAll(line, {{digest, digest.substr(0, 70) + "g"}}) + "\n"}) {
    EXPECT_FALSE(ParseManifest(Ended(lines))) << lines;
  }
}

TEST(KeyManifest, ADigestIsOfTheNameAndOfWhatTheFileHolds) {
  const std::string digest = KeyDigest("a", Secret::Copy("key"));
  EXPECT_NE(digest, KeyDigest("b", Secret::Copy("key")));
  EXPECT_NE(digest, KeyDigest("a", Secret::Copy("kez")));
  EXPECT_NE(KeyDigest("ab", Secret::Copy("c")), KeyDigest("a", Secret::Copy("bc")));
  EXPECT_FALSE(TokenIdOf(digest));
}

TEST(KeyManifest, AReferenceToATokenIsRandomAndGivesAnIdOf32Bytes) {
  const Secret reference = MakeTokenReference().value();
  EXPECT_TRUE(IsTokenReference(reference));
  EXPECT_FALSE(reference == MakeTokenReference().value());
  EXPECT_FALSE(IsTokenReference(Secret(32)));
  const std::string digest = KeyDigest("a.kek", reference);
  EXPECT_EQ(TokenIdOf(digest).value().size(), 32u);
  EXPECT_NE(TokenIdOf(digest), TokenIdOf(KeyDigest("b.kek", reference)));
  KeyManifest manifest{{"a.kek", {.name = "a.kek", .digest = digest, .created = kNow}}};
  EXPECT_EQ(ParseManifest(ManifestText(manifest)), manifest);
}

}  // namespace
}  // namespace sluice::server
