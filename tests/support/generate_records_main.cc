// Prints generated records:
//   generate-records --type Candidate --count 3000 --seed 7 --format ndjson|csv
// NDJSON is proto JSON with proto field names. CSV has a column for each field path that some
// record has: `source.school_year`, `race[0]`; dates as 2001-05-03.
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "google/type/date.pb.h"
#include "google/type/decimal.pb.h"
#include "tests/support/record_generator.h"

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A column's place: field numbers and places in a repeated field. Sorts as columns stand.
using Place = std::vector<int>;
struct Cell {
  std::string path;
  std::string value;
};
using Row = std::map<Place, Cell>;

std::string Text(const Message& message, const FieldDescriptor* field, int i) {
  const google::protobuf::Reflection& r = *message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(repeated ? r.GetRepeatedInt32(message, field, i)
                                   : r.GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(repeated ? r.GetRepeatedInt64(message, field, i)
                                   : r.GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(repeated ? r.GetRepeatedUInt32(message, field, i)
                                   : r.GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? r.GetRepeatedBool(message, field, i) : r.GetBool(message, field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? r.GetRepeatedString(message, field, i) : r.GetString(message, field);
    default:
      return "";
  }
}

void Flatten(const Message& message, const Place& place, const std::string& path, Row& row);

void FlattenField(const Message& message, const FieldDescriptor* field, int i, const Place& place,
                  const std::string& path, Row& row) {
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    row[place] = {path, Text(message, field, i)};
    return;
  }
  const google::protobuf::Reflection& r = *message.GetReflection();
  const Message& inside =
      field->is_repeated() ? r.GetRepeatedMessage(message, field, i) : r.GetMessage(message, field);
  if (const auto* date = dynamic_cast<const google::type::Date*>(&inside)) {
    row[place] = {path,
                  absl::StrFormat("%04d-%02d-%02d", date->year(), date->month(), date->day())};
  } else if (const auto* decimal = dynamic_cast<const google::type::Decimal*>(&inside)) {
    row[place] = {path, decimal->value()};
  } else {
    Flatten(inside, place, path + ".", row);
  }
}

void Flatten(const Message& message, const Place& place, const std::string& path, Row& row) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) {
    Place at = place;
    at.push_back(field->number());
    if (!field->is_repeated()) {
      FlattenField(message, field, 0, at, path + field->name(), row);
      continue;
    }
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      Place element = at;
      element.push_back(i);
      FlattenField(message, field, i, element, absl::StrCat(path, field->name(), "[", i, "]"), row);
    }
  }
}

std::string Quoted(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  return absl::StrCat("\"", absl::StrReplaceAll(value, {{"\"", "\"\""}}), "\"");
}

Row RowOf(const Message& record) {
  Row row;
  Flatten(record, {}, "", row);
  return row;
}

void PrintCsv(const sluice::testing::RecordGenerator& records, const std::string& type,
              uint64_t count) {
  std::map<Place, std::string> columns;
  for (uint64_t i = 0; i < count; ++i) {
    for (const auto& [place, cell] : RowOf(*records.Make(type, i))) columns[place] = cell.path;
  }
  const char* comma = "";
  for (const auto& [place, path] : columns) {
    std::cout << std::exchange(comma, ",") << path;
  }
  std::cout << "\n";
  for (uint64_t i = 0; i < count; ++i) {
    const Row row = RowOf(*records.Make(type, i));
    comma = "";
    for (const auto& [place, path] : columns) {
      const auto cell = row.find(place);
      std::cout << std::exchange(comma, ",")
                << (cell == row.end() ? "" : Quoted(cell->second.value));
    }
    std::cout << "\n";
  }
}

bool PrintNdjson(const sluice::testing::RecordGenerator& records, const std::string& type,
                 uint64_t count) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  for (uint64_t i = 0; i < count; ++i) {
    std::string line;
    if (!google::protobuf::util::MessageToJsonString(*records.Make(type, i), &line, options).ok()) {
      return false;
    }
    std::cout << line << "\n";
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::string type = "Candidate", format = "ndjson";
  uint64_t count = 10, seed = 1;
  bool ok = argc % 2 == 1;
  for (int i = 1; ok && i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--type") {
      type = value;
    } else if (flag == "--format") {
      format = value;
    } else if (flag == "--count") {
      ok = absl::SimpleAtoi(value, &count);
    } else if (flag == "--seed") {
      ok = absl::SimpleAtoi(value, &seed);
    } else {
      ok = false;
    }
  }
  const sluice::testing::RecordGenerator records(seed);
  if (!ok || records.Make(type, 0) == nullptr || (format != "ndjson" && format != "csv")) {
    std::cerr << "usage: generate-records --type TYPE --count N --seed N --format ndjson|csv\n";
    return 2;
  }
  std::ios::sync_with_stdio(false);
  if (format == "csv") {
    PrintCsv(records, type, count);
  } else if (!PrintNdjson(records, type, count)) {
    return 1;
  }
  return std::cout.flush() ? 0 : 1;
}
