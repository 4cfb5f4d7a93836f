#include "policy/field_transform.h"

#include <limits>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/canonical_form.h"
#include "policy/projector_cases.h"

namespace sluice::policy {
namespace {

FieldTransform Of(const std::string& rule, const std::string& path) {
  v1::FieldRule proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(rule, &proto)) << rule;
  const Field& field = *ProjectorCases::ProbeType().Find(path);
  const FieldRule parsed = FieldRule::FromProto(proto).value();
  EXPECT_TRUE(Fits(parsed, field).ok());
  return FieldTransform(parsed, field);
}

TEST(FieldTransform, OfTheLeapDayIsItsMonthOrItsYear) {
  const CivilDate leap_day{2024, 2, 29};
  ASSERT_TRUE(leap_day.IsValid());
  EXPECT_EQ(Of("generalize { to: DATE_PRECISION_MONTH }", "date").Date(leap_day),
            (CivilDate{2024, 2, 0}));
  EXPECT_EQ(Of("generalize { to: DATE_PRECISION_YEAR }", "date").Date(leap_day),
            (CivilDate{2024, 0, 0}));
}

TEST(FieldTransform, WeekdayDoesNotSurviveGeneralization) {
  const FieldTransform month = Of("generalize { to: DATE_PRECISION_MONTH }", "date");
  for (int day = 1; day <= 30; ++day)
    EXPECT_EQ(month.Date({2026, 6, day}), month.Date({2026, 6, 1}));
}

TEST(FieldTransform, PartialDateKeepsWhatItHasNot) {
  const FieldTransform month = Of("generalize { to: DATE_PRECISION_MONTH }", "date");
  EXPECT_EQ(month.Date({2026, 0, 0}), (CivilDate{2026, 0, 0}));
  EXPECT_EQ(month.Date({2026, 3, 0}), (CivilDate{2026, 3, 0}));
}

TEST(FieldTransform, YearBandIsItsLowerBoundAndTheEndsAreCoded) {
  const FieldTransform band =
      Of("generalize { to: DATE_PRECISION_YEAR band: 5 cap: 2003 floor: 1960 }", "date");
  EXPECT_EQ(band.Date({1994, 12, 31}).year, 1990);
  EXPECT_EQ(band.Date({1995, 1, 1}).year, 1995);
  EXPECT_EQ(band.Date({1931, 5, 5}).year, 1960);
  EXPECT_EQ(band.Date({2007, 5, 5}).year, 2003);
}

TEST(FieldTransform, FirstBandOfYearsIsAYear) {
  EXPECT_EQ(Of("generalize { to: DATE_PRECISION_YEAR band: 5 }", "date").Date({3, 1, 1}),
            (CivilDate{1, 0, 0}));
}

TEST(FieldTransform, NegativeNumbersRoundToMinusInfinity) {
  const FieldTransform band = Of("generalize { band: 10 }", "int32");
  EXPECT_EQ(band.Signed(-1), -10);
  EXPECT_EQ(band.Signed(-10), -10);
  EXPECT_EQ(band.Signed(-11), -20);
}

TEST(FieldTransform, ZeroIsABandOfItsOwnAndStaysAValue) {
  const FieldTransform band = Of("generalize { band: 10 }", "int32");
  EXPECT_EQ(band.Signed(0), 0);
  EXPECT_EQ(band.Signed(9), 0);
}

TEST(FieldTransform, BandDoesNotOverflowAtTheTypesEnds) {
  EXPECT_EQ(Of("generalize { band: 10 }", "int32").Signed(std::numeric_limits<int32_t>::min()),
            std::numeric_limits<int32_t>::min());
  const FieldTransform wide = Of("generalize { band: 9223372036854775807 }", "int64");
  EXPECT_EQ(wide.Signed(std::numeric_limits<int64_t>::min()), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(wide.Signed(std::numeric_limits<int64_t>::max()), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(wide.Signed(-1), -std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Of("generalize { band: 10 }", "uint64").Unsigned(std::numeric_limits<uint64_t>::max()),
            18446744073709551610u);
}

TEST(FieldTransform, CapAndFloorOfAnUnsignedNumber) {
  const FieldTransform both = Of("generalize { cap: 65 floor: 3 }", "uint64");
  EXPECT_EQ(both.Unsigned(1), 3u);
  EXPECT_EQ(both.Unsigned(50), 50u);
  EXPECT_EQ(both.Unsigned(std::numeric_limits<uint64_t>::max()), 65u);
}

TEST(FieldTransform, BandComesBeforeCap) {
  EXPECT_EQ(Of("generalize { band: 10 cap: 65 }", "int32").Signed(69), 60);
  EXPECT_EQ(Of("generalize { band: 10 cap: 65 }", "int32").Signed(70), 65);
}

TEST(FieldTransform, PrefixCountsCodePointsAndNotBytes) {
  const FieldTransform two = Of("generalize { keep_prefix: 2 }", "text");
  EXPECT_EQ(two.Prefix("日本語"), "日本");
  EXPECT_EQ(two.Prefix("😀a😀"), "😀a");
}

TEST(FieldTransform, ACombiningMarkIsACodePointOfItsOwn) {
  EXPECT_EQ(Of("generalize { keep_prefix: 1 }", "text").Prefix("e\u0301l"), "e");
  EXPECT_EQ(Of("generalize { keep_prefix: 1 }", "text").Prefix("\u00e9l"), "\u00e9");
}

TEST(FieldTransform, ShorterStringStaysWhole) {
  const FieldTransform three = Of("generalize { keep_prefix: 3 }", "text");
  EXPECT_EQ(three.Prefix("ab"), "ab");
  EXPECT_EQ(three.Prefix(""), "");
}

TEST(FieldTransform, Zip3IsTheAreaOrThreeZeros) {
  const FieldTransform zip3 = Of("generalize { zip3: 'CENSUS_2000' }", "postal_code");
  const auto of = [&](absl::string_view zip) {
    const auto area = zip3.Zip3(zip);
    return area ? std::string(area->data(), area->size()) : "withheld";
  };
  EXPECT_EQ(of("37203"), "372");
  EXPECT_EQ(of("37203-1234"), "372");
  EXPECT_EQ(of("372031234"), "372");
  EXPECT_EQ(of("3601"), "000");  // 03601, its zero lost
  EXPECT_EQ(of("601"), "006");
  for (const char* const small : {"036", "059", "063", "102", "203", "556", "692", "790", "821",
                                  "823", "830", "831", "878", "879", "884", "890", "893"}) {
    EXPECT_EQ(of(std::string(small) + "01"), "000");
  }
  for (const char* const none : {"", "12", "ABCDE", "K1A 0B1", "3720312", "37203-12", "37203-",
                                 "37203 1234", "-37203", "372031234567"}) {
    EXPECT_EQ(of(none), "withheld") << none;
  }
}

TEST(FieldTransform, UnknownCodeBecomesTheSetsOther) {
  const FieldTransform group = Of("generalize { code_set: 'RACE_GROUP' }", "race");
  EXPECT_EQ(group.Code("uri://ed-fi.org/RaceDescriptor#Asian"),
            "uri://sluice/RaceGroupDescriptor#Asian");
  EXPECT_EQ(group.Code("uri://ed-fi.org/RaceDescriptor#Black - African American"),
            "uri://sluice/RaceGroupDescriptor#Other");
  EXPECT_EQ(group.Code(""), "uri://sluice/RaceGroupDescriptor#Other");
}

TEST(FieldTransform, SameValueOfAnotherNamespaceIsUnknown) {
  const FieldTransform family =
      Of("generalize { hierarchy: 'SUBJECT_FAMILY' level: 1 }", "subject_area");
  EXPECT_EQ(family.Code("uri://ed-fi.org/AcademicSubjectDescriptor#Physics"),
            "uri://sluice/SubjectFamilyDescriptor#STEM");
  EXPECT_EQ(family.Code("uri://tpdm.ed-fi.org/AcademicSubjectDescriptor#Physics"),
            "uri://sluice/SubjectFamilyDescriptor#Other");
}

TEST(CanonicalForm, TwoEncodingsOfOneCharacterAreOne) {
  EXPECT_EQ(Canonical("\u00e9", {}), Canonical("e\u0301", {}));
}

TEST(CanonicalForm, WhiteSpaceAroundIsNone) {
  EXPECT_EQ(Canonical("\t a b\u00a0\n", {}), "a b");
  EXPECT_EQ(Canonical(" \u2003 ", {}), "");
}

TEST(CanonicalForm, FoldsAsciiLettersOnly) {
  v1::CanonicalForm fold;
  fold.set_fold_case(true);
  EXPECT_EQ(Canonical("ABCé", fold), "abcé");
  EXPECT_EQ(Canonical("İ", fold), "İ");
  EXPECT_EQ(Canonical("ABC", {}), "ABC");
}

TEST(CanonicalForm, LeadingZerosCountUnlessPadded) {
  EXPECT_NE(Canonical("00042", {}), Canonical("42", {}));
  v1::CanonicalForm pad;
  pad.set_pad_zeros(5);
  EXPECT_EQ(Canonical("00042", pad), Canonical("42", pad));
  EXPECT_EQ(Canonical("123456", pad), std::nullopt);
  EXPECT_EQ(Canonical("4a", pad), std::nullopt);
  EXPECT_EQ(Canonical("４２", pad), std::nullopt);
}

TEST(CanonicalForm, HasNoneForWhatIsNotUtf8) {
  for (const char* const text : {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf8\x88\x80\x80"}) {
    EXPECT_FALSE(IsValidUtf8(text));
    EXPECT_EQ(Canonical(text, {}), std::nullopt);
  }
  EXPECT_TRUE(IsValidUtf8("eight by\xc3\xa9tes and more \xf0\x9f\x98\x80"));
}

TEST(CanonicalForm, IsIdempotent) {
  std::vector<v1::CanonicalForm> forms(4);
  forms[1].set_fold_case(true);
  forms[2].set_pad_zeros(5);
  forms[3].set_postal_code(true);
  const std::vector<std::string> parts = {"",           " ",      "A",      "H",      "\u0331",
                                          "e",          "\u0301", "\u212a", "\u00a0", "42",
                                          "37203-1234", "İ",      "\u0344"};
  for (const v1::CanonicalForm& form : forms) {
    for (const std::string& a : parts) {
      for (const std::string& b : parts) {
        for (const std::string& c : parts) {
          const auto once = Canonical(a + b + c, form);
          if (!once) continue;
          EXPECT_EQ(Canonical(*once, form), once) << a << b << c;
        }
      }
    }
  }
}

TEST(CanonicalForm, KnowsADecimal) {
  for (const char* const good :
       {"0", "1", "-1", "+1", "12.50", "7.", ".5", "3e2", "3E-2", "1.5e+9"}) {
    EXPECT_TRUE(IsDecimal(good)) << good;
  }
  for (const char* const bad : {"", "-", ".", "1,5", "0x1", "1e", "e5", "1e5.5", " 1", "1 ", "--1",
                                "NaN", "Infinity", "1_000"}) {
    EXPECT_FALSE(IsDecimal(bad)) << bad;
  }
}

TEST(CivilDate, IsValidAsTheCalendarSays) {
  EXPECT_TRUE((CivilDate{2017, 0, 0}.IsValid()));
  EXPECT_TRUE((CivilDate{2017, 2, 0}.IsValid()));
  EXPECT_TRUE((CivilDate{2000, 2, 29}.IsValid()));
  for (const CivilDate bad : {CivilDate{0, 0, 0},
                              {0, 5, 1},
                              {2017, 2, 29},
                              {2017, 2, 30},
                              {1900, 2, 29},
                              {2017, 0, 5},
                              {2017, 13, 1},
                              {2017, 4, 31},
                              {2017, 1, -1},
                              {2017, -1, 1},
                              {10000, 1, 1},
                              {-1, 1, 1}}) {
    EXPECT_FALSE(bad.IsValid()) << bad.year << " " << bad.month << " " << bad.day;
  }
}

}  // namespace
}  // namespace sluice::policy
