// What a row mapper is made of: a mapping's parts with their columns found. For row_mapper.cc and
// row_mapper_binding.cc alone.
#ifndef SLUICE_CLIENT_IMPORT_ROW_MAPPER_PARTS_H_
#define SLUICE_CLIENT_IMPORT_ROW_MAPPER_PARTS_H_

#include <optional>
#include <string>
#include <vector>

#include "client/import/row_mapper.h"
#include "google/protobuf/descriptor.h"

namespace sluice::client {

// A value whose columns are found.
struct RowMapper::Value {
  const ValueMapping* mapping = nullptr;
  const Crosswalk* crosswalk = nullptr;
  std::vector<int> columns;  // of the row, or of the join
  int unless = -1;           // likewise
  int join = -1;
  std::string name;  // of its first column
};

struct RowMapper::Field {
  std::vector<const google::protobuf::FieldDescriptor*>
      around;  // the messages that the leaf stands in
  const google::protobuf::FieldDescriptor* leaf =
      nullptr;  // null: only whether there is a value is asked
  std::string path;
  Value value;
};

// One repeated field, one number or join.
struct RowMapper::Repeat {
  std::vector<const google::protobuf::FieldDescriptor*> around;
  const google::protobuf::FieldDescriptor* field = nullptr;
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

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_ROW_MAPPER_PARTS_H_
