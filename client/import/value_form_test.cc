#include "client/import/value_form.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

TEST(ValueFormTest, TakesTheDatesThatRealFilesHave) {
  EXPECT_EQ(*DateFromCell("2017-10-06", {}), "2017-10-06");
  EXPECT_EQ(*DateFromCell("2017-10-06 00:00:00.0000000", {}), "2017-10-06");
  EXPECT_EQ(*DateFromCell("2017-10-06T00:00:00Z", {}), "2017-10-06");
  EXPECT_EQ(*DateFromCell("2017", {}), "2017");
  EXPECT_EQ(*DateFromCell("2017-10", {}), "2017-10");
}

TEST(ValueFormTest, RefusesDatesThatCouldMeanAnother) {
  EXPECT_TRUE(absl::StrContains(DateFromCell("10/06/2017", {}).status().message(), "YYYY-MM-DD"));
  EXPECT_TRUE(absl::StrContains(DateFromCell("2017-02-30", {}).status().message(), "no calendar"));
  EXPECT_TRUE(
      absl::StrContains(DateFromCell("2017-10-06 13:45:00", {}).status().message(), "time of day"));
  for (const char* cell : {"", "2017-10-06x", "2017-1-6", "17", "20171006", "2017-10-06 00", "soon",
                           "2017-10-06 00:00:01", "2017-13-01", "2017-00-10"}) {
    EXPECT_FALSE(DateFromCell(cell, {}).ok()) << cell;
  }
}

TEST(ValueFormTest, TakesTheFormsThatAMappingDeclares) {
  EXPECT_EQ(*DateFromCell("10/06/2017", {"MM/DD/YYYY"}), "2017-10-06");
  EXPECT_EQ(*DateFromCell("6.1.2017", {"D.M.YYYY"}), "2017-01-06");
  EXPECT_EQ(*DateFromCell("20171006", {"YYYYMMDD"}), "2017-10-06");
  EXPECT_EQ(*DateFromCell("2017-10-06 13:45:59.123", {"YYYY-MM-DD hh:mm:ss.f"}), "2017-10-06");
  EXPECT_EQ(*DateFromCell("10/2017", {"M/D/YYYY", "MM/YYYY"}), "2017-10");
  EXPECT_FALSE(DateFromCell("02/30/2017", {"MM/DD/YYYY"}).ok());
  EXPECT_FALSE(DateFromCell("13/01/2017", {"MM/DD/YYYY"}).ok());
  EXPECT_FALSE(DateFromCell("1/06/2017", {"MM/DD/YYYY"}).ok());
  EXPECT_FALSE(DateFromCell("2017-10-06 25:00:00", {"YYYY-MM-DD hh:mm:ss"}).ok());
  // The standard's own form needs no declaring.
  EXPECT_EQ(*DateFromCell("2017-10-06", {"MM/DD/YYYY"}), "2017-10-06");
}

TEST(ValueFormTest, KnowsAFormOfADate) {
  for (const char* form : {"MM/DD/YYYY", "D.M.YYYY", "YYYY", "YYYYMMDD", "YYYY-MM-DDThh:mm:ssZ"}) {
    EXPECT_TRUE(IsDateForm(form)) << form;
  }
  for (const char* form :
       {"", "MM/DD", "MM/DD/YY", "DD/YYYY", "YYYY-YYYY", "dd/mm/YYYY", "YYYYMD", "Month YYYY"}) {
    EXPECT_FALSE(IsDateForm(form)) << form;
  }
}

TEST(ValueFormTest, ReadsTheBooleansOfBothFormats) {
  for (const char* cell : {"TRUE", "True", "true", "1"}) EXPECT_EQ(*BoolFromCell(cell), "true");
  for (const char* cell : {"FALSE", "false", "0"}) EXPECT_EQ(*BoolFromCell(cell), "false");
  for (const char* cell : {"", "yes", "Y", "2", "10"})
    EXPECT_FALSE(BoolFromCell(cell).ok()) << cell;
}

}  // namespace
}  // namespace sluice::client
