// Records out of a file: NDJSON or CSV, each with the line it begins at.
//
// One a file; not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_RECORD_INPUT_H_
#define SLUICE_CLIENT_COMMAND_RECORD_INPUT_H_

#include <fstream>
#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/record_csv.h"
#include "google/protobuf/dynamic_message.h"
#include "policy/catalog.h"

namespace sluice::client {

struct InputRecord {
  int line = 0;
  // Not OK: the record can't be read, and why, without its place. The next can.
  absl::Status status;
  std::string bytes;
};

class RecordInput {
 public:
  // `file`: "-" is standard input. `format`: "ndjson" or "csv".
  static absl::StatusOr<std::unique_ptr<RecordInput>> Open(const policy::RecordType& type,
                                                           const std::string& file,
                                                           const std::string& format);

  // Nothing at the end. Fails where nothing after it can be read either; the sentence begins with
  // the place.
  absl::StatusOr<std::optional<InputRecord>> Next();
  // `file:line`
  std::string PlaceOf(int line) const;

 private:
  RecordInput(const policy::RecordType& type, std::string file);
  absl::StatusOr<std::optional<InputRecord>> NextLine();
  absl::StatusOr<std::optional<InputRecord>> NextRow();

  const std::string file_;
  std::ifstream opened_;
  std::istream* in_ = nullptr;
  std::unique_ptr<google::protobuf::Message> record_;
  std::unique_ptr<CsvReader> csv_;  // null: NDJSON
  std::optional<CsvColumns> columns_;
  int line_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_RECORD_INPUT_H_
