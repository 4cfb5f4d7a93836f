// What makes a record out of a row: a mapping, or our own form as it stands.
//
// One a file; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_RECORD_MAKER_H_
#define SLUICE_CLIENT_IMPORT_RECORD_MAKER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/import/row_source.h"
#include "google/protobuf/message.h"

namespace sluice::client {

// What is wrong with a row. Never holds a value.
struct RowProblem {
  std::string column;  // as the file names it; empty: the row as a whole
  std::string field;   // path in the record; may be empty
  std::string reason;
};

struct MappedRow {
  bool taken = true;                 // false: the mapping leaves it out
  std::vector<RowProblem> problems;  // all that is wrong with it
};

class RecordMaker {
 public:
  virtual ~RecordMaker() = default;

  // Fills an empty record. Fails where nothing can be made of any row: a join can't be looked at.
  virtual absl::StatusOr<MappedRow> Map(const SourceRow& row,
                                        google::protobuf::Message& record) = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_RECORD_MAKER_H_
