// A mapping: how the rows of a file of somebody else's making become records of one type. A strict
// YAML file, read with places like an MOU:
//
//   mapping: ed-fi-candidate
//   title: Candidates of a program
//   record: Candidate
//   format: ed-fi-csv
//   files: [candidate.csv]
//   fields:
//     candidate_id: CandidateIdentifier                  # a column
//     source_system: {constant: "uri://ed-fi.org/SourceSystemDescriptor#State"}
//     birth_date: {column: BirthDate, date: MM/DD/YYYY}
//   repeat:
//     race: {columns: 1..5, value: "RaceDescriptor{n}"}
//
// A mapping without `record` says why such a file is not taken (`refused`).
//
// A value.
#ifndef SLUICE_CLIENT_IMPORT_MAPPING_H_
#define SLUICE_CLIENT_IMPORT_MAPPING_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/crosswalk.h"
#include "policy/finding.h"

namespace sluice::client {

enum class MappingFormat { kCsv, kEdFiCsv, kOneRoster, kEdFiXml, kEdFiJson };

// As `--format` and the document name it: "ed-fi-csv".
absl::string_view FormatName(MappingFormat format);
std::optional<MappingFormat> FormatOfName(absl::string_view name);
const std::vector<std::string>& FormatNames();
// Whether its files have a header that names all there is.
bool IsTabular(MappingFormat format);

// From a source's codes to ours. A code that it does not name is kept as it is (code sets are
// open), or refused where it says so.
struct Crosswalk {
  enum class Otherwise { kKeep, kRefuse, kAbsent };
  std::map<std::string, std::string, std::less<>> codes;  // to "": absent
  // One that Sluice brings, asked where `codes` does not name a code; may be null.
  std::shared_ptr<const policy::Crosswalk> shared;
  Otherwise otherwise = Otherwise::kKeep;
};

// Where a value comes from, and what becomes of it on its way.
struct ValueMapping {
  // The first of them that the file has; empty: the constant. `{n}` is the number of the element in
  // a repeat.
  std::vector<std::string> columns;
  std::string unless;  // a column that is true where the value is not to be taken; empty: none
  std::string from;    // the join whose columns they are; empty: the row's own
  std::string constant;
  std::string prefix;              // put before a value that is there
  std::string crosswalk;           // by name; see Mapping::crosswalks
  std::vector<std::string> dates;  // forms beside the standard's own, like "MM/DD/YYYY"
  bool school_year = false;        // "2021-2022" is known by its second year
  bool trim = false;
  bool optional = false;  // the file may lack the column
  bool required = false;  // a row may not lack the value
  policy::Place place;

  bool is_constant() const { return columns.empty(); }
};

struct FieldMapping {
  std::string field;  // path in the record; in a repeat, in its element; empty: the element itself
  ValueMapping value;
  policy::Place place;
};

// Elements of a repeated field: of numbered columns, or of the rows of a join.
struct RepeatMapping {
  std::string field;
  int first = 0;  // of the numbers that {n} stands for
  int last = 0;
  std::string join;   // whose rows its columns are in; empty: the row itself
  bool each = false;  // an element of each row of the join, not of its one row
  std::optional<ValueMapping>
      when;  // the element is there if this has a value; without: if any has
  std::vector<FieldMapping> values;
  policy::Place place;
};

// Which rows are taken: those that meet all.
struct RowCondition {
  std::string column;
  std::vector<std::string> values;
  bool in = true;  // false: none of the values. The empty value is an empty cell
  policy::Place place;
};

// Rows of another file (or of another resource of the same one) that belong to a row.
struct JoinMapping {
  std::string name;
  std::vector<std::string> files;
  std::string resource;
  std::vector<std::pair<std::string, std::string>> on;  // (the row's column, the joined column)
  // Of the numbers that {n} stands for in a joined column: a row belongs by any of them. 0: no {n}.
  int first = 0;
  int last = 0;
  std::vector<RowCondition> where;
  bool required = false;  // a row without a partner is an error
  bool selects = false;   // a row without a partner is not taken
  policy::Place place;
};

struct Mapping {
  std::string name;
  std::string title;
  std::string record;   // empty: refused
  std::string refused;  // why nothing is taken
  MappingFormat format = MappingFormat::kCsv;
  std::vector<std::string> files;
  std::vector<std::string> namespaces;  // XML: those it is written for
  std::string resource;                 // XML, JSON: which elements are its rows
  std::vector<RowCondition> where;
  std::vector<JoinMapping> joins;
  std::vector<FieldMapping> fields;
  std::vector<RepeatMapping> repeats;
  std::map<std::string, Crosswalk> crosswalks;
  // Columns that are left out on purpose, and why. A name may hold {n}: any number; one of XML or
  // JSON has no numbers, and stands for all that is inside it.
  std::vector<std::pair<std::string, std::string>> left_out;
  std::string file;  // of the mapping itself, for places
};

struct MappingRead {
  std::optional<Mapping> mapping;  // only without errors
  std::vector<policy::Finding> findings;
};

// Never fails otherwise than by findings (M001 to M022).
MappingRead ReadMapping(absl::string_view file_name, absl::string_view bytes,
                        const policy::Catalog& catalog);

// Whether it means something in the catalog: fields that there are, each filled once, the whole
// key.
std::vector<policy::Finding> CheckMapping(const Mapping& mapping, const policy::Catalog& catalog);

// Whether it leaves a column out on purpose; in XML and JSON, a field or one around it.
bool LeavesOut(const Mapping& mapping, absl::string_view column);

// "Rating{n}" -> "Rating2". Of XML and JSON: "Race[{n}]" -> "Race[2]", and "Race" for the first.
std::string Numbered(MappingFormat format, absl::string_view column, int n);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_MAPPING_H_
