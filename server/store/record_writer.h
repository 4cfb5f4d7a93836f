// Writes records and the dictionaries of their subjects, within a group's transaction: publishes
// and deletions, each remembered under its request id for 7 days. What they replace goes into the
// history; where they change which ids are one subject, the records about it follow.
//
// On the writer's thread. Keeps nothing in memory from one call to the next, so an undone work
// leaves nothing behind.
#ifndef SLUICE_SERVER_STORE_RECORD_WRITER_H_
#define SLUICE_SERVER_STORE_RECORD_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/answers.h"
#include "server/store/dictionary.h"
#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/record_history.h"
#include "server/store/sealing_keys.h"
#include "server/store/sql.h"
#include "server/store/store.h"
#include "server/store/subject_joins.h"

namespace sluice::server {

class RecordWriter {
 public:
  // What it stands on must outlive it.
  struct Parts {
    SqlConnection* connection;
    const NameHasher* hasher;
    RecordHistory* history;
    Dictionary* dictionary;
    SubjectJoins* joins;
    SealingKeys* sealing;
    OpeningKeys* opening;
  };
  static absl::StatusOr<std::unique_ptr<RecordWriter>> Create(const Parts& parts);

  // INVALID_ARGUMENT if a key stands twice in the batch; RESOURCE_EXHAUSTED beyond the owner's
  // rows.
  absl::StatusOr<PublishOutcome> Publish(const PublishBatch& batch);
  absl::StatusOr<DeleteOutcome> Delete(const DeleteBatch& batch);

 private:
  struct Owner {
    int64_t id = 0;
    int64_t rows = 0;  // of all its types
  };
  struct Collection {
    int64_t id = 0;
    Owner owner;
    int64_t position = 0;  // of its last change
  };
  // What is known of one key of a batch.
  struct Entry {
    Hash16 key;
    size_t index = 0;              // in the batch
    bool known = false;            // it was published before
    bool live = false;             // and not deleted since
    bool changes = true;           // by this batch
    int64_t content_position = 0;  // as record_key has it
    uint32_t old_ordinal = 0;
    uint32_t ordinal = 0;
    policy::RecordId id{};
    std::string subjects;  // as `record.subjects` keeps them
  };

  // A batch beside what is stored.
  struct Compared {
    Collection collection;  // with validate_only: as found, or none
    std::vector<Entry> entries;
    PublishOutcome outcome;  // its counts
  };

  explicit RecordWriter(const Parts& parts)
      : hasher_(parts.hasher),
        history_(parts.history),
        dictionary_(parts.dictionary),
        joins_(parts.joins),
        sealing_(parts.sealing),
        opening_(parts.opening) {}
  absl::Status Prepare(SqlConnection* connection);

  absl::StatusOr<Owner> FindOwner(absl::string_view owner, bool create);
  absl::StatusOr<Collection> FindCollection(absl::string_view owner, absl::string_view record_type,
                                            bool create);
  // The keys in the order of their hashes, each with what is stored under it.
  template <typename KeyOf>
  absl::StatusOr<std::vector<Entry>> Entries(absl::string_view owner, absl::string_view record_type,
                                             size_t count, KeyOf key_of);
  // What a publish would change. RESOURCE_EXHAUSTED beyond the owner's rows.
  absl::StatusOr<Compared> Compare(const PublishBatch& batch);
  absl::Status FindChanges(const PublishBatch& batch, const Collection& collection,
                           std::vector<Entry>& entries);
  // Finds the changed records' subjects in the dictionary, adds those that are new.
  absl::StatusOr<std::vector<NewSubject>> ResolveSubjects(const PublishBatch& batch,
                                                          const Collection& collection,
                                                          std::vector<Entry>& entries);
  // As `record.identity` keeps it.
  absl::StatusOr<std::string> IdentityOf(const PublishBatch& batch, const Entry& entry) const;
  absl::Status AssignRecordIds(std::vector<Entry>& entries);
  absl::Status WriteEntries(const PublishBatch& batch, std::vector<Entry>& entries,
                            RecordHistory::Change& change);
  absl::Status DeleteEntries(const std::vector<Entry>& entries, RecordHistory::Change& change);

  const NameHasher* const hasher_;
  RecordHistory* const history_;
  Dictionary* const dictionary_;
  SubjectJoins* const joins_;
  SealingKeys* const sealing_;
  OpeningKeys* const opening_;
  std::unique_ptr<Answers> answers_;
  SqlStatement find_owner_, insert_owner_, find_collection_, insert_collection_;
  SqlMany find_keys_, insert_keys_, update_keys_;
  SqlMany find_records_, insert_records_, put_records_, delete_records_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RECORD_WRITER_H_
