#include "client/import/row_mapper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/import/row_mapper_parts.h"
#include "client/import/value_form.h"
#include "client/record_value.h"

namespace sluice::client {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// One row under way.
struct RowMapper::Work {
  const SourceRow& row;
  Message& record;
  std::vector<std::vector<std::vector<std::string>>> joined;  // by join
  std::vector<RowProblem> problems;
};

RowMapper::RowMapper() = default;
RowMapper::~RowMapper() = default;

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
    if (field.value.unless >= 0) {
      const absl::string_view flag = absl::StripAsciiWhitespace((*cells)[field.value.unless]);
      const absl::StatusOr<std::string> form = BoolFromCell(flag);
      if (!flag.empty() && !form.ok()) {
        return problem(absl::StrCat(mapping.unless, " ", form.status().message()));
      }
      if (!flag.empty() && *form == "true") return;
    }
  }
  std::string text;
  if (field.value.crosswalk != nullptr) {
    const Crosswalk& crosswalk = *field.value.crosswalk;
    const auto code = crosswalk.codes.find(cell);
    const std::string* shared =
        crosswalk.shared == nullptr ? nullptr : crosswalk.shared->Find(cell);
    if (code != crosswalk.codes.end()) {
      text = code->second;
    } else if (shared != nullptr) {
      text = *shared;
    } else {
      switch (crosswalk.otherwise) {
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
  if (mapping.school_year) {
    absl::StatusOr<std::string> year = SchoolYearFromCell(cell);
    if (!year.ok()) return problem(year.status().message());
    text = *std::move(year);
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
