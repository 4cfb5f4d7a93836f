#include "policy/mou_format.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/message_differencer.h"
#include "policy/mou_layout.h"
#include "policy/suggest.h"
#include "policy/yaml_binder.h"
#include "policy/yaml_comments.h"
#include "policy/yaml_scalar.h"

namespace sluice::policy {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kIndent = 2;

bool IsScalar(const CommentedNode& node) { return node.kind == YamlNode::Kind::kScalar; }

bool IsMapping(const CommentedNode& node) { return node.kind == YamlNode::Kind::kMapping; }

// Puts keys in order, at every depth.
void Arrange(CommentedNode& node, const Layout& layout) {
  if (IsMapping(node)) {
    std::stable_sort(node.children.begin(), node.children.end(),
                     [&](const CommentedNode& a, const CommentedNode& b) {
                       return layout.RankOf(a.key) < layout.RankOf(b.key);
                     });
  }
  for (CommentedNode& child : node.children) Arrange(child, layout.Of(child.key));
}

CommentedNode& ChildOf(CommentedNode& mapping, absl::string_view key, YamlNode::Kind kind) {
  for (CommentedNode& child : mapping.children) {
    if (child.key == key) return child;
  }
  CommentedNode& child = mapping.children.emplace_back();
  child.kind = kind;
  child.key = std::string(key);
  return child;
}

void SetPins(CommentedNode& root, const TypePins& pins) {
  for (const auto& [type, digest] : pins) {
    CommentedNode& catalog = ChildOf(root, "catalog", YamlNode::Kind::kMapping);
    ChildOf(catalog, type, YamlNode::Kind::kScalar).scalar = digest;
  }
}

// Writes a tree in its order. `column` is where a node's key, or an item's dash, stands.
class MouWriter {
 public:
  std::string Write(const CommentedNode& root);

 private:
  void WriteItem(const CommentedNode& node, const Layout& layout, size_t column);
  // Behind `head`: "key:", or a dash.
  void WriteValue(const CommentedNode& node, const Layout& layout, const std::string& head,
                  size_t column);
  // `dash`: what the first child stands behind, if anything.
  void WriteChildren(const CommentedNode& node, const Layout& layout, size_t column,
                     absl::string_view dash = "");
  void WriteLines(const std::vector<std::string>& lines, size_t column);
  void WriteLine(absl::string_view line);

  // The value as it stands behind `head` on its line; nothing if it takes several lines.
  std::optional<std::string> OnLineOf(absl::string_view head, const CommentedNode& node,
                                      const Layout& layout) const;
  // On one line of any length; nothing if it has comments inside, or must not stand so.
  std::optional<std::string> OnOneLine(const CommentedNode& node, const Layout& layout,
                                       bool in_flow) const;
  std::optional<std::string> ScalarOnOneLine(const CommentedNode& node, const Layout& layout,
                                             bool in_flow) const;

  std::string text_;
  bool blank_line_ = false;  // is wanted before the next line
  bool opened_ = true;       // the line before opened a collection, or there is none
};

std::string MouWriter::Write(const CommentedNode& root) {
  WriteLines(root.above, 0);
  if (!root.beside.empty()) WriteLine(root.beside);
  WriteChildren(root, MouLayout(), 0);
  return std::move(text_);
}

void MouWriter::WriteChildren(const CommentedNode& node, const Layout& layout, size_t column,
                              absl::string_view dash) {
  const std::string blanks(column, ' ');
  for (const CommentedNode& child : node.children) {
    const Layout& its = layout.Of(child.key);
    const bool behind_dash = !dash.empty() && &child == &node.children.front();
    if (!behind_dash) WriteLines(child.above, column);
    if (IsMapping(node)) {
      const absl::string_view lead = behind_dash ? dash : absl::string_view(blanks);
      WriteValue(child, its, absl::StrCat(lead, child.key, ":"), column);
    } else {
      WriteItem(child, its, column);
    }
  }
  WriteLines(node.below, column);
}

void MouWriter::WriteItem(const CommentedNode& node, const Layout& layout, size_t column) {
  const std::string dash = std::string(column, ' ') + "-";
  if (!IsMapping(node) || OnLineOf(dash, node, layout).has_value()) {
    return WriteValue(node, layout, dash, column);
  }
  // The first key stands behind the dash. What would stand between the two stands above both.
  if (!node.beside.empty()) WriteLines({node.beside}, column);
  const std::vector<std::string>& above = node.children.front().above;
  WriteLines({std::find_if(above.begin(), above.end(), [](auto& line) { return !line.empty(); }),
              above.end()},
             column);
  WriteChildren(node, layout, column + kIndent, dash + " ");
}

void MouWriter::WriteValue(const CommentedNode& node, const Layout& layout, const std::string& head,
                           size_t column) {
  const std::string beside = node.beside.empty() ? "" : "  " + node.beside;
  if (const auto value = OnLineOf(head, node, layout)) {
    return WriteLine(absl::StrCat(head, " ", *value, beside));
  }
  column += kIndent;
  if (!IsScalar(node)) {
    WriteLine(head + beside);
    opened_ = true;
    return WriteChildren(node, layout, column);
  }
  const std::vector<std::string> lines = *BlockScalar(node.scalar, kColumns - column);
  WriteLine(absl::StrCat(head, " ", lines.front(), beside));
  for (size_t i = 1; i < lines.size(); ++i) {
    absl::StrAppend(&text_, lines[i].empty() ? "" : std::string(column, ' '), lines[i], "\n");
  }
}

std::optional<std::string> MouWriter::OnLineOf(absl::string_view head, const CommentedNode& node,
                                               const Layout& layout) const {
  const std::optional<std::string> value = OnOneLine(node, layout, /*in_flow=*/false);
  const bool fits = value.has_value() && CharactersIn(head) + 1 + CharactersIn(*value) <= kColumns;
  if (fits) return value;
  if (!IsScalar(node)) return value.has_value() && node.children.empty() ? value : std::nullopt;
  const bool block =
      layout.text == Layout::Text::kProse && BlockScalar(node.scalar, kColumns).has_value();
  if (block) return std::nullopt;
  return value.has_value() ? value : QuotedScalar(node.scalar);
}

std::optional<std::string> MouWriter::OnOneLine(const CommentedNode& node, const Layout& layout,
                                                bool in_flow) const {
  if (IsScalar(node)) return ScalarOnOneLine(node, layout, in_flow);
  const bool mapping = IsMapping(node);
  if (node.children.empty()) return mapping ? "{}" : "[]";
  if (layout.is_block || !node.below.empty()) return std::nullopt;
  std::vector<std::string> parts;
  for (const CommentedNode& child : node.children) {
    const bool comments =
        !child.beside.empty() || std::any_of(child.above.begin(), child.above.end(),
                                             [](const std::string& line) { return !line.empty(); });
    if (comments) return std::nullopt;
    std::optional<std::string> value = OnOneLine(child, layout.Of(child.key), /*in_flow=*/true);
    if (!value.has_value()) return std::nullopt;
    parts.push_back(mapping ? absl::StrCat(child.key, ": ", *value) : *std::move(value));
  }
  const std::string inside = absl::StrJoin(parts, ", ");
  return mapping ? absl::StrCat("{", inside, "}") : absl::StrCat("[", inside, "]");
}

std::optional<std::string> MouWriter::ScalarOnOneLine(const CommentedNode& node,
                                                      const Layout& layout, bool in_flow) const {
  switch (layout.text) {
    case Layout::Text::kAsWritten:
      if (node.quoted) return QuotedScalar(node.scalar);
      if (in_flow && !IsPlainInFlow(node.scalar)) return std::nullopt;
      return node.scalar;
    case Layout::Text::kProse:
      // Lines are prose's own: they are not hidden in an escape.
      if (absl::StrContains(node.scalar, "\n")) return std::nullopt;
      break;
    case Layout::Text::kText:
      break;
  }
  return IsPlain(node.scalar, in_flow) ? node.scalar : QuotedScalar(node.scalar);
}

void MouWriter::WriteLines(const std::vector<std::string>& lines, size_t column) {
  for (const std::string& line : lines) {
    if (line.empty()) {
      blank_line_ = true;
    } else {
      WriteLine(std::string(column, ' ') + line);
    }
  }
}

void MouWriter::WriteLine(absl::string_view line) {
  absl::StrAppend(&text_, blank_line_ && !opened_ ? "\n" : "", line, "\n");
  blank_line_ = false;
  opened_ = false;
}

// What the pins make of it, and nothing else.
bool SaysTheSame(const MouDocument& before, const TypePins& pins, const MouDocument& after) {
  v1::Mou expected = before.mou();
  for (const auto& [type, digest] : pins) (*expected.mutable_catalog())[type] = digest;
  return after.well_formed() && after.quoted() == before.quoted() &&
         google::protobuf::util::MessageDifferencer::Equals(expected, after.mou());
}

}  // namespace

NamedTypes NamedTypesOf(const MouDocument& document, const Catalog& catalog) {
  NamedTypes named;
  std::vector<std::string> known;
  for (const RecordType* type : catalog.types()) known.push_back(type->name());
  std::set<std::string> seen;
  const auto name = [&](const std::string& record, const std::string& path) {
    if (record.empty() || !seen.insert(record).second) return;
    if (const RecordType* type = catalog.Find(record)) {
      named.pins.emplace_back(record, type->digest());
      return;
    }
    named.findings.push_back(
        {"P001", Severity::kError, document.file_name(), document.PlaceOf(path), path,
         absl::StrCat("unknown record \"", record, "\"", DidYouMean(record, known)),
         "a digest is known of types in the catalog only (`sluice catalog list`)"});
  };
  const v1::Mou& mou = document.mou();
  for (int i = 0; i < mou.grants_size(); ++i) {
    name(mou.grants(i).record(), JoinPath(IndexPath("grants", i), "record"));
  }
  for (int i = 0; i < mou.prohibitions_size(); ++i) {
    name(mou.prohibitions(i).record(), JoinPath(IndexPath("prohibitions", i), "record"));
  }
  const std::map<std::string, std::string> pinned(mou.catalog().begin(), mou.catalog().end());
  for (const auto& pin : pinned) name(pin.first, JoinPath("catalog", pin.first));
  return named;
}

absl::StatusOr<std::string> FormatMou(const MouDocument& document, const TypePins& pins) {
  if (!document.well_formed()) {
    return absl::FailedPreconditionError(absl::StrCat(document.file_name(), " is not well formed"));
  }
  const YamlRead read = ReadStrictYaml(document.file_name(), document.bytes());
  CommentedNode root = ReadComments(document.bytes(), *read.root);
  SetPins(root, pins);
  Arrange(root, MouLayout());
  std::string text = MouWriter().Write(root);
  if (const size_t most = YamlOptions().max_bytes; text.size() > most) {
    return absl::FailedPreconditionError(
        absl::StrCat("the canonical text of ", document.file_name(), " would be larger than ", most,
                     " bytes: split the document"));
  }
  const MouDocument after = MouDocument::Parse(document.file_name(), text).document;
  if (!SaysTheSame(document, pins, after)) {
    return absl::InternalError(
        absl::StrCat("the canonical text of ", document.file_name(),
                     " would not say the same; please report this with the file"));
  }
  return text;
}

}  // namespace sluice::policy
