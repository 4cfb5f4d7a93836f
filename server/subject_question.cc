#include "server/subject_question.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "policy/canonical_form.h"

namespace sluice::server {

std::string ReportQuestion(const AskedSubject& asked) {
  return absl::StrCat(asked.id_space.substr(0, kMaxSubjectIdBytes), " ",
                      asked.source_system.substr(0, kMaxSubjectIdBytes), " ",
                      asked.id.substr(0, kMaxSubjectIdBytes));
}

SubjectQuestion::SubjectQuestion(const policy::Catalog& catalog, const AskedSubject& asked)
    : id_space_(asked.id_space) {
  for (const std::string& id : FormsOf(catalog, asked)) ids_.insert(absl::AsciiStrToLower(id));
  std::set<std::string> seen;
  for (const policy::RecordType* const type : catalog.types()) {
    Type its{type, {}, false};
    for (const policy::Field* const leaf : type->leaves()) {
      its.fields.push_back({leaf, policy::FieldRule::Pass()});
      if (leaf->names_subject()) id_spaces_.insert(leaf->id_space);
      if (leaf->id_space != id_space_) continue;
      its.has_ids = true;
      if (seen.insert(leaf->canonical_form.SerializeAsString()).second) {
        forms_.push_back(leaf->canonical_form);
      }
    }
    types_.push_back(std::move(its));
  }
  std::stable_partition(types_.begin(), types_.end(), [](const Type& t) { return t.has_ids; });
}

bool SubjectQuestion::IsId(absl::string_view id) const {
  if (ids_.contains(absl::AsciiStrToLower(id))) return true;
  return std::any_of(forms_.begin(), forms_.end(), [&](const v1::CanonicalForm& form) {
    const std::optional<std::string> canonical = policy::Canonical(id, form);
    return canonical.has_value() && ids_.contains(absl::AsciiStrToLower(*canonical));
  });
}

bool SubjectQuestion::IsIn(const policy::FilterNode& node) const {
  if (node.kind == policy::FilterNode::Kind::kComparison) {
    const policy::FilterComparison& it = node.comparison;
    return !it.presence && it.field->id_space == id_space_ && IsId(it.text);
  }
  return std::any_of(node.nodes.begin(), node.nodes.end(),
                     [this](const policy::FilterNode& part) { return IsIn(part); });
}

bool SubjectQuestion::IsMentioned(absl::string_view text) const {
  const std::string in = absl::AsciiStrToLower(text);
  const auto is_word = [&in](size_t at) {
    return at < in.size() && absl::ascii_isalnum(static_cast<unsigned char>(in[at]));
  };
  for (const std::string& id : ids_) {
    for (size_t at = in.find(id); at != in.npos; at = in.find(id, at + 1)) {
      if ((at == 0 || !is_word(at - 1)) && !is_word(at + id.size())) return true;
    }
  }
  return false;
}

bool SubjectQuestion::IsAskedBy(absl::string_view text) const {
  const size_t space = std::min(text.find(' '), text.size());
  const bool is_report = id_spaces_.contains(std::string(text.substr(0, space)));
  if (text.substr(0, space) == id_space_) {
    // The source comes before the id, and either may have spaces.
    for (size_t at = text.find(' ', space + 1); at != text.npos; at = text.find(' ', at + 1)) {
      if (IsId(text.substr(at + 1))) return true;
    }
  }
  bool is_filter = false;
  for (const Type& type : types_) {
    if (is_filter && !type.has_ids) return false;
    const absl::StatusOr<policy::FilterNode> filter =
        policy::ParseFilter(text, *type.type, type.fields);
    if (!filter.ok()) continue;
    is_filter = true;
    if (IsIn(*filter)) return true;
  }
  return !is_filter && !is_report && IsMentioned(text);
}

}  // namespace sluice::server
