// Finds a mapping's columns in the files at hand.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/import/row_mapper_parts.h"
#include "policy/suggest.h"

namespace sluice::client {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::vector<std::string> ColumnsRead(const Mapping& mapping, const std::string& join) {
  std::vector<std::string> columns;
  std::set<std::string> seen;
  const auto add = [&](const std::string& column) {
    if (seen.insert(column).second) columns.push_back(column);
  };
  const auto value = [&](const ValueMapping& v, const std::string& of, int first, int last) {
    if (of != join) return;
    for (int n = first; n <= last; ++n) {
      for (const std::string& column : v.columns) add(Numbered(mapping.format, column, n));
      if (!v.unless.empty()) add(Numbered(mapping.format, v.unless, n));
    }
  };
  for (const FieldMapping& field : mapping.fields) value(field.value, field.value.from, 0, 0);
  for (const RepeatMapping& repeat : mapping.repeats) {
    if (repeat.when.has_value()) value(*repeat.when, repeat.join, repeat.first, repeat.last);
    for (const FieldMapping& field : repeat.values) {
      value(field.value, repeat.join, repeat.first, repeat.last);
    }
  }
  for (const JoinMapping& each : mapping.joins) {
    for (const auto& [own, other] : each.on) {
      if (join.empty()) add(own);
      if (each.name != join) continue;
      for (int n = each.first; n <= each.last; ++n) add(Numbered(mapping.format, other, n));
    }
    if (each.name != join) continue;
    for (const RowCondition& condition : each.where) add(condition.column);
  }
  if (join.empty()) {
    for (const RowCondition& condition : mapping.where) add(condition.column);
  }
  return columns;
}

// Finds the columns, and says which are missing.
class RowMapper::Binder {
 public:
  Binder(const Mapping& mapping, const policy::RecordType& type, std::string file,
         const std::vector<std::string>& columns, std::vector<JoinedRows*> joins)
      : mapping_(mapping),
        type_(type),
        file_(std::move(file)),
        columns_(columns),
        joins_(std::move(joins)) {}

  Bound Run() {
    std::unique_ptr<RowMapper> mapper(new RowMapper());
    for (const RowCondition& condition : mapping_.where) {
      mapper->conditions_.push_back({Column(condition.column, -1, condition.place), &condition});
    }
    for (size_t i = 0; i < mapping_.joins.size(); ++i) {
      const JoinMapping& join = mapping_.joins[i];
      Join bound = {&join, joins_[i], {}};
      for (const auto& [own, other] : join.on) bound.key.push_back(Column(own, -1, join.place));
      mapper->joins_.push_back(std::move(bound));
    }
    for (const FieldMapping& field : mapping_.fields) {
      Field bound = BindField(type_.descriptor(), field, "", 0, -1, /*optional=*/false);
      if (bound.value.join >= 0) mapper->joins_[bound.value.join].single = true;
      mapper->fields_.push_back(std::move(bound));
    }
    for (const RepeatMapping& repeat : mapping_.repeats) BindRepeat(repeat, *mapper);
    Bound bound;
    bound.unread = Unread();
    bound.findings = std::move(findings_);
    if (bound.findings.empty()) bound.mapper = std::move(mapper);
    return bound;
  }

 private:
  void Report(absl::string_view id, policy::Place place, std::string message) {
    policy::Finding finding;
    finding.id = std::string(id);
    finding.file = mapping_.file;
    finding.place = place;
    finding.message = std::move(message);
    findings_.push_back(std::move(finding));
  }
  const std::vector<std::string>& ColumnsOf(int join) const {
    return join < 0 ? columns_ : joins_[join]->columns();
  }
  // -1: it is not there, without a report.
  int Look(const std::string& column, int join, policy::Place place) {
    const std::vector<std::string>& columns = ColumnsOf(join);
    const auto found = std::find(columns.begin(), columns.end(), column);
    if (found == columns.end()) return -1;
    if (std::find(found + 1, columns.end(), column) != columns.end()) {
      Report("M021", place, absl::StrCat("the column \"", column, "\" is there twice in ", file_));
    }
    if (join < 0) read_.insert(column);
    return static_cast<int>(found - columns.begin());
  }
  int Column(const std::string& column, int join, policy::Place place) {
    const int index = Look(column, join, place);
    if (index < 0) ReportMissing(column, join, place);
    return index;
  }
  void ReportMissing(const std::string& column, int join, policy::Place place) {
    Report("M020", place,
           absl::StrCat("there is no column \"", column, "\" in ", file_,
                        join < 0 ? "" : absl::StrCat(" (join ", mapping_.joins[join].name, ")"),
                        policy::DidYouMean(column, ColumnsOf(join))));
  }
  int JoinIndex(const std::string& name) const {
    for (size_t i = 0; i < mapping_.joins.size(); ++i) {
      if (mapping_.joins[i].name == name) return static_cast<int>(i);
    }
    return -1;
  }

  // `join`: of the repeat around it, or -1.
  Value BindValue(const ValueMapping& mapping, int n, int join, bool optional) {
    Value value = {&mapping};
    value.join = mapping.from.empty() ? join : JoinIndex(mapping.from);
    if (!mapping.crosswalk.empty()) value.crosswalk = &mapping_.crosswalks.at(mapping.crosswalk);
    for (const std::string& pattern : mapping.columns) {
      const std::string column = Numbered(mapping_.format, pattern, n);
      const int index = Look(column, value.join, mapping.place);
      if (index < 0) continue;
      if (!value.columns.empty() && IsTabular(mapping_.format)) {
        Report("M021", mapping.place,
               absl::StrCat("both \"", value.name, "\" and \"", column, "\" are in ", file_,
                            ": a field takes one column"));
      }
      value.columns.push_back(index);
      if (value.name.empty()) value.name = column;
    }
    if (!mapping.unless.empty()) {
      value.unless = Look(Numbered(mapping_.format, mapping.unless, n), value.join, mapping.place);
    }
    if (value.columns.empty() && !mapping.is_constant() && !mapping.optional && !optional) {
      ReportMissing(Numbered(mapping_.format, mapping.columns[0], n), value.join, mapping.place);
    }
    return value;
  }
  Field BindField(const Descriptor& type, const FieldMapping& mapping, const std::string& path,
                  int n, int join, bool optional) {
    Field field;
    field.path = path + mapping.field;
    BindPath(type, mapping.field, field.around, field.leaf);
    field.value = BindValue(mapping.value, n, join, optional);
    return field;
  }
  static void BindPath(const Descriptor& type, const std::string& path,
                       std::vector<const FieldDescriptor*>& around, const FieldDescriptor*& leaf) {
    const Descriptor* at = &type;
    for (const absl::string_view step : absl::StrSplit(path, '.')) {
      if (leaf != nullptr) around.push_back(leaf);
      leaf = at->FindFieldByName(std::string(step));
      at = leaf->message_type();
    }
  }
  void BindRepeat(const RepeatMapping& mapping, RowMapper& mapper) {
    for (int n = mapping.first; n <= mapping.last; ++n) {
      // The first numbered columns must be there; of the others, as many as the file has.
      const bool optional = n > mapping.first;
      Repeat repeat;
      BindPath(type_.descriptor(), mapping.field, repeat.around, repeat.field);
      repeat.join = JoinIndex(mapping.join);
      repeat.each = mapping.each;
      if (repeat.join >= 0 && !repeat.each) mapper.joins_[repeat.join].single = true;
      if (mapping.when.has_value()) {
        repeat.when.emplace();
        repeat.when->value = BindValue(*mapping.when, n, repeat.join, optional);
      }
      for (const FieldMapping& value : mapping.values) {
        if (value.field.empty()) {
          Field field;
          field.path = mapping.field;
          field.leaf = repeat.field;
          field.value = BindValue(value.value, n, repeat.join, optional);
          repeat.values.push_back(std::move(field));
        } else {
          repeat.values.push_back(BindField(*repeat.field->message_type(), value,
                                            mapping.field + ".", n, repeat.join, optional));
        }
      }
      mapper.repeats_.push_back(std::move(repeat));
    }
  }
  std::vector<std::string> Unread() const {
    std::vector<std::string> unread;
    if (!IsTabular(mapping_.format)) return unread;
    for (const std::string& column : columns_) {
      if (read_.count(column) == 0 && !LeavesOut(mapping_, column) && !column.empty()) {
        unread.push_back(column);
      }
    }
    return unread;
  }
  const Mapping& mapping_;
  const policy::RecordType& type_;
  const std::string file_;
  const std::vector<std::string>& columns_;
  const std::vector<JoinedRows*> joins_;
  std::set<std::string> read_;
  std::vector<policy::Finding> findings_;
};

RowMapper::Bound RowMapper::Bind(const Mapping& mapping, const policy::RecordType& type,
                                 const std::string& file, const std::vector<std::string>& columns,
                                 std::vector<JoinedRows*> joins) {
  return Binder(mapping, type, file, columns, std::move(joins)).Run();
}

}  // namespace sluice::client
