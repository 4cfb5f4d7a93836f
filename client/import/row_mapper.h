// Makes records out of rows as a mapping says, once its columns are found in the files at hand.
//
// One a file; not thread-safe. The mapping and the record type must outlive it.
#ifndef SLUICE_CLIENT_IMPORT_ROW_MAPPER_H_
#define SLUICE_CLIENT_IMPORT_ROW_MAPPER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/import/mapping.h"
#include "client/import/record_maker.h"
#include "client/import/row_source.h"
#include "google/protobuf/message.h"
#include "policy/catalog.h"

namespace sluice::client {

// Rows that belong to a row, found by the cells that both have.
class JoinedRows {
 public:
  virtual ~JoinedRows() = default;
  virtual const std::vector<std::string>& columns() const = 0;
  // In the order of their file.
  virtual absl::StatusOr<std::vector<std::vector<std::string>>> Find(
      const std::vector<std::string>& key) = 0;
};

// The columns that a mapping reads of its rows (`join` empty) or of a join, {n} written out.
std::vector<std::string> ColumnsRead(const Mapping& mapping, const std::string& join);

class RowMapper : public RecordMaker {
 public:
  struct Bound {
    std::unique_ptr<RowMapper> mapper;      // only without errors
    std::vector<policy::Finding> findings;  // M020 and M021, at places in the mapping
    std::vector<std::string> unread;        // columns that it neither reads nor leaves out
  };

  // `columns`: of the rows; with `joins`, one for each of the mapping's, in order, owned by the
  // caller. `file`: named in findings.
  static Bound Bind(const Mapping& mapping, const policy::RecordType& type, const std::string& file,
                    const std::vector<std::string>& columns, std::vector<JoinedRows*> joins);
  ~RowMapper() override;

  absl::StatusOr<MappedRow> Map(const SourceRow& row, google::protobuf::Message& record) override;

 private:
  class Binder;
  struct Value;
  struct Field;
  struct Repeat;
  struct Condition;
  struct Join;
  struct Work;
  RowMapper();

  void SetField(Work& work, google::protobuf::Message& message, const Field& field,
                const std::vector<std::string>* element) const;
  void AddElements(Work& work, const Repeat& repeat) const;
  static bool Meets(const std::vector<Condition>& conditions,
                    const std::vector<std::string>& cells);

  std::vector<Condition> conditions_;
  std::vector<Join> joins_;
  std::vector<Field> fields_;
  std::vector<Repeat> repeats_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_ROW_MAPPER_H_
