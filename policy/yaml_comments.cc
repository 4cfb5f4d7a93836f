#include "policy/yaml_comments.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "policy/yaml_text.h"

namespace sluice::policy {
namespace {

// Walks the text once, along the tree. A `#` outside the scalars begins a comment: the parser has
// read the text already, so it can begin nothing else.
class CommentReader {
 public:
  explicit CommentReader(absl::string_view bytes) : bytes_(bytes), text_(bytes) {}

  CommentedNode Read(const YamlNode& root);

 private:
  // A line that waits for the node that it belongs to.
  struct Waiting {
    std::string comment;  // empty: a blank line
    int column;
  };
  // A block collection that ended behind the last node; what is indented so deep may be its own.
  struct Closed {
    int column;  // of its children
    CommentedNode* node;
  };

  void Visit(const YamlNode& node, int column, bool in_flow, CommentedNode& out);
  void VisitBlock(const YamlNode& node, CommentedNode& out);
  void VisitFlow(const YamlNode& node, CommentedNode& out);
  void VisitScalar(const YamlNode& node, CommentedNode& out);
  // Moves on, over what is no scalar; comments are taken up.
  void GoTo(size_t offset);
  void GoBehindBracket();
  void TakeBlankLine();
  void TakeComment();
  // Gives the waiting lines to a node that begins, or to collections that ended before it.
  void Begin(int column, std::vector<std::string>& lines);
  // The same inside of a node, where blank lines are nobody's.
  void MoveWaitingTo(std::vector<std::string>& lines);
  // The cursor goes behind the text's last character; blanks may differ, by folding.
  void SkipText(absl::string_view scalar);
  void SkipQuoted();
  // What stands beside from now on stands beside `node`.
  void EndAtCursor(CommentedNode& node);

  bool IsBlankBefore(size_t offset) const {
    const absl::string_view line = bytes_.substr(text_.LineStart(offset));
    return line.find_first_not_of(' ') >= offset - text_.LineStart(offset);
  }

  const absl::string_view bytes_;
  const YamlText text_;
  size_t cursor_ = 0;
  size_t end_ = 0;  // of the last node's text
  CommentedNode* last_ = nullptr;
  std::vector<Waiting> waiting_;
  std::vector<Closed> closed_;  // the innermost first
};

CommentedNode CommentReader::Read(const YamlNode& root) {
  CommentedNode read;
  Visit(root, 0, /*in_flow=*/false, read);
  GoTo(bytes_.size());
  Begin(-1, read.below);
  // The root begins where its first child does, which owns the lines behind the last blank one.
  const auto blank = std::find(read.above.rbegin(), read.above.rend(), std::string());
  std::vector<std::string> first(std::make_move_iterator(blank.base()),
                                 std::make_move_iterator(read.above.end()));
  read.above.erase(blank.base(), read.above.end());
  if (read.children.empty()) return read;
  std::vector<std::string>& above = read.children.front().above;
  above.insert(above.begin(), std::make_move_iterator(first.begin()),
               std::make_move_iterator(first.end()));
  return read;
}

void CommentReader::Visit(const YamlNode& node, int column, bool in_flow, CommentedNode& out) {
  out.kind = node.kind;
  out.quoted = node.style == YamlNode::Style::kQuoted;
  out.key = node.key;
  out.scalar = node.scalar;
  const size_t value = text_.OffsetOf(node.place);
  const size_t start = node.key.empty() ? value : text_.OffsetOf(node.key_place);
  GoTo(start);
  if (in_flow) {
    MoveWaitingTo(out.above);
  } else {
    Begin(column, out.above);
  }
  if (!node.key.empty()) {
    cursor_ = start + node.key.size();
    EndAtCursor(out);
  }
  const char byte = text_.At(value);
  if (node.kind == YamlNode::Kind::kScalar) return VisitScalar(node, out);
  if (byte == '[' || byte == '{') return VisitFlow(node, out);
  VisitBlock(node, out);
}

void CommentReader::VisitBlock(const YamlNode& node, CommentedNode& out) {
  // A sequence stands where its first dash does, and all its dashes stand below one another.
  const bool sequence = node.kind == YamlNode::Kind::kSequence;
  const int column = (sequence ? node.place : node.children.front().key_place).column - 1;
  out.children.resize(node.children.size());
  for (size_t i = 0; i < node.children.size(); ++i) {
    Visit(node.children[i], column, /*in_flow=*/false, out.children[i]);
  }
  closed_.push_back({column, &out});
}

void CommentReader::VisitFlow(const YamlNode& node, CommentedNode& out) {
  GoTo(text_.OffsetOf(node.place));
  MoveWaitingTo(out.above);
  ++cursor_;
  EndAtCursor(out);
  out.children.resize(node.children.size());
  for (size_t i = 0; i < node.children.size(); ++i) {
    Visit(node.children[i], 0, /*in_flow=*/true, out.children[i]);
  }
  GoBehindBracket();
  // Inside `[]` there is no room for a line.
  MoveWaitingTo(out.children.empty() ? out.above : out.below);
  EndAtCursor(out);
}

void CommentReader::VisitScalar(const YamlNode& node, CommentedNode& out) {
  GoTo(text_.OffsetOf(node.place));
  MoveWaitingTo(out.above);
  switch (node.style) {
    case YamlNode::Style::kPlain:
      SkipText(node.scalar);
      break;
    case YamlNode::Style::kQuoted:
      SkipQuoted();
      break;
    case YamlNode::Style::kBlock:
      // A comment may stand behind `|` or `>`, and nothing else that is not the text.
      ++cursor_;
      EndAtCursor(out);
      GoTo(std::min(bytes_.find('\n', cursor_), bytes_.size()));
      SkipText(node.scalar);
      break;
  }
  EndAtCursor(out);
}

void CommentReader::GoTo(size_t offset) {
  while (cursor_ < offset) {
    if (bytes_[cursor_] == '#') {
      TakeComment();
    } else {
      if (bytes_[cursor_] == '\n') TakeBlankLine();
      ++cursor_;
    }
  }
}

void CommentReader::GoBehindBracket() {
  while (cursor_ < bytes_.size() && bytes_[cursor_] != ']' && bytes_[cursor_] != '}') {
    GoTo(cursor_ + 1);
  }
  ++cursor_;
}

void CommentReader::TakeBlankLine() {
  if (IsBlankBefore(cursor_)) waiting_.push_back({"", 0});
}

void CommentReader::TakeComment() {
  const size_t begin = cursor_;
  cursor_ = std::min(bytes_.find('\n', begin), bytes_.size());
  std::string comment(absl::StripTrailingAsciiWhitespace(bytes_.substr(begin, cursor_ - begin)));
  if (IsBlankBefore(begin)) {
    waiting_.push_back({std::move(comment), text_.PlaceOf(begin).column - 1});
  } else if (last_ == nullptr || end_ <= text_.LineStart(begin)) {
    // Behind a dash alone: it belongs to the item that follows, however deep it stands.
    waiting_.push_back({std::move(comment), 0});
  } else if (last_->beside.empty()) {
    last_->beside = std::move(comment);
  } else {
    last_->above.push_back(std::move(comment));
  }
  // The line had a comment, and so is no blank one.
  if (cursor_ < bytes_.size()) ++cursor_;
}

void CommentReader::Begin(int column, std::vector<std::string>& lines) {
  int deepest = std::numeric_limits<int>::max();
  std::vector<std::string> blank;
  for (Waiting& line : waiting_) {
    if (line.comment.empty()) {
      blank.push_back("");
      continue;
    }
    // What stands below a line of an outer collection is not of an inner one any more.
    deepest = std::min(deepest, line.column);
    std::vector<std::string>* to = &lines;
    const auto owner = std::find_if(closed_.begin(), closed_.end(),
                                    [&](const Closed& closed) { return closed.column <= deepest; });
    if (deepest > column && owner != closed_.end()) to = &owner->node->below;
    to->insert(to->end(), blank.begin(), blank.end());
    to->push_back(std::move(line.comment));
    blank.clear();
  }
  lines.insert(lines.end(), blank.begin(), blank.end());
  waiting_.clear();
  closed_.clear();
}

void CommentReader::MoveWaitingTo(std::vector<std::string>& lines) {
  for (Waiting& line : waiting_) {
    if (!line.comment.empty()) lines.push_back(std::move(line.comment));
  }
  waiting_.clear();
}

void CommentReader::SkipText(absl::string_view scalar) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\n'; };
  for (char c : scalar) {
    if (is_blank(c)) continue;
    while (cursor_ < bytes_.size() && is_blank(bytes_[cursor_])) ++cursor_;
    ++cursor_;
  }
}

void CommentReader::SkipQuoted() {
  const char quote = bytes_[cursor_++];
  for (; cursor_ < bytes_.size(); ++cursor_) {
    if (bytes_[cursor_] == '\\' && quote == '"') {
      ++cursor_;
    } else if (bytes_[cursor_] == quote) {
      // Two single quotes stand for one.
      if (quote == '"' || text_.At(cursor_ + 1) != quote) break;
      ++cursor_;
    }
  }
  ++cursor_;
}

void CommentReader::EndAtCursor(CommentedNode& node) {
  cursor_ = std::min(cursor_, bytes_.size());
  end_ = cursor_;
  last_ = &node;
}

}  // namespace

CommentedNode ReadComments(absl::string_view bytes, const YamlNode& root) {
  return CommentReader(bytes).Read(root);
}

}  // namespace sluice::policy
