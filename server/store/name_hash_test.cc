#include "server/store/name_hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice::server {
namespace {

std::unique_ptr<NameHasher> HasherOf(char byte) {
  return NameHasher::Create(policy::Secret::Copy(std::string(32, byte))).value();
}

TEST(NameHasher, HashesTheSameNameTheSameWay) {
  const auto a = HasherOf('a');
  const Hash16 first = a->RecordKey("o", "t", "k").value();
  EXPECT_EQ(a->RecordKey("o", "t", "k").value(), first);
  EXPECT_EQ(HasherOf('a')->RecordKey("o", "t", "k").value(), first);
  EXPECT_NE(HasherOf('b')->RecordKey("o", "t", "k").value(), first);
}

TEST(NameHasher, HasAKeyOfItsOwnForEachUse) {
  const auto hasher = HasherOf('a');
  const std::set<Hash16> hashes = {hasher->RecordKey("a", "b", "c").value(),
                                   hasher->SubjectName("a", "b", "c").value(),
                                   hasher->Content("a", "b", "c", "").value(),
                                   hasher->Request("a", "b").value(), hasher->KeyCheck().value()};
  EXPECT_EQ(hashes.size(), 5u);
  const Hash16 id{};
  EXPECT_NE(hasher->KeyTie(id, id).value(), hasher->SubjectTie({}).value());
  EXPECT_NE(hasher->Decided("a", id).value(),
            hasher->Request("a", std::string(id.size(), '\0')).value());
}

TEST(NameHasher, KeepsThePartsOfANameApart) {
  const auto hasher = HasherOf('a');
  const std::set<Hash16> hashes = {
      hasher->RecordKey("ab", "c", "d").value(), hasher->RecordKey("a", "bc", "d").value(),
      hasher->RecordKey("a", "b", "cd").value(), hasher->RecordKey("", "abcd", "").value(),
      hasher->RecordKey("abcd", "", "").value()};
  EXPECT_EQ(hashes.size(), 5u);
}

TEST(NameHasher, TiesAllThatARowOfASubjectSays) {
  const auto hasher = HasherOf('a');
  const std::set<Hash16> ties = {hasher->SubjectTie({}).value(),
                                 hasher->SubjectTie({.name_hash = {1}}).value(),
                                 hasher->SubjectTie({.owner = 1}).value(),
                                 hasher->SubjectTie({.name = 1}).value(),
                                 hasher->SubjectTie({.ordinal = 1}).value(),
                                 hasher->SubjectTie({.subject_id = {1}}).value()};
  EXPECT_EQ(ties.size(), 6u);
}

TEST(NameHasher, TiesAllThatIsKeptOfWhatAChangeReplaced) {
  const auto hasher = HasherOf('a');
  const std::set<Hash16> ties = {hasher->HistoryTie({}).value(),
                                 hasher->HistoryTie({.position = 1}).value(),
                                 hasher->HistoryTie({.record_id = {1}}).value(),
                                 hasher->HistoryTie({.collection = 1}).value(),
                                 hasher->HistoryTie({.content_position = 1}).value(),
                                 hasher->HistoryTie({.sealed_position = 1}).value()};
  EXPECT_EQ(ties.size(), 6u);
}

TEST(NameHasher, RefusesAShortKey) {
  EXPECT_TRUE(absl::IsInvalidArgument(NameHasher::Create(policy::Secret(31)).status()));
}

// From an independent computation: `openssl kdf` for the subkey, `openssl dgst -mac` over the
// parts.
TEST(NameHasher, IsHmacSha256UnderAnHkdfSubkey) {
  const Hash16 expected = {0xfe, 0x92, 0x8d, 0x73, 0x3b, 0xbf, 0xd0, 0x93,
                           0x5e, 0xd5, 0x7f, 0x89, 0xa5, 0x2f, 0x34, 0xb3};
  EXPECT_EQ(HasherOf('k')->RecordKey("owner", "Type", "key").value(), expected);
}

}  // namespace
}  // namespace sluice::server
