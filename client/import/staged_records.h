// The records of a publish between reading and sending: checked, in order, outside memory. All
// files are read to their end before the first record is sent, so that what is wrong with the last
// row changes nothing, and what is sent is what was checked.
//
// Keys are looked at across all files of a publish: records of one key and one content are one
// record; of one key and two contents, a conflict.
//
// One a publish; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_STAGED_RECORDS_H_
#define SLUICE_CLIENT_IMPORT_STAGED_RECORDS_H_

#include <openssl/evp.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/import/temporary_database.h"

namespace sluice::client {

struct StagedRecord {
  int source = 0;  // a number that the caller gives: its file and mapping
  int64_t line = 0;
  std::string bytes;
  // The row in its source's own form, where it was kept.
  std::string row;
};

// Two places that give one key another content.
struct KeyConflict {
  StagedRecord first;  // without bytes
  StagedRecord second;
  bool first_again = false;  // `first` was in a conflict before
};

class StagedRecords {
 public:
  static absl::StatusOr<std::unique_ptr<StagedRecords>> Create();

  // `type` and `key` together name a record.
  absl::Status Add(absl::string_view type, absl::string_view key, const StagedRecord& record);
  // Forgets what a source gave: it is refused.
  absl::Status Drop(int source);

  // After the last Add, or after a Drop anew: leaves one of each set of equal records, and takes
  // all of a conflict out. `repeated` is told the source of each record left out for being equal to
  // an earlier one.
  absl::Status ResolveKeys(const std::function<void(const KeyConflict&)>& conflict,
                           const std::function<void(int source)>& repeated);

  // What is left of a source, in order, from its first to its last. All of a source's records were
  // added one after the other.
  void Rewind(int source);
  absl::StatusOr<std::optional<StagedRecord>> Next();

 private:
  using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
  explicit StagedRecords(std::unique_ptr<TemporaryDatabase> database);
  absl::Status Prepare();
  absl::StatusOr<std::string> Digest(absl::string_view label, absl::string_view bytes);
  absl::StatusOr<std::string> RowOf(int64_t id);

  const std::unique_ptr<TemporaryDatabase> database_;
  std::optional<TemporaryStatement> add_record_;
  std::optional<TemporaryStatement> add_key_;
  std::optional<TemporaryStatement> next_;
  Context digest_;
  std::string salt_;
  struct Range {
    int64_t first, last;  // ids
  };
  std::map<int, Range> sources_;
  int64_t last_ = 0;            // of the source that Next reads
  std::vector<bool> left_out_;  // by id: a bit for each record of the publish
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_STAGED_RECORDS_H_
