#include "policy/row_scope.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/projector_cases.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kPhysics[] = "uri://ed-fi.org/AcademicSubjectDescriptor#Physics";
constexpr char kReading[] = "uri://ed-fi.org/AcademicSubjectDescriptor#Reading";

const Field& FieldOf(const std::string& path) { return *ProjectorCases::ProbeType().Find(path); }

Box::Constraint AtLeast(const std::string& path, int64_t n) {
  return {&FieldOf(path), ValueSet::Interval(n, std::nullopt)};
}
Box::Constraint In(const std::string& path, std::vector<std::string> codes) {
  return {&FieldOf(path), ValueSet::Codes(std::move(codes))};
}
Box Grant(std::vector<Box::Constraint> rows) { return Box(std::move(rows), Box::Unset::kExcluded); }
Box Prohibition(std::vector<Box::Constraint> rows) {
  return Box(std::move(rows), Box::Unset::kIncluded);
}

std::string Row(const std::string& text) {
  testing::Probe probe;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &probe)) << text;
  return probe.SerializeAsString();
}

// Boxes, and the rows that are asked of them.
class Boxes {
 public:
  explicit Boxes(std::vector<Box> boxes) : boxes_(std::move(boxes)), reader_(Reader()) {}

  bool Read(const std::string& row) { return reader_.Read(row); }
  // The boxes that the row is in, by number.
  std::vector<size_t> Of(const std::string& row) {
    EXPECT_TRUE(Read(row));
    std::vector<size_t> in;
    for (size_t i = 0; i < boxes_.size(); ++i) {
      if (reader_.scope().Has(i)) in.push_back(i);
    }
    return in;
  }

 private:
  RowScopeReader Reader() const {
    std::vector<const Box*> boxes;
    for (const Box& box : boxes_) boxes.push_back(&box);
    return RowScopeReader(ProjectorCases::ProbeType(), boxes);
  }

  const std::vector<Box> boxes_;
  RowScopeReader reader_;
};

TEST(RowScopeReader, TellsWhichBoxesARowIsIn) {
  Boxes boxes({Grant({In("subject_area", {kPhysics}), AtLeast("int32", 5)}),
               Grant({In("subject_area", {kPhysics, kReading})}), Grant({})});
  const auto row = [](const char* subject, int n) {
    return Row(absl::StrCat("int32: ", n, " subject_area: '", subject, "'"));
  };
  EXPECT_THAT(boxes.Of(row(kPhysics, 5)), ElementsAre(0, 1, 2));
  EXPECT_THAT(boxes.Of(row(kPhysics, 4)), ElementsAre(1, 2));
  EXPECT_THAT(boxes.Of(row(kReading, 5)), ElementsAre(1, 2));
}

TEST(RowScopeReader, ForgetsTheRowBefore) {
  Boxes boxes({Grant({AtLeast("int32", 5)}), Grant({AtLeast("int64", 5)})});
  EXPECT_THAT(boxes.Of(Row("int32: 9")), ElementsAre(0));
  EXPECT_THAT(boxes.Of(Row("int64: 9")), ElementsAre(1));
  EXPECT_THAT(boxes.Of(Row("")), IsEmpty());
}

TEST(RowScopeReader, UnsetIsOutsideAGrantsBoxAndInsideAProhibitions) {
  Boxes boxes({Grant({AtLeast("int32", -9)}), Prohibition({AtLeast("int32", 9)})});
  EXPECT_THAT(boxes.Of(Row("int64: 1")), ElementsAre(1));
  EXPECT_THAT(boxes.Of(Row("int32: 0")), ElementsAre(0));
}

TEST(RowScopeReader, UnknownCodeAndPartialDateAreUnset) {
  Boxes boxes({Grant({In("subject_area", FieldOf("subject_area").code_set->codes())}),
               Prohibition({In("subject_area", {})}), Grant({AtLeast("date", 10101)}),
               Prohibition({AtLeast("date", 99991231)})});
  EXPECT_THAT(boxes.Of(Row("date { year: 2020 month: 5 } subject_area: 'uri://x/Y#Z'")),
              ElementsAre(1, 3));
  EXPECT_THAT(boxes.Of(Row(absl::StrCat("date { year: 2020 month: 5 day: 1 } subject_area: '",
                                        kPhysics, "'"))),
              ElementsAre(0, 2));
}

TEST(RowScopeReader, ReadsFieldsInsideMessages) {
  Boxes boxes({Grant({{&FieldOf("inner.deep.flag"), ValueSet::Numbers({1})}}),
               Grant({AtLeast("inner.number", 3)})});
  EXPECT_THAT(boxes.Of(Row("inner { number: 3 deep { flag: true } }")), ElementsAre(0, 1));
  EXPECT_THAT(boxes.Of(Row("inner { number: 2 deep { flag: false } }")), IsEmpty());
  EXPECT_THAT(boxes.Of(Row("inner { number: 3 }")), ElementsAre(1));
}

TEST(RowScopeReader, ReadsTheSignOfEachKindOfInteger) {
  for (const char* const path : {"int32", "int64", "sint32", "sint64", "sfixed32", "sfixed64"}) {
    Boxes boxes({Grant({AtLeast(path, -5)}), Grant({AtLeast(path, -4)})});
    EXPECT_THAT(boxes.Of(Row(absl::StrCat(path, ": -5"))), ElementsAre(0)) << path;
  }
}

TEST(RowScopeReader, TellsMoreBoxesApartThanAWordHasBits) {
  std::vector<Box> many;
  for (int i = 0; i < 130; ++i) many.push_back(Grant({AtLeast("int32", i)}));
  Boxes boxes(std::move(many));
  EXPECT_EQ(boxes.Of(Row("int32: 129")).size(), 130u);
  EXPECT_EQ(boxes.Of(Row("int32: 64")).size(), 65u);
  EXPECT_THAT(boxes.Of(Row("int32: 0")), ElementsAre(0));
}

TEST(RowScopeReader, LooksAtNothingThatNoBoxConstrains) {
  Boxes all({Grant({})});
  EXPECT_THAT(all.Of("\xff"), ElementsAre(0));
  Boxes boxes({Grant({AtLeast("int32", 1)})});
  EXPECT_THAT(boxes.Of(Row("int32: 1 date { year: 2017 month: 2 day: 30 }")), ElementsAre(0));
}

TEST(RowScopeReader, WithholdsARowThatIsNotInItsForm) {
  Boxes boxes({Grant({AtLeast("int32", 0), AtLeast("date", 0), AtLeast("inner.number", 0)}),
               Prohibition({In("subject_area", {kPhysics}), AtLeast("bool", 1)})});
  const std::vector<std::string> malformed = {
      Row("int32: 1") + Row("int32: 1"),                       // twice
      Row("text: 'a'") + Row("int32: 1"),                      // out of order
      Row("inner { number: 1 }") + Row("inner { deep { } }"),  // a message twice
      Row("date { year: 2017 month: 2 day: 30 }"),             // no day of the calendar
      std::string("\x18", 1),                                  // cut short
      std::string("\x18\x85\x00", 3),                          // longer than it needs be
      std::string("\x18\x80\x80\x80\x80\x10", 6),              // no int32
      std::string("\x19\x01\x00\x00\x00\x00\x00\x00\x00", 9),  // another wire type
      std::string("\x68\x02", 2),                              // a bool, and neither
  };
  for (const std::string& row : malformed) {
    EXPECT_FALSE(boxes.Read(row)) << ::testing::PrintToString(row);
  }
  std::string code = Row("subject_area: 'xx'");
  EXPECT_TRUE(boxes.Read(code));
  code.back() = '\xff';
  EXPECT_FALSE(boxes.Read(code));
}

TEST(RowScopeReader, WithholdsANumberThatNoBoxCanHold) {
  Boxes boxes({Grant({AtLeast("uint64", 1), AtLeast("fixed64", 0)})});
  EXPECT_TRUE(boxes.Read(Row("uint64: 9223372036854775807")));
  EXPECT_FALSE(boxes.Read(Row("uint64: 9223372036854775808")));
  EXPECT_FALSE(boxes.Read(Row("fixed64: 18446744073709551615")));
}

}  // namespace
}  // namespace sluice::policy
