#include "policy/strict_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/yaml_text.h"

namespace sluice::policy {
namespace {

constexpr size_t kMaxFindings = 100;

// Builds the tree from yaml-cpp's events and refuses as it goes. The events have forgiven some
// things already (a null, the kind of a quote); there the source's bytes are asked.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(absl::string_view file, const YamlText& text, const YamlOptions& options)
      : file_(file), text_(text), options_(options) {}

  void Refuse(Place place, std::string message, std::string hint = "") {
    Report(options_.subset_id, place, absl::StrCat("not in the YAML subset: ", message),
           std::move(hint));
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    StartCollection(YamlNode::Kind::kSequence, mark, tag, anchor, false);
  }
  void OnSequenceEnd() override { EndCollection(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    StartCollection(YamlNode::Kind::kMapping, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
  }
  void OnMapEnd() override { EndCollection(); }

  bool started() const { return started_; }
  YamlNode TakeRoot() { return std::move(root_); }
  std::vector<Finding> TakeFindings() { return std::move(findings_); }

 private:
  struct Frame {
    YamlNode* node;
    bool has_key = false;    // the next event is a value
    bool drop_next = false;  // whose key was refused
    std::string key;
    Place key_place;
    absl::flat_hash_map<std::string, int> lines;  // of the keys so far
  };

  static size_t Offset(const YAML::Mark& mark) { return static_cast<size_t>(mark.pos); }

  void Report(std::string id, Place place, std::string message, std::string hint);
  std::string Path() const;
  bool InKey() const {
    return !frames_.empty() && frames_.back().node->kind == YamlNode::Kind::kMapping &&
           !frames_.back().has_key;
  }
  // Reports an anchor or a tag in front of a node; whether there was one.
  bool RefuseProperties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void TakeKey(const YAML::Mark& mark, const std::string& value);
  void RefuseKey(Place place, std::string message);
  const char* KeyFlaw(size_t offset, const std::string& key) const;
  // The node for the event's value, appended to the collection around; null if that is dropped.
  YamlNode* NewNode(Place place);
  void StartCollection(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor, bool flow_mapping);
  void EndCollection();
  Place PlaceOfEmpty(size_t offset) const;

  const std::string file_;
  const YamlText& text_;
  const YamlOptions& options_;
  YamlNode root_;
  bool started_ = false;
  std::vector<Frame> frames_;
  size_t skipping_ = 0;  // how deep inside a collection that is dropped
  std::vector<Finding> findings_;
};

void TreeBuilder::Report(std::string id, Place place, std::string message, std::string hint) {
  if (findings_.size() > kMaxFindings) return;
  if (findings_.size() == kMaxFindings) message = "too many errors; the rest is not listed";
  findings_.push_back(
      {std::move(id), Severity::kError, file_, place, Path(), std::move(message), std::move(hint)});
}

std::string TreeBuilder::Path() const {
  std::string path;
  for (const Frame& f : frames_) {
    // Whose newest child is being built: that has a frame of its own after this one.
    const bool inside = &f != &frames_.back();
    if (f.node->kind == YamlNode::Kind::kSequence) {
      absl::StrAppend(&path, "[", f.node->children.size() - (inside ? 1 : 0), "]");
    } else if (inside || f.has_key) {
      absl::StrAppend(&path, path.empty() ? "" : ".", f.key);
    }
  }
  return path;
}

bool TreeBuilder::RefuseProperties(const YAML::Mark& mark, const std::string& tag,
                                   YAML::anchor_t anchor) {
  const Place place = text_.PlaceOf(Offset(mark));
  const char byte = text_.At(Offset(mark));
  if (anchor != 0 || byte == '&') Refuse(place, "anchor");
  // "!" is also what quoted and block scalars have, "?" what plain ones and collections have.
  const bool tagged = byte == '!' || (!tag.empty() && tag != "?" && tag != "!");
  if (tagged) Refuse(place, "tag", "values have the type of their key; remove the tag");
  return tagged || anchor != 0 || byte == '&';
}

// What is wrong with a key that does not stand as `key:`; null if it does.
const char* TreeBuilder::KeyFlaw(size_t offset, const std::string& key) const {
  absl::string_view rest = text_.bytes().substr(std::min(offset, text_.bytes().size()));
  const size_t line = text_.LineStart(offset);
  const absl::string_view before = text_.bytes().substr(line, offset - line);
  const size_t last = before.find_last_not_of(' ');
  if (last != absl::string_view::npos && before[last] == '?') return "complex key";
  if (!absl::ConsumePrefix(&rest, key)) return "complex key";
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return absl::StartsWith(rest, ":") ? nullptr : "a key without a value";
}

void TreeBuilder::TakeKey(const YAML::Mark& mark, const std::string& value) {
  const Place place = text_.PlaceOf(Offset(mark));
  const char byte = text_.At(Offset(mark));
  if (byte == '\'' || byte == '"') return RefuseKey(place, "a quoted key");
  if (value == "<<") return RefuseKey(place, "merge key \"<<\"");
  if (const char* flaw = KeyFlaw(Offset(mark), value)) return RefuseKey(place, flaw);
  Frame& frame = frames_.back();
  const auto [it, added] = frame.lines.try_emplace(value, place.line);
  frame.has_key = true;
  frame.key = value;
  frame.key_place = place;
  if (!added) {
    frame.drop_next = true;
    Report(options_.duplicate_key_id, place,
           absl::StrCat("duplicate key \"", value, "\", first at line ", it->second),
           "remove one of the two");
  }
}

void TreeBuilder::RefuseKey(Place place, std::string message) {
  Refuse(place, std::move(message));
  Frame& frame = frames_.back();
  frame.has_key = true;
  frame.drop_next = true;
  frame.key.clear();
}

YamlNode* TreeBuilder::NewNode(Place place) {
  YamlNode* node = &root_;
  started_ = true;
  if (!frames_.empty()) {
    Frame& frame = frames_.back();
    const bool drop = std::exchange(frame.drop_next, false);
    const bool keyed = std::exchange(frame.has_key, false);
    if (drop) return nullptr;
    node = &frame.node->children.emplace_back();
    if (keyed) {
      node->key = frame.key;
      node->key_place = frame.key_place;
    }
  }
  node->place = place;
  return node;
}

// yaml-cpp puts an empty value at the token after it. A key's stands at the key; that of a block
// sequence at its dash, which is looked for upwards.
Place TreeBuilder::PlaceOfEmpty(size_t offset) const {
  if (frames_.empty()) return text_.PlaceOf(0);
  if (frames_.back().has_key) return frames_.back().key_place;
  for (size_t line = text_.LineStart(offset); line > 0;) {
    line = text_.LineStart(line - 1);
    const absl::string_view rest = text_.bytes().substr(line);
    const absl::string_view text = rest.substr(0, rest.find('\n'));
    const size_t dash = text.find_first_not_of(' ');
    if (dash == absl::string_view::npos || text[dash] == '#') continue;
    if (text[dash] == '-') return text_.PlaceOf(line + dash);
    break;
  }
  return text_.PlaceOf(offset);
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (skipping_ > 0) return;
  const size_t offset = Offset(mark);
  const Place mark_place = text_.PlaceOf(offset);
  if (InKey()) return RefuseKey(mark_place, "a null as a key");
  if (!frames_.empty() && frames_.back().drop_next) {
    NewNode(mark_place);
    return;
  }
  if (anchor != 0) {
    Refuse(mark_place, "anchor");
    NewNode(mark_place);
    return;
  }
  const absl::string_view rest = text_.bytes().substr(std::min(offset, text_.bytes().size()));
  bool word = absl::StartsWith(rest, "~") || absl::StartsWithIgnoreCase(rest, "null");
  if (!frames_.empty() && frames_.back().has_key) {
    // Otherwise it is the next key that begins so.
    const Place key = frames_.back().key_place;
    word = word && (mark_place.line == key.line || mark_place.column > key.column);
  }
  const Place place = word ? mark_place : PlaceOfEmpty(offset);
  Refuse(place, word ? "null" : "an empty value", "write a value, or remove the key");
  NewNode(place);
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t) {
  if (skipping_ > 0) return;
  const Place place = text_.PlaceOf(Offset(mark));
  if (InKey()) return RefuseKey(place, "alias");
  Refuse(place, "alias", "write the value out");
  NewNode(place);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  if (skipping_ > 0) return;
  const Place place = text_.PlaceOf(Offset(mark));
  const bool key = InKey();
  if (RefuseProperties(mark, tag, anchor)) {
    if (key) {
      frames_.back().has_key = true;
      frames_.back().drop_next = true;
    } else {
      NewNode(place);
    }
    return;
  }
  if (key) return TakeKey(mark, value);
  const char byte = text_.At(Offset(mark));
  YamlNode::Style style = YamlNode::Style::kPlain;
  if (byte == '\'' || byte == '"') style = YamlNode::Style::kQuoted;
  if (byte == '|' || byte == '>') style = YamlNode::Style::kBlock;
  const char* refused = FirstRefusedCharacter(value);
  if (refused != nullptr && byte == '"') Refuse(place, absl::StrCat(refused, ", by an escape"));
  if (value.empty()) Refuse(place, "an empty value");
  YamlNode* node = NewNode(place);
  if (node == nullptr || refused != nullptr || value.empty()) return;
  node->kind = YamlNode::Kind::kScalar;
  node->style = style;
  node->scalar = value;
}

void TreeBuilder::StartCollection(YamlNode::Kind kind, const YAML::Mark& mark,
                                  const std::string& tag, YAML::anchor_t anchor,
                                  bool flow_mapping) {
  if (skipping_ > 0) {
    ++skipping_;
    return;
  }
  const Place place = text_.PlaceOf(Offset(mark));
  bool refused = RefuseProperties(mark, tag, anchor);
  if (InKey()) {
    if (!refused) Refuse(place, "complex key");
    frames_.back().has_key = true;
    frames_.back().drop_next = true;
    // The value that follows the key is dropped as well: NewNode is not asked here.
    skipping_ = 1;
    return;
  }
  if (frames_.size() >= options_.max_depth) {
    Refuse(place, absl::StrCat("deeper than ", options_.max_depth, " levels"));
    refused = true;
  }
  if (flow_mapping && !refused && text_.At(Offset(mark)) != '{') {
    Refuse(place, "a pair without braces");
    refused = true;
  }
  YamlNode* node = NewNode(place);
  if (node == nullptr || refused) {
    skipping_ = 1;
    return;
  }
  node->kind = kind;
  frames_.push_back({node});
}

void TreeBuilder::EndCollection() {
  if (skipping_ > 0) {
    --skipping_;
    return;
  }
  frames_.pop_back();
}

// Whether the text was read to its end.
bool Parse(const YamlText& text, const YamlOptions& options, TreeBuilder& builder) {
  std::istringstream in{std::string(text.bytes())};
  try {
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) return true;
    // yaml-cpp stops behind the first value; whatever follows must not be lost in silence.
    TreeBuilder rest("", text, options);
    if (parser.HandleNextDocument(rest)) {
      builder.Refuse(Place{}, "more than one document, or text after its end");
      return false;
    }
    return true;
  } catch (const YAML::Exception& e) {
    const Place place = e.mark.is_null() ? Place{} : text.PlaceOf(static_cast<size_t>(e.mark.pos));
    builder.Refuse(place, absl::StrCat("syntax (", e.msg, ")"));
  } catch (const std::exception& e) {
    builder.Refuse(Place{}, "syntax");
  }
  return false;
}

}  // namespace

YamlRead ReadStrictYaml(absl::string_view file_name, absl::string_view bytes,
                        const YamlOptions& options) {
  if (bytes.size() > options.max_bytes) {
    const YamlText none{absl::string_view()};
    TreeBuilder builder(file_name, none, options);
    builder.Refuse({1, 1}, absl::StrCat("larger than ", options.max_bytes, " bytes"));
    return {std::nullopt, builder.TakeFindings()};
  }
  const YamlText text(bytes);
  TreeBuilder builder(file_name, text, options);
  bool readable = true;
  for (const YamlText::Flaw& flaw : text.flaws()) {
    builder.Refuse(text.PlaceOf(flaw.offset), flaw.message);
    readable = readable && flaw.readable;
  }
  readable = readable && Parse(text, options, builder);
  if (readable && !builder.started()) {
    builder.Refuse({1, 1}, "an empty document");
    readable = false;
  }
  YamlRead read;
  YamlNode root = builder.TakeRoot();
  if (readable && root.kind == YamlNode::Kind::kMapping) {
    read.root = std::move(root);
  } else if (readable && root.kind != YamlNode::Kind::kRefused) {
    builder.Refuse(root.place, "a document that is not a mapping");
  }
  read.findings = builder.TakeFindings();
  return read;
}

}  // namespace sluice::policy
