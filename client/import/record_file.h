// A file that is open to be read as records: its rows, and what makes records of them.
//
// One a reading; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_RECORD_FILE_H_
#define SLUICE_CLIENT_IMPORT_RECORD_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/import/join_index.h"
#include "client/import/mapping.h"
#include "client/import/record_maker.h"
#include "client/import/row_source.h"
#include "policy/catalog.h"

namespace sluice::client {

struct RecordFile {
  const Mapping* mapping = nullptr;               // null: our own form
  std::vector<std::unique_ptr<JoinIndex>> joins;  // outlive `maker`, which looks into them
  std::unique_ptr<RowSource> rows;
  std::unique_ptr<RecordMaker> maker;
  std::vector<std::string> unread;  // columns that are neither read nor left out on purpose
  // Fields of joined resources that no column asked for: "Staff.LoginId".
  std::map<std::string, int64_t> unread_joined;
};

// Our own form: JSON by the names of the fields, one record a line, or CSV whose header names
// fields.
enum class OwnForm { kNdjson, kCsv };
// As `--format` names it.
std::optional<OwnForm> OwnFormOfName(absl::string_view name);

// All fail with INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION for what is wrong with the file,
// with its place. What they are given must outlive what they give.

absl::StatusOr<RecordFile> OpenMapped(const std::string& path, const Mapping& mapping,
                                      const policy::RecordType& type);
absl::StatusOr<RecordFile> OpenOwnForm(const std::string& path, OwnForm form,
                                       const policy::RecordType& type);

// The rows alone, as a format says. XML and JSON: the rows are the resources of that name, with the
// columns asked for.
absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(const std::string& path, const Mapping& mapping,
                                                    const std::string& resource,
                                                    std::vector<std::string> columns);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_RECORD_FILE_H_
