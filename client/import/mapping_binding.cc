#include "client/import/mapping_binding.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/import/value_form.h"

namespace sluice::client {
namespace {

using policy::YamlBinder;
using policy::YamlMapping;
using policy::YamlNode;

constexpr int kMaxNumber = 100;

class Binding {
 public:
  explicit Binding(YamlBinder& binder) : binder_(binder) {}

  Mapping Bind(const YamlNode& root) {
    const YamlMapping map(
        binder_, root, "",
        {"mapping", "title", "record", "refused", "format", "files", "namespaces", "resource",
         "trim", "where", "joins", "fields", "repeat", "crosswalks", "left_out"});
    if (const YamlNode* node = Require(map, root, "mapping"))
      mapping_.name = Name(*node, "mapping");
    if (const YamlNode* node = map.Find("title")) mapping_.title = Prose(*node, "title");
    if (const YamlNode* node = map.Find("trim")) trim_ = Bool(*node, "trim");
    BindFormat(map, root);
    if (const YamlNode* node = map.Find("files")) mapping_.files = Strings(*node, "files");
    if (const YamlNode* node = map.Find("namespaces")) {
      mapping_.namespaces = Strings(*node, "namespaces");
    }
    if (const YamlNode* node = map.Find("resource")) mapping_.resource = Text(*node, "resource");
    if (const YamlNode* node = map.Find("refused")) mapping_.refused = Prose(*node, "refused");
    if (const YamlNode* node = map.Find("record")) mapping_.record = Text(*node, "record");
    if (map.ok() && mapping_.record.empty() == mapping_.refused.empty()) {
      binder_.Report("M002", root.place, "",
                     "a mapping has either \"record\", the type it makes, or \"refused\", why such "
                     "a file is not taken");
    }
    BindCrosswalks(map);
    if (const YamlNode* node = map.Find("where")) mapping_.where = Conditions(*node, "where");
    BindJoins(map);
    BindFields(map, root);
    BindRepeats(map);
    if (const YamlNode* node = map.Find("left_out")) {
      for (const YamlNode* entry : binder_.Entries(*node, "left_out")) {
        mapping_.left_out.emplace_back(entry->key, Prose(*entry, "left_out." + entry->key));
      }
    }
    return std::move(mapping_);
  }

 private:
  // --- Scalars: empty where something was reported. ---
  std::string Text(const YamlNode& node, absl::string_view path) {
    const std::string text = binder_.String(node, path).value_or("");
    if (text.empty() && node.kind == YamlNode::Kind::kScalar) {
      binder_.ReportType(node, path, "a name");
    }
    return text;
  }
  std::string Prose(const YamlNode& node, absl::string_view path) {
    return binder_.Prose(node, path).value_or("");
  }
  bool Bool(const YamlNode& node, absl::string_view path) {
    return binder_.Bool(node, path).value_or(false);
  }
  std::string Name(const YamlNode& node, absl::string_view path) {
    std::string name = Text(node, path);
    const bool valid = std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
    });
    if (!valid) binder_.ReportType(node, path, "a name of a-z, 0-9 and -");
    return name;
  }
  // One string, or a list of them.
  std::vector<std::string> Strings(const YamlNode& node, const std::string& path) {
    if (node.kind == YamlNode::Kind::kScalar) return {Text(node, path)};
    std::vector<std::string> strings;
    const std::vector<YamlNode>& items = binder_.Items(node, path);
    for (size_t i = 0; i < items.size(); ++i) {
      strings.push_back(Text(items[i], policy::IndexPath(path, i)));
    }
    if (items.empty() && node.kind == YamlNode::Kind::kSequence) {
      binder_.ReportType(node, path, "a list of one name at least");
    }
    return strings;
  }
  const YamlNode* Require(const YamlMapping& map, const YamlNode& node, absl::string_view key) {
    const YamlNode* child = map.Find(key);
    if (child == nullptr && map.ok()) {
      binder_.Report("M002", node.place, map.PathOf(key),
                     absl::StrCat("missing \"", map.PathOf(key), "\""));
    }
    return child;
  }

  void BindFormat(const YamlMapping& map, const YamlNode& root) {
    const YamlNode* node = Require(map, root, "format");
    if (node == nullptr) return;
    const std::optional<std::string> name = binder_.Plain(*node, "format", "a format");
    if (!name.has_value()) return;
    const std::optional<MappingFormat> format = FormatOfName(*name);
    if (!format.has_value()) {
      binder_.ReportType(*node, "format",
                         absl::StrCat("one of ", absl::StrJoin(FormatNames(), ", ")));
      return;
    }
    mapping_.format = *format;
  }

  // --- Values ---
  ValueMapping Value(const YamlNode& node, const std::string& path) {
    ValueMapping value;
    value.place = node.place;
    value.trim = trim_;
    if (node.kind == YamlNode::Kind::kScalar) {
      value.columns = {Text(node, path)};
      return value;
    }
    const YamlMapping map(binder_, node, path,
                          {"column", "unless", "from", "constant", "prefix", "crosswalk", "date",
                           "school_year", "trim", "optional", "required"});
    const YamlNode* column = map.Find("column");
    const YamlNode* constant = map.Find("constant");
    if (map.ok() && (column == nullptr) == (constant == nullptr)) {
      binder_.Report("M002", node.place, path, "a value has either a \"column\" or a \"constant\"");
    }
    if (column != nullptr) value.columns = Strings(*column, map.PathOf("column"));
    if (constant != nullptr) {
      value.constant = Text(*constant, map.PathOf("constant"));
      for (const char* other : {"unless", "from", "prefix", "crosswalk", "date", "school_year",
                                "trim", "optional", "required"}) {
        const YamlNode* extra = map.Find(other);
        if (extra == nullptr) continue;
        binder_.Report("M002", extra->key_place, map.PathOf(other),
                       absl::StrCat("a constant has no \"", other, "\""));
      }
    }
    if (const YamlNode* unless = map.Find("unless")) {
      value.unless = Text(*unless, map.PathOf("unless"));
    }
    if (const YamlNode* from = map.Find("from")) value.from = Text(*from, map.PathOf("from"));
    if (const YamlNode* text = map.Find("prefix")) value.prefix = Text(*text, map.PathOf("prefix"));
    if (const YamlNode* flag = map.Find("trim")) value.trim = Bool(*flag, map.PathOf("trim"));
    if (const YamlNode* flag = map.Find("optional")) {
      value.optional = Bool(*flag, map.PathOf("optional"));
    }
    if (const YamlNode* flag = map.Find("required")) {
      value.required = Bool(*flag, map.PathOf("required"));
    }
    if (const YamlNode* flag = map.Find("school_year")) {
      value.school_year = Bool(*flag, map.PathOf("school_year"));
    }
    if (const YamlNode* dates = map.Find("date")) {
      value.dates = Strings(*dates, map.PathOf("date"));
      for (const std::string& form : value.dates) {
        if (form.empty() || IsDateForm(form)) continue;
        binder_.Report(
            "M017", dates->place, map.PathOf("date"),
            absl::StrCat("\"", form, "\" is no form of a date"),
            "made of YYYY, MM, DD (or M, D), hh, mm, ss, f and what stands between them: "
            "MM/DD/YYYY");
      }
    }
    if (const YamlNode* walk = map.Find("crosswalk")) {
      if (walk->kind == YamlNode::Kind::kScalar) {
        value.crosswalk = Text(*walk, map.PathOf("crosswalk"));
      } else {
        // Written where it is used: named by its place.
        value.crosswalk = map.PathOf("crosswalk");
        mapping_.crosswalks[value.crosswalk] = BindCrosswalk(*walk, value.crosswalk);
      }
    }
    return value;
  }

  Crosswalk BindCrosswalk(const YamlNode& node, const std::string& path) {
    Crosswalk crosswalk;
    const YamlMapping map(binder_, node, path, {"codes", "absent", "otherwise"});
    if (const YamlNode* codes = Require(map, node, "codes")) {
      for (const YamlNode* entry : binder_.Entries(*codes, map.PathOf("codes"))) {
        crosswalk.codes[entry->key] =
            binder_.String(*entry, policy::JoinPath(map.PathOf("codes"), entry->key)).value_or("");
      }
    }
    if (const YamlNode* absent = map.Find("absent")) {
      for (std::string& code : Strings(*absent, map.PathOf("absent"))) {
        if (!crosswalk.codes.try_emplace(std::move(code), "").second) {
          binder_.Report("M013", absent->place, map.PathOf("absent"),
                         "a code is absent or another code, not both");
        }
      }
    }
    if (const YamlNode* otherwise = map.Find("otherwise")) {
      const std::string word =
          binder_.Plain(*otherwise, map.PathOf("otherwise"), "a word").value_or("KEEP");
      if (word == "REFUSE") {
        crosswalk.otherwise = Crosswalk::Otherwise::kRefuse;
      } else if (word == "ABSENT") {
        crosswalk.otherwise = Crosswalk::Otherwise::kAbsent;
      } else if (word != "KEEP") {
        binder_.ReportType(*otherwise, map.PathOf("otherwise"), "KEEP, REFUSE or ABSENT");
      }
    }
    return crosswalk;
  }
  void BindCrosswalks(const YamlMapping& map) {
    const YamlNode* node = map.Find("crosswalks");
    if (node == nullptr) return;
    for (const YamlNode* entry : binder_.Entries(*node, "crosswalks")) {
      mapping_.crosswalks[entry->key] = BindCrosswalk(*entry, "crosswalks." + entry->key);
    }
  }

  // --- Rows ---
  std::vector<RowCondition> Conditions(const YamlNode& node, const std::string& path) {
    std::vector<RowCondition> conditions;
    for (const YamlNode* entry : binder_.Entries(node, path)) {
      const std::string here = policy::JoinPath(path, entry->key);
      const YamlMapping map(binder_, *entry, here, {"in", "not_in", "present"});
      const YamlNode* in = map.Find("in");
      const YamlNode* not_in = map.Find("not_in");
      const YamlNode* present = map.Find("present");
      if (map.ok() && (in != nullptr) + (not_in != nullptr) + (present != nullptr) != 1) {
        binder_.Report("M002", entry->place, here,
                       "a condition has one of \"in\", \"not_in\" and \"present\"");
      }
      RowCondition condition = {entry->key, {}, in != nullptr, entry->key_place};
      if (present != nullptr) {
        condition.values = {""};
        condition.in = !Bool(*present, policy::JoinPath(here, "present"));
      } else if (const YamlNode* values = condition.in ? in : not_in; values != nullptr) {
        condition.values = Strings(*values, here);
      }
      conditions.push_back(std::move(condition));
    }
    return conditions;
  }
  void BindJoins(const YamlMapping& root) {
    const YamlNode* node = root.Find("joins");
    if (node == nullptr) return;
    for (const YamlNode* entry : binder_.Entries(*node, "joins")) {
      const std::string path = "joins." + entry->key;
      const YamlMapping map(binder_, *entry, path,
                            {"files", "resource", "on", "columns", "where", "required", "selects"});
      JoinMapping join = {.name = entry->key, .place = entry->key_place};
      if (const YamlNode* files = map.Find("files"))
        join.files = Strings(*files, map.PathOf("files"));
      if (const YamlNode* what = map.Find("resource")) {
        join.resource = Text(*what, map.PathOf("resource"));
      }
      if (map.ok() && join.files.empty() && join.resource.empty()) {
        binder_.Report("M002", entry->place, path,
                       "a join names the \"files\" that its rows are in, or their \"resource\"");
      }
      if (const YamlNode* on = Require(map, *entry, "on")) {
        for (const YamlNode* pair : binder_.Entries(*on, map.PathOf("on"))) {
          join.on.emplace_back(pair->key,
                               Text(*pair, policy::JoinPath(map.PathOf("on"), pair->key)));
        }
      }
      if (const YamlNode* columns = map.Find("columns")) {
        BindNumbers(*columns, map.PathOf("columns"), join.first, join.last);
      }
      if (const YamlNode* where = map.Find("where")) {
        join.where = Conditions(*where, map.PathOf("where"));
      }
      if (const YamlNode* flag = map.Find("required")) {
        join.required = Bool(*flag, map.PathOf("required"));
      }
      if (const YamlNode* flag = map.Find("selects")) {
        join.selects = Bool(*flag, map.PathOf("selects"));
      }
      mapping_.joins.push_back(std::move(join));
    }
  }

  // --- Fields ---
  std::vector<FieldMapping> Fields(const YamlNode& node, const std::string& path) {
    std::vector<FieldMapping> fields;
    for (const YamlNode* entry : binder_.Entries(node, path)) {
      fields.push_back(
          {entry->key, Value(*entry, policy::JoinPath(path, entry->key)), entry->key_place});
    }
    return fields;
  }
  void BindFields(const YamlMapping& map, const YamlNode& root) {
    const YamlNode* node =
        mapping_.refused.empty() ? Require(map, root, "fields") : map.Find("fields");
    if (node != nullptr) mapping_.fields = Fields(*node, "fields");
  }
  void BindRepeats(const YamlMapping& map) {
    const YamlNode* node = map.Find("repeat");
    if (node == nullptr) return;
    for (const YamlNode* entry : binder_.Entries(*node, "repeat")) {
      const std::string path = "repeat." + entry->key;
      if (entry->kind != YamlNode::Kind::kSequence) {
        BindRepeat(*entry, entry->key, path, entry->key_place);
        continue;
      }
      for (size_t i = 0; i < entry->children.size(); ++i) {
        BindRepeat(entry->children[i], entry->key, policy::IndexPath(path, i),
                   entry->children[i].place);
      }
    }
  }
  void BindRepeat(const YamlNode& node, const std::string& field, const std::string& path,
                  policy::Place place) {
    const YamlMapping map(binder_, node, path,
                          {"columns", "each", "from", "when", "value", "fields"});
    RepeatMapping repeat = {.field = field, .place = place};
    const YamlNode* columns = map.Find("columns");
    const YamlNode* each = map.Find("each");
    const YamlNode* from = map.Find("from");
    if (each != nullptr && (columns != nullptr || from != nullptr)) {
      binder_.Report("M002", place, path,
                     "a repeat over \"each\" has no \"columns\" and no \"from\"");
    }
    if (columns != nullptr) BindNumbers(*columns, map.PathOf("columns"), repeat.first, repeat.last);
    repeat.each = each != nullptr;
    if (each != nullptr) repeat.join = Text(*each, map.PathOf("each"));
    if (from != nullptr) repeat.join = Text(*from, map.PathOf("from"));
    if (const YamlNode* when = map.Find("when")) repeat.when = Value(*when, map.PathOf("when"));
    const YamlNode* value = map.Find("value");
    const YamlNode* fields = map.Find("fields");
    if (map.ok() && (value == nullptr) == (fields == nullptr)) {
      binder_.Report("M002", place, path,
                     "a repeat has either a \"value\" or, of a message, \"fields\"");
    }
    if (value != nullptr) {
      repeat.values.push_back({"", Value(*value, map.PathOf("value")), value->place});
    }
    if (fields != nullptr) repeat.values = Fields(*fields, map.PathOf("fields"));
    mapping_.repeats.push_back(std::move(repeat));
  }
  // "1..3"
  void BindNumbers(const YamlNode& node, const std::string& path, int& first, int& last) {
    const std::string text = binder_.Plain(node, path, "numbers like 1..3").value_or("");
    const size_t dots = text.find("..");
    const bool valid = dots != std::string::npos &&
                       absl::SimpleAtoi(text.substr(0, dots), &first) &&
                       absl::SimpleAtoi(text.substr(dots + 2), &last) && first >= 0 &&
                       last >= first && last <= kMaxNumber;
    if (valid || text.empty()) return;
    first = last = 1;
    binder_.ReportType(node, path, absl::StrCat("numbers like 1..3, at most ", kMaxNumber));
  }

  YamlBinder& binder_;
  Mapping mapping_;
  bool trim_ = false;
};

}  // namespace

Mapping BindMapping(YamlBinder& binder, const YamlNode& root) { return Binding(binder).Bind(root); }

}  // namespace sluice::client
