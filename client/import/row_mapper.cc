#include "client/import/row_mapper.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/import/value_form.h"
#include "client/record_value.h"
#include "policy/suggest.h"

namespace sluice::client {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A value whose columns are found.
struct RowMapper::Value {
  const ValueMapping* mapping = nullptr;
  const Crosswalk* crosswalk = nullptr;
  std::vector<int> columns;  // of the row, or of the join
  int join = -1;
  std::string name;  // of its first column
};

struct RowMapper::Field {
  std::vector<const FieldDescriptor*> around;  // the messages that the leaf stands in
  const FieldDescriptor* leaf = nullptr;       // null: only whether there is a value is asked
  std::string path;
  Value value;
};

// One repeated field, one number or join.
struct RowMapper::Repeat {
  std::vector<const FieldDescriptor*> around;
  const FieldDescriptor* field = nullptr;
  int join = -1;
  bool each = false;
  std::optional<Field> when;
  std::vector<Field> values;
};

struct RowMapper::Condition {
  int column;
  const RowCondition* mapping;
};

struct RowMapper::Join {
  const JoinMapping* mapping;
  JoinedRows* rows;
  std::vector<int> key;  // columns of the row
  bool single = false;   // some value takes it for one row
};

// One row under way.
struct RowMapper::Work {
  const SourceRow& row;
  Message& record;
  std::vector<std::vector<std::vector<std::string>>> joined;  // by join
  std::vector<RowProblem> problems;
};

RowMapper::RowMapper() = default;
RowMapper::~RowMapper() = default;

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
      if (each.name == join) add(other);
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
      const bool left_out =
          std::any_of(mapping_.left_out.begin(), mapping_.left_out.end(),
                      [&column](const auto& left) { return FitsNumbered(column, left.first); });
      if (read_.count(column) == 0 && !left_out && !column.empty()) unread.push_back(column);
    }
    return unread;
  }
  static bool FitsNumbered(absl::string_view column, absl::string_view pattern) {
    const size_t at = pattern.find("{n}");
    if (at == absl::string_view::npos) return column == pattern;
    return absl::ConsumePrefix(&column, pattern.substr(0, at)) &&
           absl::ConsumeSuffix(&column, pattern.substr(at + 3)) && !column.empty() &&
           std::all_of(column.begin(), column.end(), absl::ascii_isdigit);
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

bool RowMapper::Meets(const std::vector<Condition>& conditions,
                      const std::vector<std::string>& cells) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
    const std::vector<std::string>& values = condition.mapping->values;
    const bool found =
        std::find(values.begin(), values.end(), cells[condition.column]) != values.end();
    return found == condition.mapping->in;
  });
}

absl::StatusOr<MappedRow> RowMapper::Map(const SourceRow& row, Message& record) {
  if (!Meets(conditions_, row.cells)) return MappedRow{.taken = false};
  Work work = {row, record};
  for (const Join& join : joins_) {
    std::vector<std::string> key;
    for (const int column : join.key) key.push_back(row.cells[column]);
    auto found = join.rows->Find(key);
    if (!found.ok()) return found.status();
    if (found->empty() && join.mapping->selects) return MappedRow{.taken = false};
    if (found->empty() && join.mapping->required) {
      work.problems.push_back({join.mapping->on[0].first, "",
                               absl::StrCat("no row of ", join.mapping->name, " belongs to it")});
    }
    if (found->size() > 1 && join.single) {
      work.problems.push_back({join.mapping->on[0].first, "",
                               absl::StrCat(found->size(), " rows of ", join.mapping->name,
                                            " belong to it where there must be one")});
    }
    work.joined.push_back(*std::move(found));
  }
  for (const Field& field : fields_) SetField(work, record, field, nullptr);
  for (const Repeat& repeat : repeats_) AddElements(work, repeat);
  return MappedRow{true, std::move(work.problems)};
}

namespace {

// The cell of the first column that has one.
absl::string_view CellOf(const std::vector<int>& columns, const std::vector<std::string>& cells,
                         bool trim) {
  for (const int column : columns) {
    const absl::string_view cell =
        trim ? absl::StripAsciiWhitespace(cells[column]) : absl::string_view(cells[column]);
    if (!cell.empty()) return cell;
  }
  return "";
}

}  // namespace

void RowMapper::SetField(Work& work, Message& message, const Field& field,
                         const std::vector<std::string>* element) const {
  const ValueMapping& mapping = *field.value.mapping;
  const auto problem = [&](absl::string_view reason) {
    work.problems.push_back({field.value.name, field.path, std::string(reason)});
  };
  absl::string_view cell = mapping.constant;
  if (!mapping.is_constant()) {
    const std::vector<std::string>* cells = element != nullptr ? element : &work.row.cells;
    if (element == nullptr && field.value.join >= 0) {
      const auto& joined = work.joined[field.value.join];
      cells = joined.empty() ? nullptr : &joined[0];
    }
    cell = cells == nullptr ? "" : CellOf(field.value.columns, *cells, mapping.trim);
    if (cell.empty()) {
      if (mapping.required) problem("must have a value");
      return;
    }
  }
  std::string text;
  if (field.value.crosswalk != nullptr) {
    const auto code = field.value.crosswalk->codes.find(cell);
    if (code != field.value.crosswalk->codes.end()) {
      text = code->second;
    } else {
      switch (field.value.crosswalk->otherwise) {
        case Crosswalk::Otherwise::kKeep:
          text = std::string(cell);
          break;
        case Crosswalk::Otherwise::kRefuse:
          problem("is a code that the crosswalk does not name");
          return;
        case Crosswalk::Otherwise::kAbsent:
          break;
      }
    }
    if (text.empty()) return;
    cell = text;
  }
  if (!mapping.prefix.empty()) {
    text = absl::StrCat(mapping.prefix, cell);
    cell = text;
  }
  const bool date = IsDate(*field.leaf);
  if (!mapping.is_constant() && (date || field.leaf->cpp_type() == FieldDescriptor::CPPTYPE_BOOL)) {
    absl::StatusOr<std::string> form =
        date ? DateFromCell(cell, mapping.dates) : BoolFromCell(cell);
    if (!form.ok()) return problem(form.status().message());
    text = *std::move(form);
    cell = text;
  }
  Message* at = &message;
  for (const FieldDescriptor* around : field.around) {
    at = at->GetReflection()->MutableMessage(at, around);
  }
  const absl::Status set = SetFromText(*at, *field.leaf, cell);
  if (!set.ok()) problem(set.message());
}

void RowMapper::AddElements(Work& work, const Repeat& repeat) const {
  const bool joined = repeat.join >= 0;
  size_t rows = joined ? work.joined[repeat.join].size() : 1;
  if (!repeat.each) rows = std::min<size_t>(rows, 1);
  for (size_t i = 0; i < rows; ++i) {
    const std::vector<std::string>& cells = joined ? work.joined[repeat.join][i] : work.row.cells;
    const auto has = [&](const Field& field) {
      return !field.value.mapping->is_constant() &&
             !CellOf(field.value.columns, cells, field.value.mapping->trim).empty();
    };
    if (repeat.when.has_value() ? !has(*repeat.when)
                                : std::none_of(repeat.values.begin(), repeat.values.end(), has)) {
      continue;
    }
    Message* at = &work.record;
    for (const FieldDescriptor* around : repeat.around) {
      at = at->GetReflection()->MutableMessage(at, around);
    }
    if (IsStructure(*repeat.field)) at = at->GetReflection()->AddMessage(at, repeat.field);
    for (const Field& field : repeat.values) SetField(work, *at, field, &cells);
  }
}

}  // namespace sluice::client
