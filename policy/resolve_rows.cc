#include "policy/resolve_rows.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/resolve.h"
#include "policy/strict_yaml.h"
#include "policy/suggest.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {
namespace {

class ConstraintResolver {
 public:
  ConstraintResolver(const MouDocument& document, const Field& field, absl::string_view path)
      : document_(document), field_(field), path_(path) {}

  ResolvedConstraint Run(const v1::Constraint& constraint);

 private:
  void Error(absl::string_view id, absl::string_view path, std::string message,
             std::string hint = "") {
    resolved_.findings.push_back(
        FindingAt(document_, id, Severity::kError, path, std::move(message), std::move(hint)));
  }
  std::optional<std::string> CodeOf(const std::string& value, absl::string_view path);
  std::optional<int64_t> NumberOf(const std::string& value, absl::string_view path);
  void NumbersOf(const v1::Constraint& constraint);
  void CodesOf(const v1::Constraint& constraint);
  bool Fits(const v1::Constraint& constraint);

  const MouDocument& document_;
  const Field& field_;
  const std::string path_;
  ResolvedConstraint resolved_;
};

std::optional<std::string> ConstraintResolver::CodeOf(const std::string& value,
                                                      absl::string_view path) {
  if (value.empty()) return std::nullopt;
  const CodeSet& set = *field_.code_set;
  if (absl::StartsWith(value, "uri://")) {
    if (set.Contains(value)) return value;
    Error("P005", path,
          absl::StrCat("grant can never match: value \"", value, "\" is not in code set ",
                       set.name(), DidYouMean(value, set.codes())));
    return std::nullopt;
  }
  const std::vector<std::string> codes = set.Resolve(value);
  if (codes.size() == 1) return codes[0];
  if (codes.empty()) {
    std::vector<std::string> known;
    for (const std::string& code : set.codes()) known.push_back(CodeSet::ShortName(code));
    Error("P028", path,
          absl::StrCat("short name \"", value, "\" stands for no code of ", set.name(),
                       DidYouMean(value, known)));
  } else {
    Error("P028", path,
          absl::StrCat("short name \"", value, "\" stands for several codes of ", set.name(), ": {",
                       absl::StrJoin(codes, ", "), "}"),
          "write the code out");
  }
  return std::nullopt;
}

// Types the value as the reader of the file would, had it known the field.
std::optional<int64_t> ConstraintResolver::NumberOf(const std::string& value,
                                                    absl::string_view path) {
  if (value.empty()) return std::nullopt;
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.style = document_.IsQuoted(path) ? YamlNode::Style::kQuoted : YamlNode::Style::kPlain;
  node.place = document_.PlaceOf(path);
  node.scalar = value;
  YamlBinder binder(document_.file_name());
  std::optional<int64_t> number;
  if (field_.kind == FieldKind::kDate) {
    if (const auto day = binder.Date(node, path)) number = DateNumber(*day);
  } else if (field_.kind == FieldKind::kBool) {
    if (const auto truth = binder.Bool(node, path)) number = *truth ? 1 : 0;
  } else {
    number = binder.Integer(node, path, INT64_MIN, INT64_MAX);
  }
  for (Finding& finding : binder.TakeFindings()) resolved_.findings.push_back(std::move(finding));
  return number;
}

void ConstraintResolver::CodesOf(const v1::Constraint& constraint) {
  std::vector<std::string> codes;
  for (int i = 0; i < constraint.in_size(); ++i) {
    const auto code = CodeOf(constraint.in(i), IndexPath(JoinPath(path_, "in"), i));
    if (code.has_value()) codes.push_back(*code);
  }
  if (resolved_.findings.empty()) resolved_.values = ValueSet::Codes(std::move(codes));
}

void ConstraintResolver::NumbersOf(const v1::Constraint& constraint) {
  if (!constraint.has_at_least() && !constraint.has_below()) {
    std::vector<int64_t> numbers;
    for (int i = 0; i < constraint.in_size(); ++i) {
      const auto number = NumberOf(constraint.in(i), IndexPath(JoinPath(path_, "in"), i));
      if (number.has_value()) numbers.push_back(*number);
    }
    if (resolved_.findings.empty()) resolved_.values = ValueSet::Numbers(std::move(numbers));
    return;
  }
  std::optional<int64_t> at_least, below;
  if (constraint.has_at_least()) {
    at_least = NumberOf(constraint.at_least(), JoinPath(path_, "at_least"));
  }
  if (constraint.has_below()) below = NumberOf(constraint.below(), JoinPath(path_, "below"));
  // An end that could not be read is not an open one.
  const bool read = at_least.has_value() == constraint.has_at_least() &&
                    below.has_value() == constraint.has_below();
  if (read) resolved_.values = ValueSet::Interval(at_least, below);
}

bool ConstraintResolver::Fits(const v1::Constraint& constraint) {
  const auto misfit = [&](absl::string_view hint) {
    Error("P008", path_,
          absl::StrCat("a constraint does not fit field \"", field_.path, "\" of kind ",
                       field_.singular_path ? "" : "repeated ", KindName(field_.kind)),
          std::string(hint));
    return false;
  };
  const bool interval = constraint.has_at_least() || constraint.has_below();
  if (!field_.singular_path) return misfit("rows are chosen by fields that stand once");
  switch (field_.kind) {
    case FieldKind::kInteger:
    case FieldKind::kDate:
      return true;
    case FieldKind::kBool:
    case FieldKind::kCode:
      return interval ? misfit("write a set: {in: [...]}") : true;
    case FieldKind::kString:
    case FieldKind::kPostalCode:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  return misfit("rows are chosen by integers, dates, true or false, and codes");
}

ResolvedConstraint ConstraintResolver::Run(const v1::Constraint& constraint) {
  if (!Fits(constraint)) return std::move(resolved_);
  if (field_.kind == FieldKind::kCode) {
    CodesOf(constraint);
  } else {
    NumbersOf(constraint);
  }
  if (resolved_.values.has_value() && resolved_.values->empty()) {
    Error("P005", path_, absl::StrCat("grant can never match: \"", path_, "\" is empty"));
  }
  return std::move(resolved_);
}

}  // namespace

absl::string_view KindName(FieldKind kind) {
  switch (kind) {
    case FieldKind::kString:
      return "string";
    case FieldKind::kCode:
      return "code";
    case FieldKind::kPostalCode:
      return "postal code";
    case FieldKind::kInteger:
      return "integer";
    case FieldKind::kBool:
      return "true or false";
    case FieldKind::kDate:
      return "date";
    case FieldKind::kDecimal:
      return "decimal";
    case FieldKind::kMessage:
      return "message";
  }
  return "unknown";
}

ResolvedConstraint ResolveConstraint(const MouDocument& document, const v1::Constraint& constraint,
                                     const Field& field, absl::string_view path) {
  return ConstraintResolver(document, field, path).Run(constraint);
}

}  // namespace sluice::policy
