// The rows of another file by the columns that they share with this one: in memory while they are
// few, beyond that in a temporary database.
//
// One a join; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_JOIN_INDEX_H_
#define SLUICE_CLIENT_IMPORT_JOIN_INDEX_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/import/mapping.h"
#include "client/import/row_mapper.h"
#include "client/import/row_source.h"
#include "client/import/temporary_database.h"

namespace sluice::client {

class JoinIndex : public JoinedRows {
 public:
  // A row may have so many partners at most.
  static constexpr size_t kMaxRows = 10'000;

  // Reads the source to its end, `rows` of them; an empty key belongs to nobody. INVALID_ARGUMENT
  // with the place for a row that can't be read or a column that is not there.
  static absl::StatusOr<std::unique_ptr<JoinIndex>> Build(const Mapping& mapping,
                                                          const JoinMapping& join,
                                                          RowSource& source);

  const std::vector<std::string>& columns() const override { return columns_; }
  absl::StatusOr<std::vector<std::vector<std::string>>> Find(
      const std::vector<std::string>& key) override;

 private:
  JoinIndex() = default;
  absl::Status Fill(const Mapping& mapping, const JoinMapping& join, RowSource& source);

  std::vector<std::string> columns_;
  std::unique_ptr<TemporaryDatabase> database_;
  std::optional<TemporaryStatement> find_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_JOIN_INDEX_H_
