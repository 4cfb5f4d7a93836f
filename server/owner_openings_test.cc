// What an owner is given to open its commitments with: what is in the entries, and nobody else's.
#include "server/owner_openings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/escaping.h"
#include "policy/subject_bitmap.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class OwnerOpeningsTest : public ExchangeFixture {
 protected:
  void SetUp() override {
    ExchangeFixture::SetUp();
    openings_ = std::make_unique<OwnerOpenings>(
        OwnerOpenings::Parts{admission_.get(), log_.get(), &store()});
    Publish(CoveredUpTo(3));
    for (int i = 0; i < 3; ++i) {
      KeptMessages sent;
      ASSERT_TRUE(Read(Request(), sent).ok());
    }
  }
  static v1::ListOpeningsRequest Of(const std::string& field = "") {
    v1::ListOpeningsRequest request;
    request.set_parent("organizations/state-university");
    request.set_field(field);
    return request;
  }
  absl::StatusOr<v1::ListOpeningsResponse> List(
      const v1::ListOpeningsRequest& request, const std::string& organization = "state-university",
      policy::PrincipalKind kind = policy::PrincipalKind::kAuditor) {
    RequestId id = NewRequestId().value();
    return openings_->List(IdentityForTest::Make(kind, organization, "quinn"), id, request);
  }
  std::string EntryAt(int64_t index) {
    std::string body;
    EXPECT_TRUE(store()
                    .ReadLogRows(static_cast<uint64_t>(index), static_cast<uint64_t>(index) + 1,
                                 [&](const LogRow& row) {
                                   body = row.body;
                                   return false;
                                 })
                    .ok());
    return body;
  }

  std::unique_ptr<OwnerOpenings> openings_;
};

TEST_F(OwnerOpeningsTest, OpensWhatTheEntriesCommitTo) {
  const auto listed = List(Of());
  ASSERT_TRUE(listed.ok()) << listed.status();
  const std::map<std::string, std::string> labels = {{"subjects", "bm1"},
                                                     {"subjects.n", "sn1"},
                                                     {"rows.considered", "rc1"},
                                                     {"rows.withheld", "rw1"},
                                                     {"caller", "nm1"}};
  std::set<std::string> fields;
  for (const v1::Opening& opening : listed->openings()) {
    const Hash hash = Commitment(labels.at(opening.field()), opening.salt(), opening.value());
    EXPECT_THAT(EntryAt(opening.index()),
                HasSubstr(absl::Base64Escape(
                    absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()))))
        << opening.field();
    fields.insert(opening.field());
    if (opening.field() == "subjects") {
      const auto bitmap = policy::SubjectBitmap::Read(opening.value());
      ASSERT_TRUE(bitmap.ok()) << bitmap.status();
      EXPECT_EQ(bitmap->size(), 3u);
      for (const uint32_t ordinal : {1u, 2u, 3u}) EXPECT_TRUE(bitmap->Contains(ordinal));
    }
    if (opening.field() == "subjects.n" || opening.field() == "rows.considered") {
      EXPECT_EQ(opening.value(), "3");
    }
  }
  EXPECT_THAT(fields, Contains("rows.withheld"));
  EXPECT_THAT(fields, Contains("subjects"));
}

TEST_F(OwnerOpeningsTest, GivesThoseOfOneFieldPageByPage) {
  const auto all = List(Of("subjects"));
  ASSERT_THAT(all->openings(), SizeIs(3));
  v1::ListOpeningsRequest request = Of("subjects");
  request.set_page_size(1);
  std::vector<int64_t> indexes;
  do {
    const auto page = List(request);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_LE(page->openings_size(), 1);
    for (const v1::Opening& opening : page->openings()) indexes.push_back(opening.index());
    ASSERT_LT(indexes.size(), 9u);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(indexes, ElementsAre(all->openings(0).index(), all->openings(1).index(),
                                   all->openings(2).index()));
  request = Of("subjects");
  request.set_start_index(all->openings(2).index());
  EXPECT_THAT(List(request)->openings(), SizeIs(1));
  request.set_start_index(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(List(request).status()));
}

TEST_F(OwnerOpeningsTest, GivesNobodyAnothersNorToAKindThatMayNotAsk) {
  EXPECT_TRUE(absl::IsPermissionDenied(List(Of(), "river-unified").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(
      List(Of(), "state-university", policy::PrincipalKind::kSystem).status()));
  v1::ListOpeningsRequest theirs = Of();
  theirs.set_parent("organizations/river-unified");
  const auto listed = List(theirs, "river-unified");
  ASSERT_TRUE(listed.ok()) << listed.status();
  // The recipient has openings of its own at the most: who of its people asked.
  for (const v1::Opening& opening : listed->openings()) EXPECT_EQ(opening.field(), "caller");
}

TEST_F(OwnerOpeningsTest, ThatItWasAskedIsInTheLog) {
  const size_t before = Entries("read").size();
  ASSERT_TRUE(List(Of()).ok());
  ASSERT_THAT(Entries("read"), SizeIs(before + 1));
  EXPECT_THAT(Entries("read").back(), HasSubstr("\"operation\":\"ListOpenings\""));
}

}  // namespace
}  // namespace sluice::server
