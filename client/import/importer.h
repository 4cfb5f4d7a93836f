// An import: files of others' making, read through, checked and staged whole, then published.
//
// A file is all or nothing: one bad row refuses it, every bad row is named, and the other files of
// the same publish go on. With `skip_invalid` the good rows are taken and the others written out.
// Memory does not grow with the files.
//
// One a publish; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_IMPORTER_H_
#define SLUICE_CLIENT_IMPORT_IMPORTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/import/mapping.h"
#include "client/import/record_file.h"
#include "client/import/rejects.h"
#include "client/import/staged_records.h"
#include "client/publisher.h"
#include "policy/catalog.h"

namespace sluice::client {

struct ImportProblem {
  std::string file;
  int64_t line = 0;  // 0: the file as a whole
  std::string column;
  std::string field;
  std::string reason;  // never holds a value
};

// What became of one file under one mapping.
struct ImportOutcome {
  std::string path;
  std::string mapping;  // empty: our own form
  std::string record_type;
  int64_t rows = 0;
  int64_t not_taken = 0;  // by the mapping's `where`
  int64_t bad_rows = 0;
  int64_t repeated = 0;             // equal to a record before it
  int64_t records = 0;              // staged, to be published
  bool refused = false;             // nothing of it is published
  std::string reason;               // of the refusal
  std::vector<std::string> unread;  // columns that the mapping does not name
  // Fields of XML and JSON that it does not name, each with how many values were there.
  std::map<std::string, int64_t> unread_fields;
  std::vector<std::string> samples;  // the first records' bytes
  PublishSummary published;
  absl::Status publish_status;
};

struct ImportOptions {
  bool skip_invalid = false;
  // Where bad rows go; empty: nowhere. A file, or a directory for the files of a directory.
  std::string rejects;
  bool rejects_directory = false;
  size_t samples = 3;
};

class Importer {
 public:
  // The catalog must outlive it. `on_problem` is told of each, in the order in which they are
  // found; `on_read` how many rows and bytes more were read.
  static absl::StatusOr<std::unique_ptr<Importer>> Create(
      const policy::Catalog& catalog, ImportOptions options,
      std::function<void(const ImportProblem&)> on_problem,
      std::function<void(int64_t rows, int64_t bytes)> on_read);

  // Reads a file through under a mapping, or in our own form. What is wrong with the file is in its
  // outcome; an error is the machine's.
  absl::Status Stage(const std::string& path, const Mapping& mapping);
  absl::Status StageOwnForm(const std::string& path, OwnForm form, const policy::RecordType& type);
  // After the last Stage: what the files say of one key together. Nothing is sent before it.
  absl::Status Resolve();

  // Sends what one outcome stands for. `on_sent`: records answered.
  absl::Status Publish(size_t outcome, Gateway* gateway, const PublisherOptions& options,
                       RetryPolicy policy, RetryEnvironment environment,
                       const std::function<void(int64_t records)>& on_sent);

  const std::vector<ImportOutcome>& outcomes() const { return outcomes_; }

 private:
  Importer(const policy::Catalog& catalog, ImportOptions options,
           std::function<void(const ImportProblem&)> on_problem,
           std::function<void(int64_t, int64_t)> on_read, std::unique_ptr<StagedRecords> staged);
  ImportOutcome& Begin(const std::string& path, std::string mapping, std::string record_type);
  // What the last outcome comes to, after its file was opened.
  absl::Status End(absl::StatusOr<RecordFile> file, const policy::RecordType& type);
  // Not OK: the file can't be taken, and why, with its place.
  absl::Status StageRows(RecordFile& file, const policy::RecordType& type, ImportOutcome& outcome);
  absl::Status StageRow(const SourceRow& row, RecordFile& file, const policy::RecordType& type,
                        google::protobuf::Message& record, ImportOutcome& outcome);
  // Writes a row of an outcome to its rejects.
  absl::Status Reject(int number, absl::string_view row);
  absl::Status TakeConflict(const KeyConflict& conflict);
  static void Refuse(ImportOutcome& outcome, std::string reason);

  struct RejectsForm {
    std::string begin, end;
    std::string path;
    std::unique_ptr<Rejects> file;  // null: no row was rejected so far
  };

  const policy::Catalog& catalog_;
  const ImportOptions options_;
  const std::function<void(const ImportProblem&)> on_problem_;
  const std::function<void(int64_t, int64_t)> on_read_;
  const std::unique_ptr<StagedRecords> staged_;
  std::vector<ImportOutcome> outcomes_;
  std::map<int, RejectsForm> rejects_;  // by outcome
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_IMPORTER_H_
