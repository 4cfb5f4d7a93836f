// Looks at every row that a store has of records: opens what is sealed, compares each collection
// with its seal, and what the tables say of one another: keys, counts, history, whom else records
// name, which ids they join, who is in the dictionary. It reads within one transaction, which
// whoever calls it has begun, a few hundred rows at a time.
//
// One a verification; not thread-safe.
#ifndef SLUICE_SERVER_STORE_RECORD_VERIFIER_H_
#define SLUICE_SERVER_STORE_RECORD_VERIFIER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/key_encryption_keys.h"
#include "server/store/associated_data.h"
#include "server/store/collection_seals.h"
#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/seal_keys.h"
#include "server/store/sql.h"
#include "server/store/store_findings.h"

namespace sluice::server {

class RecordVerifier {
 public:
  // All must outlive it.
  struct Parts {
    SqlConnection* connection;
    const NameHasher* hasher;
    const SealKeys* seal_keys;
    const KeyEncryptionKeys* keks;
    StoreFindings* findings;
  };
  static absl::StatusOr<std::unique_ptr<RecordVerifier>> Create(const Parts& parts);

  // Not OK: the store could not be read. What is wrong with it is among the findings.
  absl::Status Run();

 private:
  // A further name, beside the record that has it, as a member of a set.
  static std::string NameTag(uint32_t name);
  static constexpr int kPage = 512;

  // As the tables say, and as it was counted.
  struct Owner {
    std::string name;
    int64_t subjects = 0, names = 0, rows = 0;
    int64_t live = 0;
  };
  struct Collection {
    int64_t owner = 0;
    CollectionRow row;
    int64_t records = 0, live = 0, tombstones = 0;
  };
  struct Replaced {
    int64_t rows = 0, bytes = 0;
  };

  explicit RecordVerifier(const Parts& parts) : parts_(parts) {}
  absl::Status Prepare();
  absl::Status ReadOwners();
  absl::Status ReadRecords(int64_t id, Collection& collection);
  absl::Status ReadKeys();
  absl::Status ReadHistory();
  absl::Status ReadChanges();
  absl::Status ReadNames();
  absl::Status ReadIdentities();
  absl::Status ReadSubjects(int64_t id, const Owner& owner);
  // Whether a row opens. One whose key was destroyed can't, and that is as it shall be.
  absl::Status Open(const OfRecord& of, absl::string_view sealed, const std::string& table);
  void Add(const std::string& table, const std::string& what, const Collection& collection);
  // Null, and a finding, if it is not there.
  Collection* Find(int64_t id, const std::string& table);
  // Visits all rows, a page at a time: `page` runs the statement from after the last row, `visit`
  // remembers where it was.
  template <typename Page, typename Visit>
  absl::Status EachRow(const char* table, Page page, Visit visit) {
    for (int count = kPage; count == kPage;) {
      count = 0;
      SqlRun run = page();
      for (;; ++count) {
        absl::StatusOr<bool> row = run.Next();
        if (!row.ok()) return row.status();
        if (!*row) break;
        if (absl::Status status = visit(run); !status.ok()) return status;
      }
      parts_.findings->Looked(table, count);
    }
    return absl::OkStatus();
  }

  // What a page is bound with: its own, for `last_` goes on while its rows come.
  SqlBlob From() {
    from_ = last_;
    return SqlBlob(from_);
  }

  const Parts parts_;
  std::unique_ptr<OpeningKeys> opening_;
  SqlStatement owners_, collections_, records_, keys_, history_, changes_, begin_, names_,
      identities_, subjects_;
  std::map<int64_t, Owner> owners_by_id_;
  std::map<int64_t, Collection> collections_by_id_;
  std::map<std::pair<int64_t, int64_t>, Replaced> replaced_;  // by collection and position
  // What records say, and what the tables beside them do: equal sets have equal digests.
  std::map<int64_t, SetDigest> further_names_;  // by collection
  std::unique_ptr<SetDigest> joined_;
  std::string last_;  // where a walk is, of what has no number
  std::string from_;  // the same of the page under way, whose run borrows it
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RECORD_VERIFIER_H_
