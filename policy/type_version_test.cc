// A field that is added to a record type is disclosed to nobody: not under the documents that
// stand, not under a new one that does not name it.
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/check.h"
#include "policy/decide.h"
#include "policy/explain_row.h"
#include "policy/kept_catalog.h"
#include "policy/operator_types.h"
#include "policy/projector.h"
#include "policy/projector_cases.h"
#include "policy/record_validator.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kLocker[] =
    "file { name: 'locker.proto' package: 'acme' syntax: 'proto3' "
    "dependency: 'sluice/v1/catalog.proto' message_type { name: 'Locker' "
    "options { [sluice.v1.record] { ed_fi_entity: 'none' regimes: REGIME_PUBLIC } } "
    "field { name: 'id' number: 1 label: LABEL_OPTIONAL proto3_optional: true oneof_index: 0 "
    "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC key: true } } "
    "} "
    "oneof_decl { name: '_id' } "
    "field { name: 'part' number: 4 label: LABEL_REPEATED type: TYPE_MESSAGE "
    "type_name: '.acme.Locker.Part' } "
    "nested_type { name: 'Part' field { name: 'size' number: 3 label: LABEL_REPEATED type: "
    "TYPE_STRING options { [sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC } } } ADDED_INSIDE "
    "} "
    "ADDED } }";

std::string Added(int number) {
  return absl::StrCat("field { name: 'secret' number: ", number,
                      " label: LABEL_REPEATED type: TYPE_STRING options { [sluice.v1.field] { "
                      "sensitivity: SENSITIVITY_PUBLIC } } }");
}

std::shared_ptr<const Catalog> CatalogOf(const std::string& added) {
  google::protobuf::FileDescriptorSet set;
  const std::string text = absl::StrReplaceAll(
      kLocker, {{"ADDED_INSIDE", added.empty() ? "" : Added(2)}, {"ADDED", added}});
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set)) << text;
  return CatalogWithTypes({{"locker.binpb", set.SerializeAsString()}}).value();
}

// The added fields come before those that stood.
class TypeVersion : public ::testing::Test {
 protected:
  TypeVersion()
      : before_(CatalogOf("")),
        after_(CatalogAfter(CatalogOf(Added(3)), {Keep(*before_)}).value()) {}

  MouDocument::Parsed Document(const Catalog& catalog) const {
    const std::string text = absl::StrReplaceAll(
        ExampleMou(),
        {{absl::StrCat("catalog: {", Pin("Candidate"), "}"),
          absl::StrCat("catalog: {Locker: ", catalog.Find("Locker")->digest(), "}")},
         {"FERPA_DEIDENTIFIED", "PUBLIC_RECORD"},
         {"record: Candidate", "record: Locker"},
         {"    rows:\n      expected_completion_year: {at_least: 2027}\n      subject_area: {in: "
          "[MATHEMATICS, PHYSICS, CHEMISTRY]}\n",
          ""},
         {"      candidate_id: pseudonymize\n      birth_date: {generalize: {to: YEAR, band: "
          "5}}\n      home_postal_code: {generalize: {zip3: CENSUS_2000}}\n      subject_area: "
          "pass\n      expected_completion_year: pass\n",
          "      id: pass\n      part.size: pass\n"}});
    return MouDocument::Parse("mou.yaml", text);
  }

  // A record of the version in use, with the added fields.
  std::string Record() const {
    const std::unique_ptr<google::protobuf::Message> record(
        after_->Find("Locker")->prototype().New());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        "id: 'L1' secret: 'hidden' part { size: 'tall' secret: 'hidden' }", record.get()));
    const Validation valid = ValidateRecord(*after_->Find("Locker"), record->SerializeAsString());
    EXPECT_TRUE(valid.problems.empty());
    EXPECT_THAT(valid.record.bytes, HasSubstr("hidden"));
    return valid.record.bytes;
  }

  // What leaves of the record under a document that is in force.
  std::string Released(const MouDocument& document) const {
    auto mou = CompiledMou::Compile(document, after_);
    EXPECT_TRUE(mou.ok()) << mou.status();
    MouVersion version;
    version.mou = *std::move(mou);
    version.ever_signed = true;
    Request request;
    request.organization = "river-unified";
    request.purpose = "hiring_pipeline";
    request.record_type = "Locker";
    request.operation = v1::OPERATION_READ;
    request.time = absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone());
    const auto mous = MouSet::Create({std::move(version)});
    const Decision decision = Decide(*mous, request);
    const auto* const permit = std::get_if<Permit>(&decision);
    if (permit == nullptr) return "denied";
    auto projector = Projector::Create(permit->shared_plan(), "state-university", {},
                                       ProjectorCases::Pseudonyms());
    EXPECT_TRUE(projector.ok()) << projector.status();
    std::string released;
    EXPECT_EQ((*projector)->Project(Record(), absl::Span<const SubjectId>(), &released),
              Projector::Outcome::kReleased);
    EXPECT_EQ(ExplainRow(permit->plan(), "state-university", Record(), false).verdict(),
              v1::ROW_VERDICT_RELEASED);
    return released;
  }

  std::shared_ptr<const Catalog> before_;
  std::shared_ptr<const Catalog> after_;
};

TEST_F(TypeVersion, AnAddedFieldLeavesUnderNoDocumentThatStands) {
  const std::string released = Released(Document(*before_).document);
  EXPECT_THAT(released, HasSubstr("L1"));
  EXPECT_THAT(released, HasSubstr("tall"));
  EXPECT_THAT(released, Not(HasSubstr("hidden")));
}

TEST_F(TypeVersion, AnAddedFieldLeavesUnderNoNewDocumentThatDoesNotNameIt) {
  const std::string released = Released(Document(*after_).document);
  EXPECT_THAT(released, HasSubstr("tall"));
  EXPECT_THAT(released, Not(HasSubstr("hidden")));
}

TEST_F(TypeVersion, ADocumentInForceIsReadByTheVersionThatItPins) {
  const auto mou = CompiledMou::Compile(Document(*before_).document, after_);
  ASSERT_TRUE(mou.ok()) << mou.status();
  EXPECT_TRUE((*mou)->Holds("Locker"));
  EXPECT_EQ((*mou)->grants()[0].type->digest(), before_->Find("Locker")->digest());
}

TEST_F(TypeVersion, ADraftThatPinsAnOlderVersionIsToldSo) {
  std::vector<std::string> findings;
  for (const Finding& finding : Check(Document(*before_).document, *after_, {})) {
    findings.push_back(finding.ToString());
  }
  EXPECT_THAT(findings, Contains(HasSubstr("error P023: the digest of type \"Locker\" differs from "
                                           "the catalog given")));
}

TEST_F(TypeVersion, AVersionThatIsNotHeldGivesNothing) {
  const auto only_after = CatalogOf(Added(3));
  const auto mou = CompiledMou::Compile(Document(*before_).document, only_after);
  ASSERT_TRUE(mou.ok()) << mou.status();
  EXPECT_FALSE((*mou)->Holds("Locker"));
}

}  // namespace
}  // namespace sluice::policy
