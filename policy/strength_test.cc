// The order of strength, proved by exhausting small domains: a rule is at least as strong as
// another exactly if its result is a function of the other's.
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/catalog.h"
#include "policy/field_rule.h"
#include "policy/field_transform.h"
#include "policy/projector_cases.h"

namespace sluice::policy {
namespace {

FieldRule Rule(const std::string& text) {
  v1::FieldRule proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto)) << text;
  return FieldRule::FromProto(proto).value();
}

const Field& ProbeField(const std::string& path) { return *ProjectorCases::ProbeType().Find(path); }

// Whether a value's first result decides its second, over all values.
bool IsFunction(const std::vector<std::string>& of, const std::vector<std::string>& from) {
  std::map<std::string, std::string> known;
  for (size_t i = 0; i < of.size(); ++i) {
    if (known.emplace(from[i], of[i]).first->second != of[i]) return false;
  }
  return true;
}

template <typename Result, typename Value>
void ExpectOrder(const Field& field, const std::vector<FieldRule>& rules,
                 const std::vector<Value>& domain, Result&& result) {
  std::vector<std::vector<std::string>> results;
  for (const FieldRule& rule : rules) {
    ASSERT_TRUE(Fits(rule, field).ok()) << rule.ToString();
    const FieldTransform transform(rule, field);
    results.emplace_back();
    for (const Value& value : domain) results.back().push_back(result(transform, value));
  }
  for (size_t a = 0; a < rules.size(); ++a) {
    for (size_t b = 0; b < rules.size(); ++b) {
      EXPECT_EQ(AtLeastAsStrong(rules[a], rules[b], field), IsFunction(results[a], results[b]))
          << rules[a].ToString() << " against " << rules[b].ToString();
    }
  }
}

std::vector<FieldRule> IntegerRules() {
  std::vector<FieldRule> rules = {FieldRule::Pass()};
  for (const int band : {0, 1, 2, 3, 5, 6, 10}) {
    for (const int cap : {99, -7, 0, 5, 12, 15}) {
      for (const int floor : {-99, -8, -5, 0, 5, 12, 15}) {
        std::string text;
        if (band > 0) absl::StrAppend(&text, " band: ", band);
        if (cap != 99) absl::StrAppend(&text, " cap: ", cap);
        if (floor != -99) absl::StrAppend(&text, " floor: ", floor);
        if (text.empty() || (cap != 99 && floor != -99 && floor > cap)) continue;
        rules.push_back(Rule("generalize {" + text + "}"));
      }
    }
  }
  return rules;
}

TEST(AtLeastAsStrong, OfIntegersIsThatOneResultFollowsFromTheOther) {
  std::vector<int64_t> domain;
  for (int64_t n = -64; n <= 64; ++n) domain.push_back(n);
  ExpectOrder(ProbeField("int64"), IntegerRules(), domain, [](const FieldTransform& t, int64_t n) {
    return absl::StrCat(t.kind() == FieldRule::Kind::kPass ? n : t.Signed(n));
  });
}

TEST(AtLeastAsStrong, OfUnsignedIntegersEndsAtZero) {
  std::vector<FieldRule> rules;
  for (const FieldRule& rule : IntegerRules()) {
    if (Fits(rule, ProbeField("uint64")).ok()) rules.push_back(rule);
  }
  std::vector<uint64_t> domain;
  for (uint64_t n = 0; n <= 64; ++n) domain.push_back(n);
  ExpectOrder(ProbeField("uint64"), rules, domain, [](const FieldTransform& t, uint64_t n) {
    return absl::StrCat(t.kind() == FieldRule::Kind::kPass ? n : t.Unsigned(n));
  });
}

TEST(AtLeastAsStrong, OfDatesIsThatOneResultFollowsFromTheOther) {
  std::vector<FieldRule> rules = {FieldRule::Pass(),
                                  Rule("generalize { to: DATE_PRECISION_MONTH }")};
  for (const int band : {0, 1, 5, 10, 15}) {
    for (const int cap : {0, 1990, 1992, 2004}) {
      for (const int floor : {0, 1975, 1980, 1990}) {
        std::string text = "to: DATE_PRECISION_YEAR";
        if (band > 0) absl::StrAppend(&text, " band: ", band);
        if (cap > 0) absl::StrAppend(&text, " cap: ", cap);
        if (floor > 0) absl::StrAppend(&text, " floor: ", floor);
        rules.push_back(Rule("generalize {" + text + "}"));
      }
    }
  }
  std::vector<CivilDate> domain;
  for (int year = 1940; year <= 2030; ++year) {
    for (int month = 0; month <= 12; ++month) {
      domain.push_back({year, month, 0});
      if (month > 0) domain.insert(domain.end(), {{year, month, 1}, {year, month, 28}});
    }
  }
  domain.insert(domain.end(), {{1, 0, 0}, {2, 0, 0}, {9999, 12, 31}});
  ExpectOrder(ProbeField("date"), rules, domain, [](const FieldTransform& t, CivilDate date) {
    const CivilDate d = t.Date(date);
    return absl::StrCat(d.year, "-", d.month, "-", d.day);
  });
}

TEST(AtLeastAsStrong, OfPrefixesIsThatOneResultFollowsFromTheOther) {
  std::vector<std::string> domain = {""};
  for (size_t i = 0; i < domain.size(); ++i) {
    if (domain[i].size() >= 5) continue;
    domain.push_back(domain[i] + "a");
    domain.push_back(domain[i] + "b");
  }
  std::vector<FieldRule> rules = {FieldRule::Pass()};
  for (const int n : {1, 2, 3, 4}) {
    rules.push_back(Rule(absl::StrCat("generalize { keep_prefix: ", n, " }")));
  }
  ExpectOrder(ProbeField("text"), rules, domain, [](const FieldTransform& t, const std::string& s) {
    return std::string(t.kind() == FieldRule::Kind::kPass ? s : t.Prefix(s));
  });
}

TEST(AtLeastAsStrong, OfPostalCodesIsThatOneResultFollowsFromTheOther) {
  std::vector<std::string> domain;
  for (int zip = 0; zip < 100000; zip += 37) domain.push_back(absl::StrCat(100000 + zip).substr(1));
  ExpectOrder(ProbeField("postal_code"),
              {FieldRule::Pass(), Rule("generalize { zip3: 'CENSUS_2000' }")}, domain,
              [](const FieldTransform& t, const std::string& s) {
                if (t.kind() == FieldRule::Kind::kPass) return s;
                const auto area = t.Zip3(s).value();
                return std::string(area.data(), area.size());
              });
}

// Two coarser sets and a hierarchy whose levels one of the sets maps to.
constexpr char kLetters[] =
    "code_set\tLetter\n"
    "coarser\tSHAPE\turi://t/S#Other\n"
    "coarser\tPAIR\turi://t/P#Other\n"
    "hierarchy\tHALF\turi://t/Q#Other\turi://t/H#Other\n"
    "code\turi://t/L#A\turi://t/S#Pointed\turi://t/P#AB\turi://t/Q#AB\turi://t/H#First\n"
    "code\turi://t/L#B\turi://t/S#Round\turi://t/P#AB\turi://t/Q#AB\turi://t/H#First\n"
    "code\turi://t/L#C\turi://t/S#Round\turi://t/P#CD\turi://t/Q#CD\turi://t/H#First\n"
    "code\turi://t/L#D\turi://t/S#Round\turi://t/P#CD\turi://t/Q#CD\turi://t/H#First\n"
    "code\turi://t/L#E\turi://t/S#Pointed\turi://t/P#EF\turi://t/Q#EF\turi://t/H#Second\n"
    "code\turi://t/L#F\turi://t/S#Pointed\turi://t/P#EF\turi://t/Q#EF\turi://t/H#Second\n";

TEST(AtLeastAsStrong, OfCodesIsThatOneResultFollowsFromTheOther) {
  const CodeSet letters = CodeSet::Parse("Letter.tsv", kLetters).value();
  Field field = ProbeField("subject_area");
  field.code_set = &letters;
  std::vector<std::string> domain = letters.codes();
  domain.insert(domain.end(), {"uri://t/L#Unknown", "uri://t/L#Also unknown"});
  ExpectOrder(
      field,
      {FieldRule::Pass(), Rule("generalize { code_set: 'SHAPE' }"),
       Rule("generalize { code_set: 'PAIR' }"), Rule("generalize { hierarchy: 'HALF' level: 1 }"),
       Rule("generalize { hierarchy: 'HALF' level: 2 }")},
      domain, [](const FieldTransform& t, const std::string& s) {
        return std::string(t.kind() == FieldRule::Kind::kPass ? s : t.Code(s));
      });
  EXPECT_TRUE(AtLeastAsStrong(Rule("generalize { hierarchy: 'HALF' level: 2 }"),
                              Rule("generalize { code_set: 'PAIR' }"), field));
}

TEST(AtLeastAsStrong, APseudonymIsStrongerThanPassAndComparableWithNothingElse) {
  const Field& id = ProbeField("id");
  const FieldRule pseudonym = FieldRule::Pseudonymize();
  const FieldRule prefix = Rule("generalize { keep_prefix: 2 }");
  EXPECT_TRUE(AtLeastAsStrong(pseudonym, FieldRule::Pass(), id));
  EXPECT_TRUE(AtLeastAsStrong(pseudonym, pseudonym, id));
  EXPECT_FALSE(AtLeastAsStrong(FieldRule::Pass(), pseudonym, id));
  EXPECT_FALSE(AtLeastAsStrong(pseudonym, prefix, id));
  EXPECT_FALSE(AtLeastAsStrong(prefix, pseudonym, id));
}

TEST(AtLeastAsStrong, APlaceBeyondTheTypeIsNoPlace) {
  const Field& field = ProbeField("int32");
  const auto max = std::numeric_limits<int32_t>::max();
  EXPECT_TRUE(AtLeastAsStrong(FieldRule::Pass(), Rule(absl::StrCat("generalize { cap: ", max, "}")),
                              field));
  EXPECT_FALSE(AtLeastAsStrong(FieldRule::Pass(),
                               Rule(absl::StrCat("generalize { cap: ", max - 1, "}")), field));
}

}  // namespace
}  // namespace sluice::policy
