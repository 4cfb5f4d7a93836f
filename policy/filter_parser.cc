#include "policy/filter_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "policy/canonical_form.h"

namespace sluice::policy {

namespace {

using Operator = FilterComparison::Operator;

struct Token {
  enum class Kind { kEnd, kOpen, kClose, kMinus, kOperator, kWord, kQuoted };
  Kind kind = Kind::kEnd;
  size_t at = 0;  // of its first character in the text
  std::string text;
};

bool IsBare(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("_.-/#+*").find(c) != absl::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::optional<Operator> OperatorOf(absl::string_view text) {
  if (text == "=") return Operator::kEqual;
  if (text == "!=") return Operator::kNotEqual;
  if (text == "<") return Operator::kLess;
  if (text == "<=") return Operator::kLessOrEqual;
  if (text == ">") return Operator::kGreater;
  if (text == ">=") return Operator::kGreaterOrEqual;
  if (text == ":") return Operator::kHas;
  return std::nullopt;
}

class FilterParser {
 public:
  FilterParser(absl::string_view text, const RecordType& type,
               const std::vector<PlanField>& released)
      : text_(text), type_(type), released_(released) {}

  absl::StatusOr<FilterNode> Parse() {
    if (text_.size() > kMaxFilterBytes) {
      return Wrong(kMaxFilterBytes, absl::StrCat("longer than ", kMaxFilterBytes, " bytes"));
    }
    if (!IsValidUtf8(text_)) return Wrong(0, "not UTF-8");
    absl::Status read = Next();
    if (!read.ok()) return read;
    if (token_.kind == Token::Kind::kEnd) return FilterNode{};  // all of nothing
    absl::StatusOr<FilterNode> root = Expression(0);
    if (!root.ok()) return root;
    if (token_.kind != Token::Kind::kEnd) return Wrong(token_.at, "expected the end");
    return root;
  }

 private:
  // The character's place, counted from 1 in bytes.
  static absl::Status Wrong(size_t at, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("filter:", at + 1, ": ", what));
  }

  absl::Status Next() {
    while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    token_ = {Token::Kind::kEnd, at_, ""};
    if (at_ == text_.size()) return absl::OkStatus();
    const char c = text_[at_];
    if (c == '(' || c == ')') {
      token_.kind = c == '(' ? Token::Kind::kOpen : Token::Kind::kClose;
      ++at_;
      return absl::OkStatus();
    }
    if (c == '\'' || c == '"') return Quoted(c);
    if (absl::string_view("=!<>:").find(c) != absl::string_view::npos) {
      token_.kind = Token::Kind::kOperator;
      const bool two = at_ + 1 < text_.size() && text_[at_ + 1] == '=';
      token_.text = std::string(text_.substr(at_, two ? 2 : 1));
      at_ += token_.text.size();
      if (!OperatorOf(token_.text)) return Wrong(token_.at, "unknown operator");
      return absl::OkStatus();
    }
    if (!IsBare(c)) return Wrong(at_, "unexpected character");
    // A minus is a NOT where a term can begin; in front of a value it belongs to the number.
    if (c == '-' && !value_follows_) {
      token_.kind = Token::Kind::kMinus;
      ++at_;
      return absl::OkStatus();
    }
    token_.kind = Token::Kind::kWord;
    const size_t begin = at_;
    while (at_ < text_.size() && (IsBare(text_[at_]) || (value_follows_ && text_[at_] == ':'))) {
      ++at_;
    }
    token_.text = std::string(text_.substr(begin, at_ - begin));
    return absl::OkStatus();
  }

  absl::Status Quoted(char quote) {
    token_.kind = Token::Kind::kQuoted;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return absl::OkStatus();
      }
      if (text_[at_] == '\\' && ++at_ == text_.size()) break;
      token_.text.push_back(text_[at_]);
    }
    return Wrong(token_.at, "the quotation does not end");
  }

  bool IsWord(absl::string_view word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }

  absl::StatusOr<FilterNode> Expression(int depth) {
    if (depth > kMaxFilterDepth) {
      return Wrong(token_.at, absl::StrCat("more than ", kMaxFilterDepth, " levels deep"));
    }
    FilterNode node;
    node.kind = FilterNode::Kind::kAnd;
    while (true) {
      absl::StatusOr<FilterNode> factor = Factor(depth);
      if (!factor.ok()) return factor;
      node.nodes.push_back(*std::move(factor));
      if (IsWord("AND")) {
        const absl::Status read = Next();
        if (!read.ok()) return read;
      } else if (token_.kind == Token::Kind::kEnd || token_.kind == Token::Kind::kClose) {
        return node;
      }
    }
  }

  absl::StatusOr<FilterNode> Factor(int depth) {
    FilterNode node;
    node.kind = FilterNode::Kind::kOr;
    while (true) {
      absl::StatusOr<FilterNode> term = Term(depth);
      if (!term.ok()) return term;
      node.nodes.push_back(*std::move(term));
      if (!IsWord("OR")) return node;
      const absl::Status read = Next();
      if (!read.ok()) return read;
    }
  }

  absl::StatusOr<FilterNode> Term(int depth) {
    if (token_.kind == Token::Kind::kMinus || IsWord("NOT")) {
      const absl::Status read = Next();
      if (!read.ok()) return read;
      if (token_.kind == Token::Kind::kMinus || IsWord("NOT")) {
        return Wrong(token_.at, "a NOT of a NOT");
      }
      absl::StatusOr<FilterNode> inside = Term(depth);
      if (!inside.ok()) return inside;
      FilterNode node;
      node.kind = FilterNode::Kind::kNot;
      node.nodes.push_back(*std::move(inside));
      return node;
    }
    if (token_.kind != Token::Kind::kOpen) return Comparison();
    absl::Status read = Next();
    if (!read.ok()) return read;
    absl::StatusOr<FilterNode> inside = Expression(depth + 1);
    if (!inside.ok()) return inside;
    if (token_.kind != Token::Kind::kClose) return Wrong(token_.at, "expected \")\"");
    read = Next();
    if (!read.ok()) return read;
    return inside;
  }

  absl::StatusOr<FilterNode> Comparison() {
    if (token_.kind != Token::Kind::kWord) return Wrong(token_.at, "expected a field");
    FilterNode node;
    node.kind = FilterNode::Kind::kComparison;
    const auto released = std::find_if(released_.begin(), released_.end(), [&](const PlanField& f) {
      return f.field->path == token_.text;
    });
    if (released == released_.end()) {
      // The same whether the type has such a field or not.
      return Wrong(token_.at, absl::StrCat("no released field \"", token_.text, "\""));
    }
    FilterComparison& c = node.comparison;
    c.field = released->field;
    c.path = NumbersOf(c.field->path);
    absl::Status read = Next();
    if (!read.ok()) return read;
    if (token_.kind != Token::Kind::kOperator) return Wrong(token_.at, "expected an operator");
    c.op = *OperatorOf(token_.text);
    value_follows_ = true;
    read = Next();
    value_follows_ = false;
    if (!read.ok()) return read;
    if (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kQuoted) {
      return Wrong(token_.at, "expected a value");
    }
    const absl::Status value = Value(*released, c);
    if (!value.ok()) return value;
    read = Next();
    if (!read.ok()) return read;
    return node;
  }

  std::vector<uint32_t> NumbersOf(absl::string_view path) const {
    std::vector<uint32_t> numbers;
    std::string so_far;
    for (const absl::string_view name : absl::StrSplit(path, '.')) {
      absl::StrAppend(&so_far, so_far.empty() ? "" : ".", name);
      numbers.push_back(static_cast<uint32_t>(type_.Find(so_far)->number));
    }
    return numbers;
  }

  absl::Status Value(const PlanField& released, FilterComparison& c) const {
    const Field& field = *released.field;
    if (c.op == Operator::kHas && token_.kind == Token::Kind::kWord && token_.text == "*") {
      c.presence = true;
      return absl::OkStatus();
    }
    const auto unless = [&](bool ok, absl::string_view what) {
      return ok ? absl::OkStatus() : Wrong(token_.at, what);
    };
    const bool ordered =
        c.op != Operator::kEqual && c.op != Operator::kNotEqual && c.op != Operator::kHas;
    switch (field.kind) {
      case FieldKind::kString:
      case FieldKind::kPostalCode:
        c.text = token_.text;
        return absl::OkStatus();
      case FieldKind::kCode:
        if (ordered) return Wrong(token_.at, "a code has no order");
        return Code(released, c);
      case FieldKind::kInteger:
        return unless(absl::SimpleAtoi(token_.text, &c.number), "not a whole number");
      case FieldKind::kBool:
        if (ordered) return Wrong(token_.at, "true and false have no order");
        c.number = token_.text == "true" ? 1 : 0;
        return unless(token_.text == "true" || token_.text == "false", "neither true nor false");
      case FieldKind::kDate:
        return Date(c);
      case FieldKind::kDecimal:
        return Wrong(token_.at, "a decimal can be asked for its presence only");
      case FieldKind::kMessage:
        break;
    }
    return Wrong(token_.at, "not comparable");
  }

  absl::Status Date(FilterComparison& c) const {
    const std::vector<std::string> parts = absl::StrSplit(token_.text, '-');
    int32_t* const into[] = {&c.date.year, &c.date.month, &c.date.day};
    bool ok = parts.size() <= 3;
    for (size_t i = 0; ok && i < parts.size(); ++i) {
      ok = parts[i].size() == (i == 0 ? 4u : 2u) && absl::SimpleAtoi(parts[i], into[i]) &&
           *into[i] > 0 && absl::ascii_isdigit(static_cast<unsigned char>(parts[i][0]));
    }
    if (ok && c.date.IsValid()) return absl::OkStatus();
    return Wrong(token_.at, "no date: 2027, 2027-03 or 2027-03-15");
  }

  // A code in full, or the short name of exactly one that the field can be released with.
  absl::Status Code(const PlanField& released, FilterComparison& c) const {
    c.text = token_.text;
    if (absl::StrContains(c.text, "#")) return absl::OkStatus();
    absl::flat_hash_set<std::string> codes;
    const CodeSet& set = *released.field->code_set;
    const FieldRule& rule = released.rule;
    if (const CodeMap* const map =
            rule.kind() == FieldRule::Kind::kCodeSet     ? set.Coarser(rule.name())
            : rule.kind() == FieldRule::Kind::kHierarchy ? set.Level(rule.name(), rule.level())
                                                         : nullptr) {
      codes.insert(map->other);
      for (const auto& [from, to] : map->to) codes.insert(to);
    } else {
      codes.insert(set.codes().begin(), set.codes().end());
    }
    std::vector<std::string> meant;
    for (const std::string& code : codes) {
      if (CodeSet::ShortName(code) == token_.text) meant.push_back(code);
    }
    if (meant.size() != 1) {
      return Wrong(token_.at, meant.empty()
                                  ? "no code has this short name: write it in full"
                                  : "several codes have this short name: write it in full");
    }
    c.text = meant[0];
    return absl::OkStatus();
  }

  const absl::string_view text_;
  const RecordType& type_;
  const std::vector<PlanField>& released_;
  size_t at_ = 0;
  bool value_follows_ = false;
  Token token_;
};

}  // namespace

absl::StatusOr<FilterNode> ParseFilter(absl::string_view text, const RecordType& type,
                                       const std::vector<PlanField>& released) {
  return FilterParser(text, type, released).Parse();
}

}  // namespace sluice::policy
