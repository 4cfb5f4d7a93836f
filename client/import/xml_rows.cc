// Ed-Fi's XML interchange: the children of the root that have a resource's name, each as a row. The
// document is never held whole; a document type declaration, and with it every entity of the
// document's own, is refused.
#include <expat.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/import/row_source.h"

namespace sluice::client {
namespace {

constexpr char kSeparator = '\n';  // between a namespace and a name; in neither of them
constexpr size_t kChunkBytes = 64 << 10;
constexpr size_t kMaxDepth = 64;

struct Name {
  absl::string_view space;
  absl::string_view local;
};

Name SplitName(absl::string_view name) {
  const size_t at = name.rfind(kSeparator);
  if (at == absl::string_view::npos) return {"", name};
  return {name.substr(0, at), name.substr(at + 1)};
}

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

class XmlRows : public RowSource {
 public:
  XmlRows(std::unique_ptr<DecodedFile> file, XmlOptions options)
      : RowSource(std::move(file)),
        options_(std::move(options)),
        // The text is UTF-8 by now, whatever its declaration says.
        parser_(XML_ParserCreateNS("UTF-8", kSeparator), &XML_ParserFree) {
    columns_ = options_.columns;
    for (size_t i = 0; i < columns_.size(); ++i) wanted_[columns_[i]] = i;
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const XML_Char* name, const XML_Char** attributes) {
          static_cast<XmlRows*>(self)->Begin(name, attributes);
        },
        [](void* self, const XML_Char*) { static_cast<XmlRows*>(self)->End(); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const XML_Char* text, int size) {
      static_cast<XmlRows*>(self)->Text({text, static_cast<size_t>(size)});
    });
    XML_SetStartDoctypeDeclHandler(parser_.get(), [](void* self, const XML_Char*, const XML_Char*,
                                                     const XML_Char*, int) {
      static_cast<XmlRows*>(self)->Refuse(
          "a document type declaration is not taken: entities of a file's own could be anything");
    });
  }

  absl::StatusOr<bool> Next(SourceRow& row) override {
    while (rows_.empty()) {
      if (!status_.ok()) return status_;
      if (ended_) return false;
      if (const absl::Status fed = Feed(); !fed.ok()) {
        status_ = fed;
        // What was whole before it is given first.
        if (rows_.empty()) return status_;
      }
    }
    row = std::move(rows_.front());
    rows_.pop_front();
    return true;
  }

  std::string RejectsBegin() const override {
    return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<", root_, " xmlns=\"",
                        Escaped(namespace_), "\">\n");
  }
  std::string Reject(const SourceRow& row, const std::string& reason) const override {
    return absl::StrCat("<!-- ", absl::StrReplaceAll(reason, {{"--", "- -"}}), " -->\n", row.source,
                        "\n");
  }
  std::string RejectsEnd() const override { return absl::StrCat("</", root_, ">\n"); }

  // To the root's beginning, so that its name is known.
  absl::Status ReadRoot() {
    while (root_.empty() && !ended_) {
      if (const absl::Status fed = Feed(); !fed.ok()) {
        status_ = fed;
        return rows_.empty() ? fed : absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Element {
    std::string path;  // from the resource
    std::string text;
    bool leaf = true;
    std::map<std::string, int, std::less<>> children;  // how many of a name so far
  };

  absl::Status Feed() {
    char* buffer = static_cast<char*>(XML_GetBuffer(parser_.get(), kChunkBytes));
    if (buffer == nullptr) return absl::ResourceExhaustedError("no memory to read XML");
    const auto size = static_cast<int>(file_->sgetn(buffer, kChunkBytes));
    if (size == 0 && !file_->status().ok()) return file_->status();
    quiet_bytes_ += size;
    ended_ = size == 0;
    const XML_Status parsed = XML_ParseBuffer(parser_.get(), size, size == 0);
    if (!refusal_.ok()) return refusal_;
    if (parsed != XML_STATUS_OK) {
      if (!file_->status().ok()) return file_->status();
      return At(XML_GetCurrentLineNumber(parser_.get()),
                absl::StrCat("the XML is broken: ",
                             XML_ErrorString(XML_GetErrorCode(parser_.get())), ": is it whole?"));
    }
    // A name or an attribute that never ends would be held whole.
    if (quiet_bytes_ > kMaxResourceBytes) {
      return At(XML_GetCurrentLineNumber(parser_.get()), "a tag is larger than 2 MiB");
    }
    return absl::OkStatus();
  }
  absl::Status At(int64_t line, absl::string_view reason) const {
    return absl::InvalidArgumentError(absl::StrCat(file_->PlaceOf(line), ": ", reason));
  }
  void Refuse(absl::string_view reason) {
    if (refusal_.ok()) refusal_ = At(XML_GetCurrentLineNumber(parser_.get()), reason);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  void Begin(absl::string_view full_name, const XML_Char** attributes) {
    quiet_bytes_ = 0;
    const Name name = SplitName(full_name);
    ++depth_;
    if (depth_ > kMaxDepth) return Refuse("elements are nested more than 64 deep");
    if (depth_ == 1) return BeginRoot(name);
    if (depth_ == 2) {
      inside_ = name.local == options_.resource && name.space == namespace_;
      if (!inside_) return;
      row_ = SourceRow();
      row_.line = static_cast<int64_t>(XML_GetCurrentLineNumber(parser_.get()));
      row_.cells.resize(columns_.size());
      open_ = {Element()};
      bytes_ = 0;
    } else if (inside_) {
      Element& parent = open_.back();
      parent.leaf = false;
      const int count = ++parent.children[std::string(name.local)];
      Element element;
      element.path = absl::StrCat(parent.path, parent.path.empty() ? "" : ".", name.local,
                                  count == 1 ? "" : absl::StrCat("[", count, "]"));
      open_.push_back(std::move(element));
    }
    if (inside_) Write(absl::StrCat("<", name.local), attributes);
  }
  void BeginRoot(const Name& name) {
    root_ = std::string(name.local);
    namespace_ = std::string(name.space);
    const std::vector<std::string>& known = options_.namespaces;
    if (std::find(known.begin(), known.end(), namespace_) != known.end()) return;
    Refuse(absl::StrCat("the namespace is \"", namespace_, "\", and this mapping is for ",
                        absl::StrJoin(known, ", ")));
  }
  void Write(std::string tag, const XML_Char** attributes) {
    const std::string path = open_.back().path;
    for (; *attributes != nullptr; attributes += 2) {
      const Name name = SplitName(attributes[0]);
      if (!name.space.empty()) continue;  // xsi:nil, xsi:type and their kin
      Set(absl::StrCat(path, path.empty() ? "@" : ".@", name.local), attributes[1]);
      absl::StrAppend(&tag, " ", name.local, "=\"", Escaped(attributes[1]), "\"");
    }
    Keep(tag + ">");
  }
  void Text(absl::string_view text) {
    quiet_bytes_ = 0;
    if (!inside_ || depth_ < 2) return;
    open_.back().text.append(text.data(), text.size());
    Keep(Escaped(text));
  }
  void End() {
    quiet_bytes_ = 0;
    if (inside_ && depth_ >= 2) {
      Element& element = open_.back();
      if (element.leaf && depth_ > 2) Set(element.path, element.text);
      Keep(EndTag(element.path));
      open_.pop_back();
    }
    if (depth_ == 2 && inside_) {
      rows_.push_back(std::move(row_));
      inside_ = false;
    }
    --depth_;
  }
  std::string EndTag(absl::string_view path) const {
    absl::string_view name = path.substr(path.rfind('.') + 1);
    name = name.substr(0, name.find('['));
    return absl::StrCat("</", name.empty() ? absl::string_view(options_.resource) : name, ">");
  }
  void Keep(absl::string_view source) {
    bytes_ += source.size();
    if (bytes_ > kMaxResourceBytes) return Refuse("the resource is larger than 2 MiB");
    absl::StrAppend(&row_.source, source);
  }
  // An interchange's attributes are ids of its own, that its references name.
  static bool IsAttribute(absl::string_view path) {
    return absl::StrContains(path.substr(path.rfind('.') + 1), '@');
  }
  void Set(const std::string& path, absl::string_view value) {
    const auto at = wanted_.find(path);
    if (at != wanted_.end()) {
      row_.cells[at->second] = std::string(value);
    } else if (!IsAttribute(path) &&
               value.find_first_not_of(" \t\r\n") != absl::string_view::npos) {
      unread_.Count(path);
    }
  }

  const XmlOptions options_;
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
  std::map<std::string, size_t> wanted_;
  std::string root_, namespace_;
  size_t depth_ = 0;
  bool inside_ = false;  // a resource of the name
  SourceRow row_;
  size_t bytes_ = 0;        // of the resource
  size_t quiet_bytes_ = 0;  // since the parser last understood something
  std::vector<Element> open_;
  std::deque<SourceRow> rows_;
  bool ended_ = false;
  absl::Status refusal_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenXmlRows(std::unique_ptr<DecodedFile> file,
                                                       XmlOptions options) {
  auto rows = std::make_unique<XmlRows>(std::move(file), std::move(options));
  const absl::Status root = rows->ReadRoot();
  if (!root.ok()) return root;
  return rows;
}

}  // namespace sluice::client
