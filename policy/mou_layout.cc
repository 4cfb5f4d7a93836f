#include "policy/mou_layout.h"

namespace sluice::policy {
namespace {

using Text = Layout::Text;

// Numbers, dates, codes, names of types and fields; the values of a constraint, whose quotes mean
// something.
constexpr Layout kAsWritten{};
constexpr Layout kText{.text = Text::kText};
constexpr Layout kProse{.text = Text::kProse};
constexpr Layout kTexts{.each = &kText};
constexpr Layout kList{.each = &kAsWritten};

constexpr Layout::Key kPartyKeys[] = {{"organization", &kText}, {"signatory_ca", &kText}};
constexpr Layout kParty{.keys = kPartyKeys};
constexpr Layout::Key kAuthorityKeys[] = {
    {"basis", &kAsWritten}, {"citation", &kProse}, {"representative", &kProse}};
constexpr Layout kAuthority{.keys = kAuthorityKeys};
constexpr Layout::Key kTermKeys[] = {
    {"effective", &kAsWritten}, {"expires", &kAsWritten}, {"time_zone", &kText}};
constexpr Layout kTerm{.keys = kTermKeys};
constexpr Layout::Key kObligationsKeys[] = {{"destroy_within_days", &kAsWritten},
                                            {"redisclosure", &kAsWritten},
                                            {"redisclose_to", &kTexts}};
constexpr Layout kObligations{.keys = kObligationsKeys};

constexpr Layout::Key kGeneralizeKeys[] = {
    {"to", &kAsWritten},       {"band", &kAsWritten},        {"cap", &kAsWritten},
    {"floor", &kAsWritten},    {"keep_prefix", &kAsWritten}, {"zip3", &kAsWritten},
    {"code_set", &kAsWritten}, {"hierarchy", &kAsWritten},   {"level", &kAsWritten}};
constexpr Layout kGeneralize{.keys = kGeneralizeKeys};
constexpr Layout::Key kRuleKeys[] = {{"generalize", &kGeneralize}};
constexpr Layout kRule{.keys = kRuleKeys};
constexpr Layout kRules{.each = &kRule};
constexpr Layout kFields{.is_block = true, .each = &kRule};

constexpr Layout::Key kConstraintKeys[] = {
    {"in", &kList}, {"at_least", &kAsWritten}, {"below", &kAsWritten}};
constexpr Layout kConstraint{.keys = kConstraintKeys};
constexpr Layout kRows{.is_block = true, .each = &kConstraint};

constexpr Layout::Key kFloorKeys[] = {
    {"sensitivity", &kAsWritten}, {"purpose", &kText}, {"at_least", &kRules}};
constexpr Layout kFloor{.keys = kFloorKeys};

constexpr Layout::Key kGrantKeys[] = {
    {"name", &kText},     {"from", &kText},        {"to", &kTexts},
    {"purpose", &kText},  {"record", &kAsWritten}, {"rows", &kRows},
    {"fields", &kFields}, {"period", &kTerm},      {"operations", &kList}};
constexpr Layout kGrant{.is_block = true, .keys = kGrantKeys};

constexpr Layout::Key kProhibitionKeys[] = {
    {"name", &kText}, {"reason", &kProse},   {"from", &kTexts},
    {"to", &kTexts},  {"purposes", &kTexts}, {"record", &kAsWritten},
    {"rows", &kRows}, {"fields", &kList},    {"period", &kTerm}};
constexpr Layout kProhibition{.is_block = true, .keys = kProhibitionKeys};

constexpr Layout kCatalog{.is_block = true, .each = &kText};
constexpr Layout kParties{.is_block = true, .each = &kParty};
constexpr Layout kAuthorities{.is_block = true, .each = &kAuthority};
constexpr Layout kPurposes{.is_block = true, .each = &kProse};
constexpr Layout kFloors{.is_block = true, .each = &kFloor};
constexpr Layout kGrants{.is_block = true, .each = &kGrant};
constexpr Layout kProhibitions{.is_block = true, .each = &kProhibition};

constexpr Layout::Key kMouKeys[] = {
    {"mou", &kText},        {"version", &kAsWritten}, {"title", &kProse},
    {"catalog", &kCatalog}, {"parties", &kParties},   {"authority", &kAuthorities},
    {"term", &kTerm},       {"purposes", &kPurposes}, {"obligations", &kObligations},
    {"floors", &kFloors},   {"grants", &kGrants},     {"prohibitions", &kProhibitions}};
constexpr Layout kMou{.is_block = true, .keys = kMouKeys};

}  // namespace

const Layout& Layout::Of(absl::string_view key) const {
  const size_t rank = RankOf(key);
  if (rank < keys.size()) return *keys[rank].layout;
  return each == nullptr ? kAsWritten : *each;
}

size_t Layout::RankOf(absl::string_view key) const {
  size_t rank = 0;
  while (rank < keys.size() && keys[rank].name != key) ++rank;
  return rank;
}

const Layout& MouLayout() { return kMou; }

}  // namespace sluice::policy
