#include "policy/projector_cases.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"

namespace sluice::policy {

namespace {

const std::shared_ptr<const Catalog>& ProbeCatalog() {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(
      Catalog::Create({testing::Probe::descriptor()}, CodeSets::BuiltIn().value()).value());
  return *catalog;
}

const std::vector<FieldRule>& AllRules() {
  static const auto* const rules = [] {
    auto* const all = new std::vector<FieldRule>;
    for (const char* const text :
         {"pass {}", "pseudonymize {}", "generalize { to: DATE_PRECISION_MONTH }",
          "generalize { to: DATE_PRECISION_YEAR }",
          "generalize { to: DATE_PRECISION_YEAR band: 5 cap: 2010 floor: 1960 }",
          "generalize { to: DATE_PRECISION_YEAR band: 400 }", "generalize { band: 10 }",
          "generalize { band: 7 cap: 100 }", "generalize { cap: 65 floor: 3 }",
          "generalize { band: 9223372036854775807 }", "generalize { floor: 0 }",
          "generalize { keep_prefix: 1 }", "generalize { keep_prefix: 3 }",
          "generalize { zip3: 'CENSUS_2000' }", "generalize { code_set: 'RACE_GROUP' }",
          "generalize { hierarchy: 'SUBJECT_FAMILY' level: 1 }",
          "generalize { hierarchy: 'SUBJECT_FAMILY' level: 2 }",
          "generalize { hierarchy: 'GRADE_BAND' level: 1 }"}) {
      v1::FieldRule proto;
      if (!google::protobuf::TextFormat::ParseFromString(text, &proto)) std::abort();
      all->push_back(FieldRule::FromProto(proto).value());
    }
    return all;
  }();
  return *rules;
}

}  // namespace

ProjectorCases::ProjectorCases(uint64_t seed) : random_(seed) {}

const RecordType& ProjectorCases::ProbeType() { return *ProbeCatalog()->Find("Probe"); }

Pseudonymizer ProjectorCases::Pseudonyms() {
  Secret key(32);
  for (size_t i = 0; i < key.size(); ++i) key.mutable_bytes()[i] = static_cast<uint8_t>(3 * i);
  return Pseudonymizer::Create(key).value();
}

std::shared_ptr<const Plan> ProjectorCases::NextPlan() {
  auto plan = std::make_shared<Plan>();
  plan->catalog = ProbeCatalog();
  plan->type = &ProbeType();
  plan->mou = "mou";
  plan->recipient = "recipient";
  const std::vector<const Field*>& leaves = plan->type->leaves();
  // Grants share the rule of a field unless the plan is one of the few with conflicts.
  std::vector<FieldRule> rules;
  for (const Field* const leaf : leaves) rules.push_back(NextRule(*leaf));
  const bool conflicts = Chance(10);
  const int density = Chance(50) ? 15 : 60;
  const int grants = static_cast<int>(Below(4)) + (Chance(3) ? 70 : 0);
  for (int g = 0; g <= grants; ++g) {
    std::vector<PlanField> fields;
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (!Chance(density)) continue;
      fields.push_back({leaves[i], conflicts && Chance(5) ? NextRule(*leaves[i]) : rules[i]});
    }
    plan->grants.push_back({absl::StrCat("g", g), Chance(85) ? "owner" : "other",
                            NextBox(Box::Unset::kExcluded, 60), std::move(fields), 1});
  }
  const int prohibitions = Chance(50) ? 0 : static_cast<int>(Below(3)) + 1;
  for (int p = 0; p < prohibitions; ++p) {
    std::optional<std::vector<const Field*>> fields;
    if (Chance(90)) {
      fields.emplace();
      for (const Field* const leaf : leaves) {
        if (Chance(10)) fields->push_back(leaf);
      }
    }
    std::vector<std::string> owners;
    if (Chance(50)) owners.push_back(Chance(70) ? "owner" : "other");
    plan->prohibitions.push_back({absl::StrCat("p", p), std::move(owners),
                                  NextBox(Box::Unset::kIncluded, 80), std::move(fields)});
  }
  return plan;
}

std::vector<std::string> ProjectorCases::NextMask(const Plan& plan) {
  std::vector<std::string> mask;
  if (Chance(70)) return mask;
  for (const PlanGrant& grant : plan.grants) {
    if (grant.owner != "owner") continue;
    for (const PlanField& field : grant.fields) {
      if (Chance(50)) mask.push_back(field.field->path);
    }
  }
  return mask;
}

Box ProjectorCases::NextBox(Box::Unset unset, int percent) {
  std::vector<const Field*> can;
  for (const Field* const leaf : ProbeType().leaves()) {
    const bool kind = leaf->kind == FieldKind::kInteger || leaf->kind == FieldKind::kBool ||
                      leaf->kind == FieldKind::kDate || leaf->kind == FieldKind::kCode;
    if (kind && leaf->singular_path) can.push_back(leaf);
  }
  std::vector<Box::Constraint> constraints;
  for (int i = 0; i < 3 && Chance(percent); ++i) {
    const Field* const field = OneOf(can);
    const bool twice = std::any_of(constraints.begin(), constraints.end(),
                                   [&](const auto& c) { return c.field == field; });
    if (!twice) constraints.push_back({field, NextValues(*field)});
  }
  return Box(std::move(constraints), unset);
}

ValueSet ProjectorCases::NextValues(const Field& field) {
  if (field.kind == FieldKind::kCode) {
    std::vector<std::string> codes;
    for (const std::string& code : field.code_set->codes()) {
      if (Chance(60)) codes.push_back(code);
    }
    return ValueSet::Codes(std::move(codes));
  }
  if (field.kind == FieldKind::kDate) {
    return ValueSet::Interval(
        Chance(80) ? std::optional<int64_t>(19700101 + Below(20) * 10000) : std::nullopt,
        Chance(30) ? std::optional<int64_t>(20000229) : std::nullopt);
  }
  if (field.kind == FieldKind::kBool) return ValueSet::Numbers({static_cast<int64_t>(Below(2))});
  const int64_t from = static_cast<int64_t>(Below(40)) - 20;
  return ValueSet::Interval(Chance(80) ? std::optional<int64_t>(from) : std::nullopt,
                            Chance(40) ? std::optional<int64_t>(from + 60) : std::nullopt);
}

FieldRule ProjectorCases::NextRule(const Field& field) {
  std::vector<FieldRule> fitting;
  for (const FieldRule& rule : AllRules()) {
    if (Fits(rule, field).ok()) fitting.push_back(rule);
  }
  return OneOf(fitting);
}

int64_t ProjectorCases::NextNumber() {
  switch (Below(5)) {
    case 0:
      return 0;
    case 1:
      return static_cast<int64_t>(Below(200)) - 100;
    case 2:
      return static_cast<int64_t>(random_());
    case 3:
      return OneOf(std::vector<int64_t>{INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -1});
    default:
      return static_cast<int64_t>(Below(40));
  }
}

std::string ProjectorCases::NextCode(const Field& field) {
  if (Chance(10)) return "uri://elsewhere/SexDescriptor#Other";
  return OneOf(field.code_set->codes());
}

std::string ProjectorCases::NextText() {
  std::string text;
  for (uint64_t n = Below(Chance(5) ? 200 : 12); n > 0; --n) {
    text += OneOf(std::vector<std::string>{"a", "B", " ", "0", "é", "e\u0301", "日", "😀", "\n"});
  }
  return text;
}

void ProjectorCases::FillDate(google::type::Date* date) {
  date->set_year(Chance(95) ? 1950 + static_cast<int>(Below(80)) : static_cast<int>(NextNumber()));
  if (Chance(10)) return;
  date->set_month(1 + static_cast<int>(Below(Chance(99) ? 12 : 14)));
  if (Chance(10)) return;
  date->set_day(1 + static_cast<int>(Below(Chance(97) ? 28 : 32)));
}

void ProjectorCases::FillInner(testing::Inner* inner) {
  if (Chance(40)) inner->set_person(NextText());
  if (Chance(50)) inner->set_number(static_cast<int32_t>(NextNumber()));
  if (Chance(50)) FillDate(inner->mutable_date());
  if (Chance(50)) inner->set_grade(NextCode(*ProbeType().Find("inner.grade")));
  if (Chance(50)) {
    testing::Innermost* const deep = inner->mutable_deep();
    if (Chance(50)) deep->set_name(NextText());
    if (Chance(50)) deep->set_flag(Chance(50));
    if (Chance(50)) deep->set_sex(NextCode(*ProbeType().Find("inner.deep.sex")));
  }
  while (Chance(30)) inner->add_words(NextText());
}

testing::Probe ProjectorCases::NextProbe() {
  testing::Probe p;
  if (Chance(90)) p.set_id(NextText());
  while (Chance(30)) p.add_others(NextText());
  if (Chance(60)) p.set_int32(static_cast<int32_t>(NextNumber()));
  if (Chance(60)) p.set_int64(NextNumber());
  if (Chance(60)) p.set_uint32(static_cast<uint32_t>(NextNumber()));
  if (Chance(60)) p.set_uint64(static_cast<uint64_t>(NextNumber()) >> (Chance(90) ? 1 : 0));
  if (Chance(60)) p.set_sint32(static_cast<int32_t>(NextNumber()));
  if (Chance(60)) p.set_sint64(NextNumber());
  if (Chance(60)) p.set_fixed32(static_cast<uint32_t>(NextNumber()));
  if (Chance(60)) p.set_fixed64(static_cast<uint64_t>(NextNumber()) >> (Chance(90) ? 1 : 0));
  if (Chance(60)) p.set_sfixed32(static_cast<int32_t>(NextNumber()));
  if (Chance(60)) p.set_sfixed64(NextNumber());
  if (Chance(60)) p.set_bool_(Chance(50));
  while (Chance(40)) p.add_packed(static_cast<int32_t>(NextNumber()));
  while (Chance(40)) p.add_packed_sint64(NextNumber());
  while (Chance(40)) p.add_packed_fixed32(static_cast<uint32_t>(NextNumber()));
  while (Chance(40)) p.add_unpacked(NextNumber());
  while (Chance(40)) p.add_flags(Chance(50));
  if (Chance(60)) FillDate(p.mutable_date());
  while (Chance(30)) FillDate(p.add_dates());
  const std::vector<std::string> decimals = {"1", "-12.50", "3e2", "+.5", "0", "7."};
  if (Chance(60)) p.mutable_decimal()->set_value(Chance(98) ? OneOf(decimals) : NextText());
  while (Chance(30)) p.add_decimals()->set_value(OneOf(decimals));
  if (Chance(60)) p.set_text(NextText());
  while (Chance(30)) p.add_texts(NextText());
  if (Chance(60)) p.set_subject_area(NextCode(*ProbeType().Find("subject_area")));
  while (Chance(40)) p.add_race(NextCode(*ProbeType().Find("race")));
  const std::vector<std::string> postal = {"37203",  "03601", "3601",     "37203-1234",
                                           " 37203", "601",   "372031234"};
  if (Chance(60)) p.set_postal_code(Chance(97) ? OneOf(postal) : NextText());
  if (Chance(60)) FillInner(p.mutable_inner());
  while (Chance(40)) FillInner(p.add_inners());
  if (Chance(60)) p.set_padded("00042");
  if (Chance(60)) p.set_far(NextText());
  return p;
}

std::string ProjectorCases::Mutated(std::string bytes) {
  for (uint64_t n = Below(3) + 1; n > 0; --n) {
    const size_t at = Below(bytes.size() + 1);
    const size_t length = Below(bytes.size() - at + 1);
    switch (Below(6)) {
      case 0:  // another byte
        if (at < bytes.size()) bytes[at] = static_cast<char>(random_());
        break;
      case 1:  // another bit
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << Below(8));
        break;
      case 2:
        bytes.erase(at, Chance(80) ? std::min<size_t>(length, 4) : length);
        break;
      case 3:
        bytes.insert(at, bytes.substr(Below(bytes.size() + 1), Below(12)));
        break;
      case 4:  // a field that the type does not know, at the end
        bytes += OneOf(std::vector<std::string>{
            std::string("\xf8\x7f\x05", 3), std::string("\xfa\x7f\x02hi", 5),
            std::string("\xfd\x7f\x01\x02\x03\x04", 6), std::string("\xfb\x7f\xfc\x7f", 4)});
        break;
      case 5:  // a field that the type does not know, in front
        bytes.insert(0, OneOf(std::vector<std::string>{std::string("\xf8\x7f\x05", 3),
                                                       std::string("\xf8\x7f\x85\x00", 4)}));
        break;
    }
  }
  return bytes;
}

std::vector<SubjectId> ProjectorCases::NextSubjects(size_t count) {
  std::vector<SubjectId> subjects(count);
  for (SubjectId& subject : subjects) {
    for (uint8_t& byte : subject.bytes) byte = static_cast<uint8_t>(random_());
  }
  return subjects;
}

size_t ProjectorCases::CountSubjects(const testing::Probe& probe) {
  size_t count = probe.has_id() + static_cast<size_t>(probe.others_size());
  if (probe.inner().has_person()) ++count;
  for (const testing::Inner& inner : probe.inners()) count += inner.has_person();
  return count;
}

}  // namespace sluice::policy
