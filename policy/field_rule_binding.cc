#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/mou_binding.h"
#include "policy/suggest.h"

namespace sluice::policy {
namespace {

void RefuseReserved(YamlBinder& binder, const YamlNode& node, absl::string_view path,
                    absl::string_view rule) {
  const Place place = node.key.empty() ? node.place : node.key_place;
  binder.Report("P029", place, path,
                absl::StrCat("rule \"", rule, "\" is not available in this version of Sluice"));
}

bool IsReserved(absl::string_view rule) { return rule == "shift" || rule == "token"; }

void BindGeneralize(YamlBinder& binder, const YamlNode& node, absl::string_view path,
                    v1::Generalize& rule) {
  YamlMapping map(
      binder, node, path,
      {"to", "band", "cap", "floor", "keep_prefix", "zip3", "code_set", "hierarchy", "level"});
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMostLevels = 1000;
  if (const YamlNode* n = map.Find("to")) {
    rule.set_to(static_cast<v1::DatePrecision>(BindEnum(
        binder, *n, map.PathOf("to"), *v1::DatePrecision_descriptor(), "DATE_PRECISION_")));
  }
  const auto integer = [&](const char* key, int64_t least, int64_t most) -> std::optional<int64_t> {
    const YamlNode* n = map.Find(key);
    if (n == nullptr) return std::nullopt;
    return binder.Integer(*n, map.PathOf(key), least, most);
  };
  const auto name = [&](const char* key) -> std::optional<std::string> {
    const YamlNode* n = map.Find(key);
    if (n == nullptr) return std::nullopt;
    return binder.Plain(*n, map.PathOf(key), "a name");
  };
  if (const auto v = integer("band", 1, kMost)) rule.set_band(*v);
  if (const auto v = integer("cap", kLeast, kMost)) rule.set_cap(*v);
  if (const auto v = integer("floor", kLeast, kMost)) rule.set_floor(*v);
  if (const auto v = integer("keep_prefix", 1, kMostLevels)) rule.set_keep_prefix(*v);
  if (const auto v = integer("level", 1, kMostLevels)) rule.set_level(*v);
  if (auto v = name("zip3")) rule.set_zip3(*v);
  if (auto v = name("code_set")) rule.set_code_set(*v);
  if (auto v = name("hierarchy")) rule.set_hierarchy(*v);
}

}  // namespace

std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor& type,
                                   absl::string_view prefix) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name().substr(prefix.size()));
  }
  return names;
}

int BindEnum(YamlBinder& binder, const YamlNode& node, absl::string_view path,
             const google::protobuf::EnumDescriptor& type, absl::string_view prefix) {
  const std::vector<std::string> names = EnumNames(type, prefix);
  const std::string expected = absl::StrCat("one of ", absl::StrJoin(names, ", "));
  const std::optional<std::string> text = binder.Plain(node, path, expected);
  if (!text.has_value()) return 0;
  for (const std::string& name : names) {
    if (name == *text) return type.FindValueByName(absl::StrCat(prefix, name))->number();
  }
  binder.Report(binder.ids().unknown, node.place, path,
                absl::StrCat("unknown value \"", *text, "\"", DidYouMean(*text, names)),
                absl::StrCat("it is ", expected));
  return 0;
}

v1::FieldRule BindFieldRule(YamlBinder& binder, const YamlNode& node, absl::string_view path) {
  v1::FieldRule rule;
  if (node.kind == YamlNode::Kind::kScalar) {
    const std::optional<std::string> text = binder.Plain(node, path, "a field rule");
    if (!text.has_value()) return rule;
    if (*text == "pass") {
      rule.mutable_pass();
    } else if (*text == "pseudonymize") {
      rule.mutable_pseudonymize();
    } else if (IsReserved(*text)) {
      RefuseReserved(binder, node, path, *text);
    } else if (*text == "drop") {
      binder.Report(binder.ids().unknown, node.place, path, "unknown rule \"drop\"",
                    "a field that is not listed is dropped: remove the line");
    } else {
      binder.Report(binder.ids().unknown, node.place, path,
                    absl::StrCat("unknown rule \"", *text, "\"",
                                 DidYouMean(*text, {"pass", "pseudonymize", "generalize"})),
                    "a rule is pass, pseudonymize, or generalize with its parameters");
    }
    return rule;
  }
  if (node.kind != YamlNode::Kind::kMapping || node.children.size() != 1) {
    binder.ReportType(node, path, "one field rule");
    return rule;
  }
  const YamlNode& child = node.children[0];
  if (IsReserved(child.key)) {
    RefuseReserved(binder, child, path, child.key);
    return rule;
  }
  if (child.key == "pass" || child.key == "pseudonymize") {
    binder.Report(binder.ids().type, child.key_place, path,
                  absl::StrCat("rule \"", child.key, "\" has no parameters"),
                  absl::StrCat("write \"", child.key, "\" alone"));
    return rule;
  }
  const std::string inside = JoinPath(path, "generalize");
  YamlMapping map(binder, node, path, {"generalize"});
  if (const YamlNode* n = map.Find("generalize")) {
    BindGeneralize(binder, *n, inside, *rule.mutable_generalize());
  }
  return rule;
}

}  // namespace sluice::policy
