// Looks at every row that a store has of its log: that bodies are what was hashed, that leaves are
// the head's and the head is what its checkpoint says, that openings open and are what entries
// commit to; and that MOU versions, organizations and the versions of keys are what the log says
// last.
//
// One a verification; not thread-safe.
#ifndef SLUICE_SERVER_LOG_VERIFICATION_H_
#define SLUICE_SERVER_LOG_VERIFICATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/checkpoint.h"
#include "server/audit/entry_encoding.h"
#include "server/key_encryption_keys.h"
#include "server/store/opening_keys.h"
#include "server/store/sql.h"
#include "server/store/store_findings.h"
#include "server/store/store_reader.h"

namespace sluice::server {

class LogVerification {
 public:
  // All must outlive it; `connection` is the reader's.
  struct Parts {
    SqlConnection* connection;
    StoreReader* reader;
    const KeyEncryptionKeys* keks;
    StoreFindings* findings;
    std::string origin;
    std::string vkey;       // of the log's key
    std::string published;  // the checkpoint outside the database; empty: there is none
  };
  static absl::StatusOr<std::unique_ptr<LogVerification>> Create(Parts parts);

  // Not OK: the store could not be read.
  absl::Status Run();

  // The growth of a dictionary that the log says last, by owner.
  struct Dictionary {
    uint64_t size = 0;
    std::string root;  // in base64
  };
  const std::map<std::string, Dictionary>& dictionaries() const { return dictionaries_; }

 private:
  // The last that the log says of a version or an organization.
  struct Said {
    uint64_t index = 0;
    std::string state;      // of a version
    std::string documents;  // digests of what it is
  };

  // The entries that say that a version of a key was made, and destroyed.
  struct SaidKey {
    std::optional<uint64_t> made;
    std::optional<uint64_t> destroyed;
  };

  explicit LogVerification(Parts parts) : parts_(std::move(parts)) {}
  absl::Status ReadEntries();
  void Fold(const LogRow& row);
  absl::Status ReadOpenings();
  bool IsErased(const std::string& owner, const std::string& field, uint64_t index) const;
  // That what opens each disclosure is there, of those that Fold met.
  absl::Status CompareDisclosures();
  // That the index of disclosures leads nowhere else.
  absl::Status FindSurplus();
  // That an index leads to each of an entry's subjects.
  absl::Status CompareContainers(const std::string& owner, int64_t index, absl::string_view bitmap);
  absl::Status CompareKeys();
  absl::Status CompareState();
  void Compare(const std::string& table, const std::string& name, const Said& stored);
  void Add(const std::string& table, const std::string& what,
           std::optional<uint64_t> log_index = std::nullopt) {
    parts_.findings->Add({table, what}, log_index);
  }

  const Parts parts_;
  std::unique_ptr<OpeningKeys> opening_;
  std::unique_ptr<NoteVerifier> verifier_;
  std::optional<Checkpoint> published_;
  SqlStatement openings_, opening_at_, container_, surplus_;
  std::map<std::string, Dictionary> dictionaries_;
  std::vector<std::pair<uint64_t, std::string>> disclosures_;  // entries to look at, with owners
  // Where openings are that the log says were destroyed: by field and by owner (empty: of all),
  // entries by the first and the end.
  std::map<std::pair<std::string, std::string>, std::map<uint64_t, uint64_t>> erased_;
  std::map<std::string, Said> said_;          // by a version's or an organization's name
  std::map<std::string, SaidKey> said_keys_;  // by the name of a key's version
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_LOG_VERIFICATION_H_
