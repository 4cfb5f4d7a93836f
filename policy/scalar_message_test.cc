#include "policy/scalar_message.h"

#include <string>

#include "absl/strings/escaping.h"
#include "google/type/date.pb.h"
#include "google/type/decimal.pb.h"
#include "gtest/gtest.h"

namespace sluice::policy {
namespace {

std::string DateBytes(int year, int month, int day) {
  google::type::Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date.SerializeAsString();
}

std::string DecimalBytes(const std::string& value) {
  google::type::Decimal decimal;
  decimal.set_value(value);
  return decimal.SerializeAsString();
}

TEST(ScalarMessage, ReadsAYearAMonthAndADay) {
  EXPECT_EQ(ReadDate(DateBytes(2024, 2, 29)), (CivilDate{2024, 2, 29}));
  EXPECT_EQ(ReadDate(DateBytes(2024, 2, 0)), (CivilDate{2024, 2, 0}));
  EXPECT_EQ(ReadDate(DateBytes(2024, 0, 0)), (CivilDate{2024, 0, 0}));
}

TEST(ScalarMessage, PassesOverANumberThatItDoesNotKnow) {
  EXPECT_EQ(ReadDate(DateBytes(2024, 0, 0) + "\x20\x05"), (CivilDate{2024, 0, 0}));
  EXPECT_EQ(ReadDecimal(DecimalBytes("1.5") + "\x10\x05"), "1.5");
}

TEST(ScalarMessage, RefusesADateThatIsNone) {
  for (const std::string& bytes :
       {std::string(), DateBytes(2023, 2, 29), DateBytes(2023, 13, 1), DateBytes(2023, 0, 1),
        DateBytes(0, 1, 1), DateBytes(-1, 0, 0), DateBytes(10000, 0, 0),
        DateBytes(2023, 0, 0) + DateBytes(2023, 0, 0),       // a part twice
        std::string("\x10\x05") + DateBytes(2023, 0, 0),     // out of order
        DateBytes(2023, 0, 0) + std::string("\x10\x00", 2),  // a zero that is written
        std::string("\x0a\x01\x05", 3), std::string("\x08", 1),
        std::string("\x08\x87\x90\x80\x80\x10", 6)}) {  // 2^32 more than a year
    EXPECT_EQ(ReadDate(bytes), std::nullopt) << absl::BytesToHexString(bytes);
  }
}

TEST(ScalarMessage, RefusesADecimalThatIsNone) {
  for (const std::string& bytes :
       {std::string(), DecimalBytes("x"), DecimalBytes("1") + DecimalBytes("1"),
        std::string("\x08\x01", 2), std::string("\x0a\x02\x31", 3)}) {
    EXPECT_EQ(ReadDecimal(bytes), std::nullopt) << absl::BytesToHexString(bytes);
  }
}

// What is read from corrupt bytes is what protobuf's own parser reads there.
TEST(ScalarMessage, ReadsWhatProtobufReadsOfEveryCorruptByte) {
  const std::string whole = DateBytes(2024, 2, 29);
  const std::string number = DecimalBytes("-12.50e3");
  int read = 0;
  for (const std::string* bytes : {&whole, &number}) {
    for (size_t at = 0; at < bytes->size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string corrupt = *bytes;
        corrupt[at] = static_cast<char>(value);
        if (const auto date = ReadDate(corrupt)) {
          google::type::Date expected;
          ASSERT_TRUE(expected.ParseFromString(corrupt)) << absl::BytesToHexString(corrupt);
          EXPECT_EQ(*date, (CivilDate{expected.year(), expected.month(), expected.day()}));
          ++read;
        }
        if (const auto decimal = ReadDecimal(corrupt)) {
          google::type::Decimal expected;
          ASSERT_TRUE(expected.ParseFromString(corrupt)) << absl::BytesToHexString(corrupt);
          EXPECT_EQ(*decimal, expected.value());
          ++read;
        }
      }
    }
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace sluice::policy
